/** Records that wait for the disk, first in, first out, taken a batch at a time. */
import type { LogRecord } from '../zab/types.ts';

/** Taken records are let go of once there are this many. */
const COMPACT_RECORDS = 4096;

export class RecordQueue {
  #records: LogRecord[] = [];
  #taken = 0;

  get isEmpty(): boolean {
    return this.#taken === this.#records.length;
  }

  push(record: LogRecord): void {
    this.#records.push(record);
  }

  /** As many as fit into `bytesMax`, but at least one; none only when the queue is empty. */
  take(bytesMax: number): readonly LogRecord[] {
    const from = this.#taken;
    let bytes = 0;
    let end = from;
    for (; end < this.#records.length; end += 1) {
      bytes += this.#records[end]?.bytes.length ?? 0;
      if (bytes > bytesMax && end > from) break;
    }
    const batch = this.#records.slice(from, end);
    this.#taken = end;
    this.#compact();
    return batch;
  }

  /** Forgets all that follow `zxid`. @returns the last one that stays, if any does */
  dropAfter(zxid: number): LogRecord | undefined {
    this.#records = this.#records.slice(this.#taken).filter((record) => record.zxid <= zxid);
    this.#taken = 0;
    return this.#records.at(-1);
  }

  clear(): void {
    this.#records = [];
    this.#taken = 0;
  }

  #compact(): void {
    if (this.isEmpty) this.clear();
    if (this.#taken < COMPACT_RECORDS) return;
    this.#records = this.#records.slice(this.#taken);
    this.#taken = 0;
  }
}
