/**
 * The world of one simulation: virtual time, what is going to happen in it, and the trace of what did. One
 * thing happens at a time; then all promises that follow from it are settled, and only then comes the next.
 */
import { InvariantError } from '../../../src/protocol/assert.ts';
import { Agenda } from './agenda.ts';
import type { Entry } from './agenda.ts';
import { Chance } from './chance.ts';
import { Trace } from './trace.ts';

const US_PER_MS = 1000;

/**
 * What a simulation is told that it found. The text says which invariant is broken, and how. As one of the
 * invariants it ends every process that finds it, in whatever it is thrown.
 */
export class Violation extends InvariantError {}

/** @throws Violation always */
export function violated(what: string): never {
  throw new Violation(what);
}

export class World {
  readonly chance: Chance;
  readonly trace: Trace;
  readonly #agenda: Agenda;
  #nowUs = 0;
  #events = 0;
  /** To be done before anything else happens, as `process.nextTick` has it. */
  #endOfTurn: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(seed: number, trace: Trace) {
    this.chance = new Chance(seed);
    this.trace = trace;
    const tie = this.chance.fork('tie');
    this.#agenda = new Agenda(tie.real);
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get nowMs(): number {
    return this.#nowUs / US_PER_MS;
  }

  /** How many things have happened. */
  get events(): number {
    return this.#events;
  }

  /** The first thing that went wrong; nothing happens after it. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Ends the simulation: an invariant is broken, or code has thrown what it must not. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Enters something into the agenda. @param delayUs microseconds from now */
  after(delayUs: number, task: () => void): Entry {
    return this.#agenda.enter(this.#nowUs + Math.max(0, Math.ceil(delayUs)), task);
  }

  afterMs(delayMs: number, task: () => void): Entry {
    return this.after(delayMs * US_PER_MS, task);
  }

  endOfTurn(task: () => void): void {
    this.#endOfTurn.push(task);
  }

  /** Lets everything happen that is due by then. Returns when the time has come, or something has failed. */
  async run(untilMs: number): Promise<void> {
    const endUs = untilMs * US_PER_MS;
    await this.#settle();
    while (this.#failure === undefined && this.#agenda.nextUs <= endUs) {
      const entry = this.#agenda.take();
      const task = entry?.task;
      if (entry === undefined || task === undefined) continue;
      this.#nowUs = entry.atUs;
      this.#events += 1;
      this.trace.mix(entry.atUs);
      this.attempt(task);
      await this.#settle();
    }
    if (this.#failure === undefined) this.#nowUs = Math.max(this.#nowUs, endUs);
  }

  /** All that follows at once: what stands at the end of the turn, and promises. */
  async #settle(): Promise<void> {
    do {
      while (this.#endOfTurn.length > 0) {
        const tasks = this.#endOfTurn;
        this.#endOfTurn = [];
        for (const task of tasks) this.attempt(task);
      }
      await promises();
    } while (this.#endOfTurn.length > 0);
  }

  /** Does something outside the agenda; what it throws ends the simulation. */
  attempt(task: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      task();
    } catch (error) {
      this.fail(error);
    }
  }
}

/**
 * Resolves when nothing is left in the queue of microtasks: Node goes on with its next tick only when that
 * is empty. Far cheaper than a turn of the event loop.
 */
function promises(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
