/** How late the event loop was: the longest anybody had to wait for the process. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds between two looks. */
const RESOLUTION_MS = 10;
const NANOSECONDS_PER_SECOND = 1e9;

export interface EventLoopDelay {
  readonly maxSeconds: number;
  readonly meanSeconds: number;
  readonly p99Seconds: number;
}

export class EventLoopMonitor {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#delays.enable();
  }

  /** Of the time since the last call. */
  take(): EventLoopDelay {
    const { max, mean } = this.#delays;
    const delay = {
      maxSeconds: beyondResolution(max),
      meanSeconds: beyondResolution(mean),
      p99Seconds: beyondResolution(this.#delays.percentile(99)),
    };
    this.#delays.reset();
    return delay;
  }

  stop(): void {
    this.#delays.disable();
  }
}

/** What is measured is the distance of two looks; NaN where there was none yet. */
function beyondResolution(nanoseconds: number): number {
  const seconds = nanoseconds / NANOSECONDS_PER_SECOND - RESOLUTION_MS / 1000;
  return Number.isNaN(seconds) ? 0 : Math.max(0, seconds);
}
