import type { TransportScheduler } from './network.ts';

export interface BackoffOptions {
  readonly scheduler: TransportScheduler;
  /** A number in [0, 1): nodes that lost one another at once do not come back at once. */
  readonly random: () => number;
  /** First and longest wait, milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** Calls again and again, ever less often: each wait is about twice the one before. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #task: () => void;
  #waitMs = 0;
  #cancel: (() => void) | undefined;
  #isHurried = false;

  constructor(options: BackoffOptions, task: () => void) {
    this.#options = options;
    this.#task = task;
  }

  /** Forgets the waits so far; the next call is made at once. */
  reset(): void {
    this.#waitMs = 0;
  }

  /** Makes the next call in time. */
  next(): void {
    const { scheduler, random, minMs, maxMs } = this.#options;
    const delayMs = this.#waitMs * (0.5 + random() / 2);
    this.#waitMs = Math.min(maxMs, this.#waitMs === 0 ? minMs : this.#waitMs * 2);
    this.#schedule(delayMs, scheduler);
  }

  /** There is news: a call that waits is made after the shortest wait. However often, it comes no sooner. */
  hurry(): void {
    if (this.#cancel === undefined || this.#isHurried) return;
    const { scheduler, minMs } = this.#options;
    this.#schedule(minMs, scheduler);
    this.#isHurried = true;
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#isHurried = false;
  }

  #schedule(delayMs: number, scheduler: TransportScheduler): void {
    this.cancel();
    this.#cancel = scheduler.after(delayMs, () => {
      this.cancel();
      this.#task();
    });
  }
}
