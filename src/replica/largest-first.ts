/** A heap that knows where each of its items stands, so that one that changes is moved and not searched. */
import { assert } from '../protocol/assert.ts';

export interface Sized<T> {
  /** Index in the heap, −1 outside; the heap alone changes it. */
  place: number;
  /** A total order: of two items one is larger. */
  isLargerThan(other: T): boolean;
}

export class LargestFirst<T extends Sized<T>> {
  readonly #items: T[] = [];

  get first(): T | undefined {
    return this.#items[0];
  }

  /** Takes the item in, or moves it to where it belongs now. */
  place(item: T): void {
    if (item.place === -1) this.#put(item, this.#items.length);
    this.#rise(item);
    this.#sink(item);
  }

  remove(item: T): void {
    const last = this.#items.pop();
    assert(last !== undefined && item.place !== -1, 'only what is in the heap is removed');
    if (last !== item) {
      this.#put(last, item.place);
      this.place(last);
    }
    item.place = -1;
  }

  #rise(item: T): void {
    while (item.place > 0) {
      const parent = this.#at((item.place - 1) >>> 1);
      if (!item.isLargerThan(parent)) return;
      this.#swap(item, parent);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = 2 * item.place + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const isRight = right < this.#items.length && this.#at(right).isLargerThan(this.#at(left));
      const child = this.#at(isRight ? right : left);
      if (!child.isLargerThan(item)) return;
      this.#swap(item, child);
    }
  }

  #at(place: number): T {
    const item = this.#items[place];
    assert(item !== undefined, 'a heap is dense');
    return item;
  }

  #swap(one: T, other: T): void {
    const { place } = one;
    this.#put(one, other.place);
    this.#put(other, place);
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}
