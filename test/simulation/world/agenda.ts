/** What is going to happen, by virtual time; of what is due at one moment chance has decided when it was entered. */

export interface Entry {
  readonly atUs: number;
  readonly tie: number;
  readonly number: number;
  /** Undefined when it has been cancelled. */
  task: (() => void) | undefined;
}

/** A binary heap. */
export class Agenda {
  readonly #heap: Entry[] = [];
  readonly #tie: () => number;
  #entered = 0;

  /** @param tie decides between what is due at one moment */
  constructor(tie: () => number) {
    this.#tie = tie;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** When the next one is due, microseconds; Infinity when nothing is. */
  get nextUs(): number {
    return this.#heap[0]?.atUs ?? Infinity;
  }

  enter(atUs: number, task: () => void): Entry {
    this.#entered += 1;
    const entry: Entry = { atUs, tie: this.#tie(), number: this.#entered, task };
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
    return entry;
  }

  take(): Entry | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      if (left === undefined) break;
      const right = heap[2 * index + 2];
      const isRight = right !== undefined && isBefore(right, left);
      const lesser = isRight ? right : left;
      if (isBefore(entry, lesser)) break;
      heap[index] = lesser;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.atUs !== b.atUs) return a.atUs < b.atUs;
  return a.tie === b.tie ? a.number < b.number : a.tie < b.tie;
}
