/**
 * One life of a node: what a process is to the code that runs in it. Input comes one piece at a time; while
 * the process stands still it waits, and when the process is gone it comes to nothing.
 */
import type { Clock, Scheduler } from '../../../src/replica/index.ts';
import type { TransportScheduler } from '../../../src/transport/network.ts';
import type { MachineClock } from './clock.ts';
import type { Host } from './network.ts';
import type { World } from './world.ts';

/** From the input to what was deferred until after it, microseconds. */
const TURN_US = 5;

export interface ProcessParts {
  readonly id: number;
  readonly world: World;
  readonly clock: MachineClock;
  /** What a piece of input takes at present, microseconds. */
  readonly inputUs: () => number;
}

/** A time in which a process stood still, milliseconds of the world. */
export interface Pause {
  readonly fromMs: number;
  readonly untilMs: number;
}

export class Process implements Host {
  readonly id: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly transportScheduler: TransportScheduler;
  readonly #parts: ProcessParts;
  readonly #inbox: (() => void)[] = [];
  #deferred: (() => void)[] = [];
  #isAlive = true;
  #isPaused = false;
  #stoodStillUs = 0;
  #pausedUs = 0;
  readonly #pauses: Pause[] = [];
  #busyUntilUs = 0;
  #isWaking = false;
  /** Sends until the process stops, and whether the last of them is still made. */
  #stopAt: { sends: number; readonly isLastSent: boolean } | undefined;
  /** Told when it is to stop in the middle of what it does. */
  onCrashPoint: () => void = () => undefined;

  constructor(parts: ProcessParts) {
    const { world, clock } = parts;
    this.id = parts.id;
    this.#parts = parts;
    this.clock = { monotonicMs: () => clock.monotonicMs, wallMs: () => clock.wallMs };
    this.scheduler = {
      defer: (task) => this.#defer(task),
      every: (ms, task) => this.#every(ms, task),
    };
    this.transportScheduler = {
      nowMs: () => clock.monotonicMs,
      after: (ms, task) => this.#after(ms, task),
      endOfTurn: (task) => {
        world.endOfTurn(() => {
          if (this.#isAlive) task();
        });
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Until when it has stood still, the last time, milliseconds; Infinity while it does. */
  get stoodStillMs(): number {
    return this.#isPaused ? Infinity : this.#stoodStillUs / 1000;
  }

  /** All that are over. */
  get pauses(): readonly Pause[] {
    return this.#pauses;
  }

  input(task: () => void): void {
    if (!this.#isAlive) return;
    const { world, inputUs } = this.#parts;
    if (this.#isPaused || this.#inbox.length > 0 || this.#busyUntilUs > world.nowUs) {
      this.#inbox.push(task);
      this.#wake();
      return;
    }
    this.#busyUntilUs = world.nowUs + inputUs();
    task();
  }

  /** It stops at the n-th time from now that it writes to a connection: what comes after it is never sent. */
  crashAtSend(sends: number, isLastSent: boolean): void {
    this.#stopAt = { sends, isLastSent };
  }

  /** Asked at every write to a connection, in their order. */
  sends(): boolean {
    if (!this.#isAlive || this.#stopAt === undefined) return this.#isAlive;
    this.#stopAt.sends -= 1;
    if (this.#stopAt.sends > 0) return true;
    const { isLastSent } = this.#stopAt;
    this.#stopAt = undefined;
    this.onCrashPoint();
    return isLastSent;
  }

  pause(): void {
    if (!this.#isPaused) this.#pausedUs = this.#parts.world.nowUs;
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused) {
      this.#stoodStillUs = this.#parts.world.nowUs;
      this.#pauses.push({ fromMs: this.#pausedUs / 1000, untilMs: this.#stoodStillUs / 1000 });
    }
    this.#isPaused = false;
    this.#wake();
  }

  /** Nothing of it does anything any more. */
  end(): void {
    this.#isAlive = false;
    this.#inbox.length = 0;
    this.#deferred.length = 0;
  }

  #wake(): void {
    if (this.#isWaking || this.#isPaused || this.#inbox.length === 0) return;
    const { world } = this.#parts;
    this.#isWaking = true;
    world.after(this.#busyUntilUs - world.nowUs, () => {
      this.#isWaking = false;
      if (!this.#isAlive || this.#isPaused) return;
      const task = this.#inbox.shift();
      this.#busyUntilUs = world.nowUs + this.#parts.inputUs();
      task?.();
      this.#wake();
    });
  }

  #defer(task: () => void): void {
    this.#deferred.push(task);
    if (this.#deferred.length > 1) return;
    this.#parts.world.after(TURN_US, () => {
      this.input(() => {
        const tasks = this.#deferred;
        this.#deferred = [];
        for (const each of tasks) if (this.#isAlive) each();
      });
    });
  }

  #after(ms: number, task: () => void): () => void {
    const { world, clock } = this.#parts;
    let isOver = false;
    const entry = world.after(clock.toUs(ms), () => {
      this.input(() => {
        if (!isOver) task();
      });
    });
    return () => {
      isOver = true;
      entry.task = undefined;
    };
  }

  #every(ms: number, task: () => void): () => void {
    let cancel = (): void => undefined;
    const next = (): void => {
      cancel = this.#after(ms, () => {
        next();
        task();
      });
    };
    next();
    return () => cancel();
  }
}
