/** Records as a leader would make them, chained, for tests of what stores and carries them. */
import { crc32 } from 'node:zlib';
import { encodeRecord } from '../../src/zab/record.ts';
import { noPosition, type LogPosition, type LogRecord } from '../../src/zab/types.ts';

export class History {
  readonly records: LogRecord[] = [];
  #chain: number;
  #last: LogPosition;

  constructor(before = { position: noPosition, chain: 0 }) {
    this.#chain = before.chain;
    this.#last = before.position;
  }

  get end(): { position: LogPosition; chain: number } {
    return { position: this.#last, chain: this.#chain };
  }

  /** The next record; of a new epoch if `epoch` is above the last one's. */
  next(options: { bytes?: number; epoch?: number } = {}): LogRecord {
    const epoch = options.epoch ?? Math.max(1, this.#last.epoch);
    const zxid = this.#last.zxid + 1;
    const kind = epoch > this.#last.epoch ? 'epoch' : 'txn';
    const payload = new Uint8Array(options.bytes ?? 40);
    for (let index = 0; index < payload.length; index += 1)
      payload[index] = zxid * 7 + index + epoch;
    const record = encodeRecord({ epoch, zxid, kind, previousChain: this.#chain }, payload, crc32);
    this.#chain = record.chain;
    this.#last = { epoch, zxid };
    this.records.push(record);
    return record;
  }

  many(count: number, options: { bytes?: number; epoch?: number } = {}): readonly LogRecord[] {
    return Array.from({ length: count }, () => this.next(options));
  }

  /** Forgets all after `zxid`; of a history from the beginning. */
  cut(zxid: number): LogPosition {
    this.records.length = zxid;
    const last = this.records.at(-1);
    this.#chain = last?.chain ?? 0;
    this.#last = last === undefined ? noPosition : { epoch: last.epoch, zxid: last.zxid };
    return this.#last;
  }

  /** The end as it was after `zxid`; of a history from the beginning. */
  endAt(zxid: number): { position: LogPosition; chain: number } {
    const record = this.records[zxid - 1];
    if (record === undefined) return { position: noPosition, chain: 0 };
    return { position: { epoch: record.epoch, zxid }, chain: record.chain };
  }
}
