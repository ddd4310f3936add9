/** All chance of a simulation: one seed, split by name, so that a draw more in one place moves nothing elsewhere. */
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';

export class Chance {
  readonly seed: number;
  /** A number in [0, 1). */
  readonly real: Random;

  constructor(seed: number) {
    this.seed = seed;
    this.real = seededRandom(seed);
  }

  /** A source of its own: what is drawn from it depends on this one's seed and the name, and on no draw. */
  fork(name: string): Chance {
    let mixed = this.seed ^ 0x9e3779b9;
    for (let index = 0; index < name.length; index += 1) {
      mixed = Math.imul(mixed ^ name.charCodeAt(index), 0x85ebca6b);
      mixed ^= mixed >>> 13;
    }
    return new Chance(mixed >>> 0);
  }

  /** An integer from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.real() * bound);
  }

  /** An integer, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  happens(probability: number): boolean {
    return this.real() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }

  /** A non-negative number; many small ones and few great ones around `mean`. */
  exponential(mean: number): number {
    return -Math.log(1 - this.real()) * mean;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const keyed = items.map((item) => ({ item, key: this.real() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  hex(bytes: number): string {
    return Buffer.from(this.bytes(bytes)).toString('hex');
  }
}
