/**
 * All states that have been seen, each once, in the order in which they were: a list that is also a set. A state
 * is a fixed number of integers; it is compared whole, so that no two states are ever taken for one.
 */

/** Integers of a state. */
export const WIDTH = 11;

export type State = Int32Array;

export class StateTable {
  #states = new Int32Array(WIDTH * 1024);
  /** From which state, and by which step, each was reached first. */
  #parents = new Int32Array(1024);
  #steps = new Int32Array(1024);
  /** Numbers of states by their hash, one more than they are; 0 where there is none. */
  #slots = new Int32Array(4096);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies a state into `target`. */
  read(number: number, target: State): void {
    const offset = number * WIDTH;
    for (let index = 0; index < WIDTH; index++) target[index] = this.#states[offset + index] ?? 0;
  }

  /** The state from which it was reached first; -1 for where all began. */
  parentOf(number: number): number {
    return this.#parents[number] ?? -1;
  }

  stepTo(number: number): number {
    return this.#steps[number] ?? 0;
  }

  /** @returns false where it is known */
  add(state: State, parent: number, step: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#rehash();
    const slot = this.#slotOf(state);
    if (this.#slots[slot] !== 0) return false;
    const number = this.#size;
    if (number >= this.#parents.length) this.#grow();
    this.#states.set(state, number * WIDTH);
    this.#parents[number] = parent;
    this.#steps[number] = step;
    this.#size = number + 1;
    this.#slots[slot] = this.#size;
    return true;
  }

  /** Where the state is, or would be. */
  #slotOf(state: State): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(state) & mask;
    for (;;) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0 || this.#isAt(found - 1, state)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isAt(number: number, state: State): boolean {
    const offset = number * WIDTH;
    for (let index = 0; index < WIDTH; index++) {
      if (this.#states[offset + index] !== state[index]) return false;
    }
    return true;
  }

  #grow(): void {
    const grown = (array: Int32Array): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(array.length * 2);
      larger.set(array);
      return larger;
    };
    this.#states = grown(this.#states);
    this.#parents = grown(this.#parents);
    this.#steps = grown(this.#steps);
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const state = new Int32Array(WIDTH);
    for (let number = 0; number < this.#size; number++) {
      this.read(number, state);
      this.#slots[this.#slotOf(state)] = number + 1;
    }
  }
}

function hashOf(state: State): number {
  let hash = 0x811c9dc5;
  for (const value of state) {
    hash = Math.imul(hash ^ value, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
