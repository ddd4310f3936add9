/**
 * One timer for all connections of a node: a wheel of slots, each a linked list of what falls due then.
 * Entries carry their own links, so that ten thousand idle connections cost no timer and no list cell.
 */
import { assert } from '../../protocol/assert.ts';

/** What can wait on a wheel; the wheel alone touches these fields. */
export interface WheelEntry {
  /** The tick at which the entry falls due; 0 = it does not wait. */
  dueTick: number;
  previousEntry: WheelEntry | undefined;
  nextEntry: WheelEntry | undefined;
}

const SLOTS = 512;

export class TimerWheel<Entry extends WheelEntry> {
  readonly #slots: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(SLOTS).fill(
    undefined,
  );
  readonly #tickMs: number;
  readonly #onDue: (entry: Entry) => void;
  #tick = 0;

  constructor(options: { readonly tickMs: number; readonly onDue: (entry: Entry) => void }) {
    this.#tickMs = options.tickMs;
    this.#onDue = options.onDue;
  }

  /** Ticks since the start: a clock as coarse as the wheel. */
  get now(): number {
    return this.#tick;
  }

  /** Lets `entry` fall due after `delayMs`, rounded down to whole ticks but at least one; replaces its earlier date. */
  schedule(entry: Entry, delayMs: number): void {
    this.cancel(entry);
    entry.dueTick = this.#tick + Math.max(1, Math.floor(delayMs / this.#tickMs));
    const slot = entry.dueTick % SLOTS;
    const first = this.#slots[slot];
    entry.previousEntry = undefined;
    entry.nextEntry = first;
    if (first !== undefined) first.previousEntry = entry;
    this.#slots[slot] = entry;
  }

  /** Does nothing for an entry that does not wait. */
  cancel(entry: WheelEntry): void {
    if (entry.dueTick === 0) return;
    const { previousEntry, nextEntry } = entry;
    if (previousEntry === undefined) this.#slots[entry.dueTick % SLOTS] = nextEntry;
    else previousEntry.nextEntry = nextEntry;
    if (nextEntry !== undefined) nextEntry.previousEntry = previousEntry;
    entry.previousEntry = undefined;
    entry.nextEntry = undefined;
    entry.dueTick = 0;
  }

  /** Moves on by `ticks`; what fell due is told, tick by tick. */
  advance(ticks: number): void {
    assert(ticks >= 0, `wheel: cannot go back by ${ticks}`);
    for (let step = 0; step < ticks; step++) {
      this.#tick++;
      this.#fire();
    }
  }

  /** Collects first and tells later, since being told may reschedule or cancel any entry. */
  #fire(): void {
    const due: WheelEntry[] = [];
    let entry = this.#slots[this.#tick % SLOTS];
    while (entry !== undefined) {
      if (entry.dueTick === this.#tick) due.push(entry);
      entry = entry.nextEntry;
    }
    for (const one of due) {
      if (one.dueTick !== this.#tick) continue;
      this.cancel(one);
      this.#onDue(one as Entry);
    }
  }
}
