/** A disk that completes nothing: said in the log when it begins, again and again while it lasts, and when it is over. */
import type { ReplicaLog } from './host.ts';

/** Between two lines of the log about one silence, milliseconds. */
export const DISK_SILENCE_TOLD_MS = 10_000;

export class DiskSilence {
  readonly #log: ReplicaLog;
  #toldAtMs: number | undefined;
  #lastMs = 0;

  constructor(log: ReplicaLog) {
    this.#log = log;
  }

  /** @param silentMs for how long it has completed nothing; 0 while it works */
  tick(nowMs: number, silentMs: number): void {
    if (silentMs > 0) this.#lasts(nowMs, silentMs);
    else if (this.#toldAtMs !== undefined) this.#isOver();
  }

  #lasts(nowMs: number, silentMs: number): void {
    this.#lastMs = silentMs;
    if (this.#toldAtMs !== undefined && nowMs < this.#toldAtMs + DISK_SILENCE_TOLD_MS) return;
    this.#toldAtMs = nowMs;
    this.#log.warn(
      { silentMs: Math.round(silentMs) },
      `${diskSilenceText(silentMs)}: this node acknowledges no writes until it does`,
    );
  }

  #isOver(): void {
    this.#toldAtMs = undefined;
    this.#log.warn({ silentMs: Math.round(this.#lastMs) }, 'the disk completes writes again');
  }
}

/** A half sentence that says why a node is not ready. */
export function diskSilenceText(silentMs: number): string {
  return `the disk has completed nothing for ${(silentMs / 1000).toFixed(1)} s`;
}
