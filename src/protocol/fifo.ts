/**
 * A first-in, first-out queue in one array. What has left it is let go at once: a queue that kept its
 * dead part referenced would make the garbage collector carry every short-lived entry into old age.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  /** Index of the oldest; the part before it is dead and cut off now and then. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The `index`-th from the oldest, undefined beyond the youngest. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** The oldest. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the oldest. */
  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head === this.#items.length) return undefined;
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Removes and returns all, oldest first. */
  drain(): T[] {
    const items = this.#items.slice(this.#head) as T[];
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
