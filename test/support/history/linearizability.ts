/**
 * Whether calls that overlapped in time can be put in one order that a sequential model explains: the search
 * of Wing and Gong with Lowe's memory of configurations seen, as Porcupine does it.
 */

/** @typeParam Call what was asked and answered */
export interface Model<State, Call> {
  readonly initial: State;
  /** The state after a call that has had this answer; `impossible` when it cannot have had it there. */
  step(state: State, call: Call): State | typeof impossible;
  /** Equal texts for equal states. */
  key(state: State): string;
}

export const impossible = Symbol('impossible');

export interface TimedCall<Call> {
  readonly call: Call;
  readonly invokedMs: number;
  /** Infinity: the outcome is unknown, it may take effect at any later time or never. */
  readonly returnedMs: number;
  /** Calls of unknown outcome with the same text here can stand for one another: the earliest is tried first. */
  readonly twin?: string;
}

export interface Searched {
  readonly verdict: 'linearizable' | 'undecided';
  readonly steps: number;
}

export interface Violation<Call> {
  readonly verdict: 'violation';
  readonly steps: number;
  /** So many could be explained. */
  readonly longest: readonly Call[];
  /** The first call to return that no order explains. */
  readonly stuck: Call;
}

export type Verdict<Call> = Searched | Violation<Call>;

interface Entry {
  /** Index of the call; the same at its call and at its return. */
  readonly index: number;
  readonly isReturn: boolean;
  readonly atMs: number;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** A call that has its place: one with an answer by its entry, one without by its index among those. */
interface Placed<State> {
  readonly entry: Entry | undefined;
  readonly loose: number;
  readonly before: State;
}

/** Where the search goes on: calls with an answer are tried first, then those that need not be explained. */
interface Cursor {
  entry: Entry | undefined;
  loose: number;
}

class WingGong<State, Call> {
  readonly #model: Model<State, Call>;
  readonly #calls: readonly TimedCall<Call>[];
  readonly #loose: readonly TimedCall<Call>[];
  readonly #head: Entry = {
    ...{ index: -1, isReturn: false, atMs: -Infinity, previous: undefined, next: undefined },
  };
  readonly #returns: (Entry | undefined)[];
  readonly #placed: Placed<State>[] = [];
  readonly #isPlaced: boolean[];
  readonly #isLoosePlaced: boolean[];
  readonly #seen = new Set<string>();
  #state: State;
  /** Calls with an answer that have no place yet. */
  #open: number;
  #longest: readonly Call[] = [];
  #stuck: number | undefined;

  constructor(model: Model<State, Call>, calls: readonly TimedCall<Call>[]) {
    const sorted = [...calls].sort((a, b) => a.invokedMs - b.invokedMs);
    this.#model = model;
    this.#calls = sorted.filter(({ returnedMs }) => returnedMs !== Infinity);
    this.#loose = sorted.filter(({ returnedMs }) => returnedMs === Infinity);
    this.#state = model.initial;
    this.#returns = this.#calls.map(() => undefined);
    this.#isPlaced = this.#calls.map(() => false);
    this.#isLoosePlaced = this.#loose.map(() => false);
    this.#open = this.#calls.length;
    this.#link();
  }

  run(stepsMax: number): Verdict<Call> {
    const cursor: Cursor = { entry: this.#head.next, loose: 0 };
    let steps = 0;
    while (this.#open > 0) {
      steps += 1;
      if (steps > stepsMax) return { verdict: 'undecided', steps };
      const { entry } = cursor;
      if (entry === undefined) throw new Error('a call without a return');
      if (!entry.isReturn) {
        if (this.#place(entry)) this.#restart(cursor);
        else cursor.entry = entry.next;
      } else if (this.#placeLoose(entry, cursor)) this.#restart(cursor);
      else {
        this.#remember(entry);
        const last = this.#placed.pop();
        if (last === undefined) return this.#violation(steps);
        this.#unplace(last, cursor);
      }
    }
    return { verdict: 'linearizable', steps };
  }

  #restart(cursor: Cursor): void {
    cursor.entry = this.#head.next;
    cursor.loose = 0;
  }

  #violation(steps: number): Verdict<Call> {
    const stuck = this.#calls[this.#stuck ?? 0];
    if (stuck === undefined) throw new Error('a violation without a call');
    return { verdict: 'violation', steps, longest: this.#longest, stuck: stuck.call };
  }

  /** Tries the call next in the order; false when the model or an earlier search forbids it. */
  #place(entry: Entry): boolean {
    const timed = this.#calls[entry.index];
    const before = this.#state;
    this.#isPlaced[entry.index] = true;
    if (timed === undefined || !this.#step(timed.call, entry)) {
      this.#isPlaced[entry.index] = false;
      return false;
    }
    this.#placed.push({ entry, loose: -1, before });
    this.#open -= 1;
    unlink(entry);
    const end = this.#returns[entry.index];
    if (end !== undefined) unlink(end);
    return true;
  }

  /** Tries the next call of unknown outcome that was sent before that return. */
  #placeLoose(blocking: Entry, cursor: Cursor): boolean {
    const twins = new Set<string>();
    for (let index = 0; index < this.#loose.length; index += 1) {
      const timed = this.#loose[index];
      if (timed === undefined || timed.invokedMs > blocking.atMs) return false;
      if (this.#isLoosePlaced[index] === true) continue;
      const { twin } = timed;
      const isTwin = twin !== undefined && twins.has(twin);
      if (twin !== undefined) twins.add(twin);
      if (isTwin || index < cursor.loose) continue;
      const before = this.#state;
      this.#isLoosePlaced[index] = true;
      if (this.#step(timed.call, undefined)) {
        this.#placed.push({ entry: undefined, loose: index, before });
        return true;
      }
      this.#isLoosePlaced[index] = false;
    }
    return false;
  }

  #step(call: Call, placing: Entry | undefined): boolean {
    const next = this.#model.step(this.#state, call);
    if (next === impossible) return false;
    const configuration = `${this.#model.key(next)}|${this.#skipped(placing)}|${this.#used()}`;
    if (this.#seen.has(configuration)) return false;
    this.#seen.add(configuration);
    this.#state = next;
    return true;
  }

  #unplace({ entry, loose, before }: Placed<State>, cursor: Cursor): void {
    this.#state = before;
    if (entry === undefined) {
      this.#isLoosePlaced[loose] = false;
      cursor.loose = loose + 1;
      // The calls with an answer have been tried at this place.
      for (cursor.entry = this.#head.next; cursor.entry?.isReturn === false;) {
        cursor.entry = cursor.entry.next;
      }
      return;
    }
    this.#isPlaced[entry.index] = false;
    const end = this.#returns[entry.index];
    if (end !== undefined) relink(end);
    relink(entry);
    this.#open += 1;
    cursor.entry = entry.next;
    cursor.loose = 0;
  }

  /**
   * Which calls have a place, in few characters: the last one that has, and those before it that have none.
   * Calls are numbered in the order of their invocation, so there are few of these.
   */
  #skipped(placing: Entry | undefined): string {
    let last = Math.max(placing?.index ?? -1, this.#high);
    while (last >= 0 && this.#isPlaced[last] !== true) last -= 1;
    this.#high = last;
    let text = String(last);
    for (let entry = this.#head.next; entry !== undefined; entry = entry.next) {
      if (entry.isReturn) continue;
      if (entry.index > last) break;
      if (entry !== placing) text += `,${entry.index}`;
    }
    return text;
  }

  /** At or above the last call that has a place. */
  #high = -1;

  #used(): string {
    let text = '';
    for (let index = 0; index < this.#isLoosePlaced.length; index += 1) {
      if (this.#isLoosePlaced[index] === true) text += `${index},`;
    }
    return text;
  }

  #remember(blocking: Entry): void {
    if (this.#stuck !== undefined && this.#placed.length <= this.#longest.length) return;
    this.#longest = this.#placed.flatMap(({ entry, loose }) => {
      const timed = entry === undefined ? this.#loose[loose] : this.#calls[entry.index];
      return timed === undefined ? [] : [timed.call];
    });
    this.#stuck = blocking.index;
  }

  #link(): void {
    const moments = this.#calls.flatMap(({ invokedMs, returnedMs }, index) => [
      { atMs: invokedMs, index, isReturn: false },
      { atMs: returnedMs, index, isReturn: true },
    ]);
    // At the same moment a call comes before a return: then the two overlap, which forbids nothing.
    moments.sort(
      (a, b) => a.atMs - b.atMs || Number(a.isReturn) - Number(b.isReturn) || a.index - b.index,
    );
    let last = this.#head;
    for (const moment of moments) {
      const entry: Entry = { ...moment, previous: last, next: undefined };
      last.next = entry;
      last = entry;
      if (moment.isReturn) this.#returns[moment.index] = entry;
    }
  }
}

function unlink({ previous, next }: Entry): void {
  if (previous !== undefined) previous.next = next;
  if (next !== undefined) next.previous = previous;
}

/** Undoes the last `unlink` but those undone since. */
function relink(entry: Entry): void {
  if (entry.previous !== undefined) entry.previous.next = entry;
  if (entry.next !== undefined) entry.next.previous = entry;
}

/** @param stepsMax attempts after which it is left undecided, so that the search ends in bounded time */
export function linearize<State, Call>(
  model: Model<State, Call>,
  calls: readonly TimedCall<Call>[],
  stepsMax = 2_000_000,
): Verdict<Call> {
  return new WingGong(model, calls).run(stepsMax);
}
