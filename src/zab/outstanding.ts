import { assert } from '../protocol/assert.ts';

export interface OutstandingLimits {
  /** Proposed and not yet committed transactions. */
  readonly outstandingTransactionsMax: number;
  /** Bytes of their records. */
  readonly outstandingBytesMax: number;
}

/**
 * How much is proposed and not committed. Bytes are kept as a running sum per zxid, so that proposing
 * and committing any number of records cost one subtraction.
 */
export class Outstanding {
  readonly #limits: OutstandingLimits;
  readonly #sums: Float64Array;
  #committed: number;
  #last: number;
  #sum = 0;
  #committedSum = 0;

  /** @param zxid the position up to which all is committed at the start */
  constructor(zxid: number, limits: OutstandingLimits) {
    this.#limits = limits;
    this.#sums = new Float64Array(limits.outstandingTransactionsMax + 1);
    this.#committed = zxid;
    this.#last = zxid;
  }

  get transactions(): number {
    return this.#last - this.#committed;
  }

  get bytes(): number {
    return this.#sum - this.#committedSum;
  }

  /**
   * True below both bounds. The size of the next record does not count: it is known only once it has
   * been judged, and a judgement is not taken back; so the bytes exceed their bound by one record at most.
   */
  get hasRoom(): boolean {
    return (
      this.transactions < this.#limits.outstandingTransactionsMax &&
      this.bytes < this.#limits.outstandingBytesMax
    );
  }

  propose(zxid: number, bytes: number): void {
    assert(zxid === this.#last + 1, 'records are contiguous');
    assert(this.hasRoom, 'the limit of outstanding transactions is checked before');
    this.#last = zxid;
    this.#sum += bytes;
    this.#sums[zxid % this.#sums.length] = this.#sum;
  }

  commit(zxid: number): void {
    if (zxid <= this.#committed) return;
    assert(zxid <= this.#last, 'only what was proposed is committed');
    this.#committed = zxid;
    this.#committedSum = this.#sums[zxid % this.#sums.length] ?? 0;
  }
}
