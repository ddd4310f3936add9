/**
 * What is on its way from one node to another, as numbers. It arrives in order and nothing of it is lost, but
 * all of it with the connection: then the other end learns that it is gone, and of the next one as it begins.
 */
import { Interned } from './interned.ts';
import type { Input } from './process.ts';

/** A lane that nothing is on. */
export const EMPTY = 0;

export class Lanes {
  readonly #inputs: Interned<Input>;
  readonly #lanes = new Interned<readonly number[]>((items) => items.join());
  readonly #pushed = new Map<number, number>();
  readonly #rest: number[] = [];
  readonly #opening: boolean[] = [];

  /** @param inputs what the numbers on a lane mean to the node at its end */
  constructor(inputs: Interned<Input>) {
    this.#inputs = inputs;
    this.#lanes.numberOf([]);
  }

  itemsOf(lane: number): readonly number[] {
    return this.#lanes.at(lane);
  }

  /** What arrives next. */
  first(lane: number): number {
    const [first] = this.#lanes.at(lane);
    if (first === undefined) throw new Error('nothing is on the lane');
    return first;
  }

  /** The lane without that. */
  rest(lane: number): number {
    return (this.#rest[lane] ??= this.#lanes.numberOf(this.#lanes.at(lane).slice(1)));
  }

  push(lane: number, input: number): number {
    const key = lane * 2 ** 24 + input;
    let pushed = this.#pushed.get(key);
    if (pushed === undefined) {
      pushed = this.#lanes.numberOf([...this.#lanes.at(lane), input]);
      this.#pushed.set(key, pushed);
    }
    return pushed;
  }

  /** True while the node at the end has not learned yet of the connection that there is. */
  isOpening(lane: number): boolean {
    return (this.#opening[lane] ??= this.#has(lane, 'up'));
  }

  /** The connection from `from` is gone: what was on its way is lost, and the end learns of it if it knew it. */
  broken(lane: number, from: number): number {
    const knew = !this.isOpening(lane) || this.#has(lane, 'down');
    if (!knew) return EMPTY;
    return this.push(EMPTY, this.#inputs.numberOf({ type: 'down', peer: from }));
  }

  #has(lane: number, type: Input['type']): boolean {
    return this.#lanes.at(lane).some((item) => this.#inputs.at(item).type === type);
  }
}
