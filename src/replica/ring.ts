/**
 * The event ring: the encoded recent records, contiguous in zxid, from which every lagging reader, every
 * resume and later every resynchronisation is served. Bounded by count and by bytes; what falls off is
 * said to be gone, never skipped silently.
 */
import { assert } from '../protocol/assert.ts';
import type { Zxid } from '../protocol/model.ts';
import type { LogRecord } from '../zab/types.ts';

export interface RingLimits {
  readonly ringTransactionsMax: number;
  readonly ringBytesMax: number;
}

export class EventRing {
  readonly #limits: RingLimits;
  #records: (LogRecord | undefined)[] = [];
  /** Index into `#records` of the oldest; the part before it is dead and cut off now and then. */
  #head = 0;
  #bytes = 0;
  /** Zxid of the oldest record kept, or of the next one to come when empty. */
  #firstZxid: Zxid;

  /** @param nextZxid zxid of the first record that will be pushed */
  constructor(limits: RingLimits, nextZxid: Zxid) {
    this.#limits = limits;
    this.#firstZxid = nextZxid;
  }

  get length(): number {
    return this.#records.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The smallest zxid after which everything is still here: a legal `from`. */
  get oldestResumeZxid(): Zxid {
    return this.#firstZxid - 1;
  }

  /** Zxid of the newest record. */
  get lastZxid(): Zxid {
    return this.#firstZxid + this.length - 1;
  }

  /** True when a reader that has seen all up to `zxid` can go on from here. */
  canResumeFrom(zxid: Zxid): boolean {
    return zxid >= this.oldestResumeZxid;
  }

  /** Invariant: records are contiguous. */
  push(record: LogRecord): void {
    assert(
      record.zxid === this.lastZxid + 1,
      `ring: record ${String(record.zxid)} after ${String(this.lastZxid)}`,
    );
    this.#records.push(record);
    this.#bytes += record.bytes.length;
    while (
      this.length > this.#limits.ringTransactionsMax ||
      (this.#bytes > this.#limits.ringBytesMax && this.length > 1)
    ) {
      this.#dropOldest();
    }
  }

  /** The record at `zxid`, which must be in the ring. */
  at(zxid: Zxid): LogRecord {
    const record = this.#records[this.#head + zxid - this.#firstZxid];
    assert(record !== undefined, `ring: no record at ${String(zxid)}`);
    return record;
  }

  #dropOldest(): void {
    const record = this.#records[this.#head];
    assert(record !== undefined, 'ring: nothing to drop');
    this.#bytes -= record.bytes.length;
    this.#records[this.#head] = undefined;
    this.#head++;
    this.#firstZxid++;
    // The dead part is cut when it is as long as the live one, so that a push costs O(1) on average.
    if (this.#head > 1024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }
}
