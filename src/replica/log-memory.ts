/**
 * The records that are in memory: the ring with those that have been applied, and behind it those that
 * have not. One place serves the learners' streams, so that a record is encoded once and found at once.
 */
import { assert } from '../protocol/assert.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Transaction } from '../tree/index.ts';
import { comparePositions } from '../zab/index.ts';
import type { LogPosition, LogRecord, RecordSource } from '../zab/index.ts';
import type { EventRing } from './ring.ts';
import type { Pending } from './stream.ts';

/** A record of the log that has not been applied: recovered, received, or proposed here. */
export interface Unapplied {
  readonly record: LogRecord;
  /** What it decodes to, where this node has made it. */
  readonly transaction: Transaction | undefined;
  /** The request that waits for it. */
  pending: Pending | undefined;
}

export class LogMemory implements RecordSource {
  #ring: EventRing;
  /** In log order, contiguous, from right behind the ring on. */
  readonly #unapplied = new Fifo<Unapplied>();
  #unappliedBytes = 0;
  /** The first known record of each epoch, in order. */
  #epochStarts: LogPosition[];

  constructor(ring: EventRing, epochStarts: readonly LogPosition[]) {
    this.#ring = ring;
    this.#epochStarts = [...epochStarts];
  }

  get ring(): EventRing {
    return this.#ring;
  }

  get unapplied(): number {
    return this.#unapplied.length;
  }

  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  /** Zxid of the last record. */
  get lastZxid(): Zxid {
    return this.#ring.lastZxid + this.#unapplied.length;
  }

  /** Position of the last record that is not applied; undefined when all are. */
  get last(): LogPosition | undefined {
    const record = this.#unapplied.at(this.#unapplied.length - 1)?.record;
    return record === undefined ? undefined : { epoch: record.epoch, zxid: record.zxid };
  }

  at(zxid: Zxid): LogRecord | undefined {
    const { lastZxid } = this.#ring;
    if (zxid > lastZxid) return this.#unapplied.at(zxid - lastZxid - 1)?.record;
    return zxid > this.#ring.oldestResumeZxid ? this.#ring.at(zxid) : undefined;
  }

  /** Invariant: records are contiguous. */
  push(entry: Unapplied): void {
    const { record } = entry;
    assert(record.zxid === this.lastZxid + 1, 'unapplied records follow one another');
    this.#unapplied.push(entry);
    this.#unappliedBytes += record.bytes.length;
    if (record.epoch > (this.#epochStarts.at(-1)?.epoch ?? 0)) {
      this.#epochStarts.push({ epoch: record.epoch, zxid: record.zxid });
    }
  }

  /** The oldest that has not been applied. */
  peek(): Unapplied | undefined {
    return this.#unapplied.peek();
  }

  /** The `index`-th from the oldest. */
  peekAt(index: number): Unapplied | undefined {
    return this.#unapplied.at(index);
  }

  /** The oldest has been applied: from now on it stands in the ring. */
  applied(): void {
    const entry = this.#unapplied.shift();
    assert(entry !== undefined, 'what is applied was there');
    this.#unappliedBytes -= entry.record.bytes.length;
    this.#ring.push(entry.record);
  }

  /** The log ends at `position` now. @returns what has been forgotten, oldest first */
  forgetAfter(position: LogPosition): readonly Unapplied[] {
    if (position.zxid >= this.lastZxid) return [];
    assert(position.zxid >= this.#ring.lastZxid, 'what has been applied is never forgotten');
    const all = this.#unapplied.drain();
    const kept = all.filter(({ record }) => record.zxid <= position.zxid);
    this.#unappliedBytes = 0;
    this.#epochStarts = this.#epochStarts.filter((start) => comparePositions(start, position) <= 0);
    for (const entry of kept) this.push(entry);
    return all.slice(kept.length);
  }

  /** Another node's state has taken the place of this one's. @returns what has been forgotten */
  replace(ring: EventRing, epochStarts: readonly LogPosition[]): readonly Unapplied[] {
    this.#ring = ring;
    this.#epochStarts = [...epochStarts];
    this.#unappliedBytes = 0;
    return this.#unapplied.drain();
  }

  /** First known records of the epochs up to `position`. */
  epochStartsUpTo(position: LogPosition): readonly LogPosition[] {
    return this.#epochStarts.filter((start) => comparePositions(start, position) <= 0);
  }
}
