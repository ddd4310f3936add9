/** Records that wait for the disk, first in, first out, taken a batch at a time. */
import { Fifo } from '../protocol/fifo.ts';
import type { LogRecord } from '../zab/types.ts';

export class RecordQueue {
  readonly #records = new Fifo<LogRecord>();

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  push(record: LogRecord): void {
    this.#records.push(record);
  }

  /** As many as fit into `bytesMax`, but at least one; none only when the queue is empty. */
  take(bytesMax: number): readonly LogRecord[] {
    const batch: LogRecord[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#records.peek();
      if (next === undefined) break;
      bytes += next.bytes.length;
      if (bytes > bytesMax && batch.length > 0) break;
      batch.push(next);
      this.#records.shift();
    }
    return batch;
  }

  /** Forgets all that follow `zxid`. @returns the last one that stays, if any does */
  dropAfter(zxid: number): LogRecord | undefined {
    const kept = this.#records.drain().filter((record) => record.zxid <= zxid);
    for (const record of kept) this.#records.push(record);
    return kept.at(-1);
  }

  clear(): void {
    this.#records.drain();
  }
}
