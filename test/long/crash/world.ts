/**
 * Everything outside a replica that could differ between two runs: time, chance, the order in which what
 * was deferred and what the disk has finished comes about. All of it follows from one seed.
 */
import type { Clock, Scheduler } from '../../../src/replica/index.ts';
import type { Random } from '../../support/random.ts';

interface Timer {
  readonly everyMs: number;
  readonly task: () => void;
  nextMs: number;
}

/** What a later life of the same node starts from. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export const firstMoment: Moment = { monotonicMs: 5000, wallMs: 1_700_000_000_000 };

export class World {
  readonly random: Random;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  #monotonicMs: number;
  #wallMs: number;
  readonly #deferred: (() => void)[] = [];
  readonly #completions: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  constructor(random: Random, from: Moment = firstMoment) {
    this.random = random;
    this.#monotonicMs = from.monotonicMs;
    this.#wallMs = from.wallMs;
    this.clock = { monotonicMs: () => this.#monotonicMs, wallMs: () => this.#wallMs };
    this.scheduler = {
      defer: (task) => void this.#deferred.push(task),
      every: (everyMs, task) => {
        const timer = { everyMs, task, nextMs: this.#monotonicMs + everyMs };
        this.#timers.add(timer);
        return () => void this.#timers.delete(timer);
      },
    };
  }

  get moment(): Moment {
    return { monotonicMs: this.#monotonicMs, wallMs: this.#wallMs };
  }

  /** For `MemoryDiskOptions`: the disk completes an operation when its turn comes, in any order. */
  readonly schedule = (complete: () => void): void => {
    this.#completions.push(complete);
  };

  /** Lets one thing happen, and all that follows from it at once; false when nothing is left to happen. */
  async turn(): Promise<boolean> {
    const next = this.#next();
    if (next === undefined) return false;
    next();
    await microtasks();
    return true;
  }

  /** Lets everything happen that happens without time going on. */
  async settle(): Promise<void> {
    await microtasks();
    while (await this.turn());
  }

  /** Time goes on; what is due runs, late where the step is a long one. */
  pass(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.nextMs > this.#monotonicMs) continue;
      timer.nextMs = this.#monotonicMs + timer.everyMs;
      timer.task();
    }
  }

  /** Somebody sets the clock of the machine, forth or back. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  #next(): (() => void) | undefined {
    const choices = this.#completions.length + (this.#deferred.length > 0 ? 1 : 0);
    if (choices === 0) return undefined;
    const choice = Math.floor(this.random() * choices);
    if (choice < this.#completions.length) return this.#completions.splice(choice, 1)[0];
    return this.#deferred.shift();
  }
}

/** Resolves when nothing is left in the queue of microtasks. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
