/** Logs as numbers: a log is the log before its last record and that record, each known once. */
import type { LogPosition, LogRecord } from '../../../src/zab/index.ts';

interface KnownLog {
  readonly before: number;
  readonly record: LogRecord | undefined;
  readonly length: number;
}

export class Logs {
  readonly #logs: KnownLog[] = [{ before: 0, record: undefined, length: 0 }];
  readonly #numbers = new Map<string, number>();
  readonly #matching = new Map<number, boolean>();

  /** @param records from zxid 1 on */
  numberOf(records: readonly LogRecord[]): number {
    return records.reduce((log, record) => this.#push(log, record), 0);
  }

  /** How many records are in it. */
  lengthOf(log: number): number {
    return this.#at(log).length;
  }

  lastOf(log: number): LogPosition {
    const { record } = this.#at(log);
    return { epoch: record?.epoch ?? 0, zxid: record?.zxid ?? 0 };
  }

  recordsOf(log: number): LogRecord[] {
    const { before, record } = this.#at(log);
    return record === undefined ? [] : [...this.recordsOf(before), record];
  }

  /** Its first `length` records; all of it where it is shorter. */
  prefix(log: number, length: number): number {
    let found = log;
    while (this.lengthOf(found) > length) found = this.#at(found).before;
    return found;
  }

  /** True when `other` is the beginning of `log`, or all of it. */
  contains(log: number, other: number): boolean {
    return this.prefix(log, this.lengthOf(other)) === other;
  }

  /** The last record of `log` up to `epoch`, with all before it. */
  upToEpoch(log: number, epoch: number): number {
    let found = log;
    while ((this.#at(found).record?.epoch ?? 0) > epoch) found = this.#at(found).before;
    return found;
  }

  /** True when the logs are the same up to every position that is in both. */
  match(a: number, b: number): boolean {
    if (a === b) return true;
    const key = a < b ? a * 2 ** 24 + b : b * 2 ** 24 + a;
    let isMatch = this.#matching.get(key);
    if (isMatch === undefined) {
      isMatch = this.#compare(a, b);
      this.#matching.set(key, isMatch);
    }
    return isMatch;
  }

  #compare(a: number, b: number): boolean {
    let [one, other] = [a, b];
    while (one !== 0 && other !== 0) {
      const [left, right] = [this.#at(one), this.#at(other)];
      if (left.length > right.length) one = left.before;
      else if (right.length > left.length) other = right.before;
      else if (one === other) return true;
      else {
        if (left.record?.epoch === right.record?.epoch) return false;
        [one, other] = [left.before, right.before];
      }
    }
    return true;
  }

  #push(before: number, record: LogRecord): number {
    const key = `${before} ${record.epoch} ${record.zxid} ${record.chain}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#logs.length;
    this.#logs.push({ before, record, length: this.lengthOf(before) + 1 });
    this.#numbers.set(key, number);
    return number;
  }

  #at(log: number): KnownLog {
    const known = this.#logs[log];
    if (known === undefined) throw new Error(`there is no log ${log}`);
    return known;
  }
}
