/** Which idempotency keys are remembered at every zxid: the last so many that were used, oldest out first. */
export class Keys {
  readonly #max: number;
  /** Zxids of the transactions that had one. */
  readonly #used: number[] = [];

  /** @param max how many are remembered */
  constructor(max: number) {
    this.#max = max;
  }

  used(zxid: number): void {
    this.#used.push(zxid);
  }

  /** @param since the zxid of the transaction that a key was used for last */
  isRemembered(since: number, zxid: number): boolean {
    return zxid >= since && this.#countUpTo(zxid) - this.#countUpTo(since) < this.#max;
  }

  #countUpTo(zxid: number): number {
    let [low, high] = [0, this.#used.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#used[middle] ?? Infinity) <= zxid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
