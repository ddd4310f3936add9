/**
 * The event ring: the encoded recent records, contiguous in zxid, from which every lagging reader, every
 * resume and later every resynchronisation is served. Bounded by count and by bytes; what falls off is
 * said to be gone, never skipped silently.
 */
import { assert } from '../protocol/assert.ts';
import type { Zxid } from '../protocol/model.ts';
import { recordOfFrame } from '../zab/index.ts';
import type { LogRecord } from '../zab/index.ts';

export interface RingLimits {
  readonly ringTransactionsMax: number;
  readonly ringBytesMax: number;
}

export class EventRing {
  readonly #limits: RingLimits;
  /**
   * Where the frame of each record lies; the part before `#head` is dead and cut off now and then. Plain
   * columns, since a hundred thousand objects that live this long would keep the collector busy.
   */
  #memory: (ArrayBufferLike | undefined)[] = [];
  #offsets: number[] = [];
  #lengths: number[] = [];
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
    return this.#lengths.length - this.#head;
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
    assert(record.zxid === this.lastZxid + 1, 'ring: records are contiguous');
    const { bytes } = record;
    this.#memory.push(bytes.buffer);
    this.#offsets.push(bytes.byteOffset);
    this.#lengths.push(bytes.length);
    this.#bytes += bytes.length;
    while (
      this.length > this.#limits.ringTransactionsMax ||
      (this.#bytes > this.#limits.ringBytesMax && this.length > 1)
    ) {
      this.#dropOldest();
    }
  }

  /** The record at `zxid`, which must be in the ring. */
  at(zxid: Zxid): LogRecord {
    const index = this.#head + zxid - this.#firstZxid;
    const memory = this.#memory[index];
    assert(memory !== undefined, `ring: no record at ${String(zxid)}`);
    const record = recordOfFrame(
      new Uint8Array(memory, this.#offsets[index] ?? 0, this.#lengths[index] ?? 0),
    );
    assert(record.zxid === zxid, 'ring: a record lies at its own place');
    return record;
  }

  #dropOldest(): void {
    this.#bytes -= this.#lengths[this.#head] ?? 0;
    this.#memory[this.#head] = undefined;
    this.#head++;
    this.#firstZxid++;
    // The dead part is cut when it is as long as the live one, so that a push costs O(1) on average.
    if (this.#head > 1024 && this.#head * 2 > this.#lengths.length) {
      this.#memory = this.#memory.slice(this.#head);
      this.#offsets = this.#offsets.slice(this.#head);
      this.#lengths = this.#lengths.slice(this.#head);
      this.#head = 0;
    }
  }
}
