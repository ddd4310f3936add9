/**
 * What the core knows of its own log without reading it: how far it goes, how far it is on disk and
 * committed, where epochs begin, and the chain at recent records.
 *
 * Invariants: committed ≤ last, durable ≤ handedOut ≤ last; zxids are contiguous, also across epochs;
 * an epoch's first record is its `epoch` record.
 */
import { assert } from '../protocol/assert.ts';
import { encodeRecord } from './record.ts';
import { comparePositions } from './types.ts';
import type { Checksum, LogPosition, LogRecord, RecordKind } from './types.ts';

/** What recovery has found, all of it synced to disk. */
export interface LogStart {
  /** The last record; the snapshot's position if the log is empty; `noPosition` for a new node. */
  readonly last: LogPosition;
  /** Chain of the last record; 0 for a new node. */
  readonly lastChain: number;
  /** The first kept record of each epoch in the log, in order. */
  readonly epochStarts: readonly LogPosition[];
  /**
   * Payloads of the `epoch` records, in order: the last one up to the commit point (of the log, or as the
   * snapshot's state keeps it) and all behind it; older ones may be there too.
   */
  readonly epochRecords?: readonly { readonly zxid: number; readonly payload: Uint8Array }[];
  /** The chain at the commit point that this node starts from. */
  readonly committedChain?: number;
}

/** How many chains are remembered: as far back as a peer's position is verified from memory. */
const CHAINS_KEPT = 65_536;

export class LogView {
  readonly #checksum: Checksum;
  readonly #epochStarts: LogPosition[];
  readonly #chains = new Uint32Array(CHAINS_KEPT);
  /** Chains of zxids above this one are remembered. */
  #chainsFrom: number;
  #last: LogPosition;
  #lastChain: number;
  #handedOut: LogPosition;
  #durable: LogPosition;
  #committed: LogPosition;
  #pending: LogRecord[] = [];

  constructor(start: LogStart, committed: LogPosition, checksum: Checksum) {
    const { last, lastChain, epochStarts } = start;
    this.#checksum = checksum;
    this.#epochStarts = epochStarts.length === 0 ? [last] : [...epochStarts];
    this.#last = last;
    this.#lastChain = lastChain;
    this.#handedOut = last;
    this.#durable = last;
    this.#committed = committed;
    this.#chainsFrom = last.zxid - 1;
    this.#chains[last.zxid % CHAINS_KEPT] = lastChain;
    assert(this.#epochStarts.every(isAfterPrevious), 'epochs and their first records ascend');
    assert(
      this.#epochStarts.at(-1)?.epoch === last.epoch,
      'the last epoch is that of the last record',
    );
    assert(comparePositions(committed, last) <= 0, 'nothing beyond the log is committed');
  }

  get last(): LogPosition {
    return this.#last;
  }

  get lastChain(): number {
    return this.#lastChain;
  }

  /** All records up to here survive a loss of power. */
  get durable(): LogPosition {
    return this.#durable;
  }

  /** The known commit point; it never goes back. */
  get committed(): LogPosition {
    return this.#committed;
  }

  /** How far records may be applied. */
  get applicable(): LogPosition {
    return comparePositions(this.#committed, this.#durable) < 0 ? this.#committed : this.#durable;
  }

  /** Records that the disk has and has not completed. */
  get inProgress(): number {
    return this.#handedOut.zxid - this.#durable.zxid;
  }

  /** True when records wait for `take`. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Appends a record at the next zxid. */
  append(
    head: { readonly epoch: number; readonly kind: RecordKind },
    payload: Uint8Array,
  ): LogRecord {
    const { epoch, kind } = head;
    const zxid = this.#last.zxid + 1;
    const isNewEpoch = epoch !== this.#last.epoch;
    assert(epoch >= this.#last.epoch, 'epochs never go back');
    assert(isNewEpoch === (kind === 'epoch'), 'an epoch begins with its epoch record, and only so');
    const previousChain = this.#lastChain;
    const record = encodeRecord({ epoch, zxid, kind, previousChain }, payload, this.#checksum);
    this.#last = { epoch, zxid };
    this.#lastChain = record.chain;
    this.#chains[zxid % CHAINS_KEPT] = record.chain;
    this.#chainsFrom = Math.max(this.#chainsFrom, zxid - CHAINS_KEPT);
    if (isNewEpoch) this.#epochStarts.push(this.#last);
    this.#pending.push(record);
    return record;
  }

  /** Hands the new records to the disk. */
  take(): readonly LogRecord[] {
    const records = this.#pending;
    this.#pending = [];
    this.#handedOut = this.#last;
    return records;
  }

  /** Forgets records that no disk and no peer has seen. */
  dropPending(): void {
    if (this.#pending.length === 0) return;
    this.#pending = [];
    this.truncateAfter(this.#handedOut);
  }

  /**
   * The disk has everything up to `position`.
   * @returns false when that is no news, or speaks of a record that has been replaced since
   */
  completed(position: LogPosition): boolean {
    if (!this.contains(position)) return false;
    assert(
      comparePositions(position, this.#handedOut) <= 0,
      'the disk completes what it was given',
    );
    if (comparePositions(position, this.#durable) <= 0) return false;
    this.#durable = { epoch: position.epoch, zxid: position.zxid };
    return true;
  }

  /** Moves the commit point forward. */
  commitTo(position: LogPosition): void {
    assert(this.contains(position), 'only records of this log are committed here');
    assert(comparePositions(position, this.#committed) >= 0, 'the commit point never goes back');
    this.#committed = position;
  }

  /**
   * Removes all records after `position`, and what is durable ends there in the same step.
   * A committed record is never removed: that is an assertion, since the log would be another's.
   */
  truncateAfter(position: LogPosition): void {
    assert(this.contains(position), 'a log is cut after one of its own records');
    assert(comparePositions(position, this.#committed) >= 0, 'a committed record is never removed');
    const chain = this.chainAt(position.zxid);
    assert(chain !== undefined, 'the chain at the cut is known');
    this.#last = position;
    this.#lastChain = chain;
    this.#pending = this.#pending.filter(({ zxid }) => zxid <= position.zxid);
    if (comparePositions(this.#handedOut, position) > 0) this.#handedOut = position;
    if (comparePositions(this.#durable, position) > 0) this.#durable = position;
    while ((this.#epochStarts.at(-1)?.zxid ?? 0) > position.zxid) this.#epochStarts.pop();
  }

  /** True when this very record is in this log, as far as its epochs are known. */
  contains(position: LogPosition): boolean {
    return position.zxid <= this.#last.zxid && this.epochAt(position.zxid) === position.epoch;
  }

  /** The epoch of a record; undefined beyond the end and before the first kept epoch. */
  epochAt(zxid: number): number | undefined {
    if (zxid > this.#last.zxid) return undefined;
    for (let index = this.#epochStarts.length - 1; index >= 0; index--) {
      const start = this.#epochStarts[index];
      if (start !== undefined && start.zxid <= zxid) return start.epoch;
    }
    return undefined;
  }

  /** First records of the epochs from that of `from` on. */
  epochStartsFrom(from: LogPosition): readonly LogPosition[] {
    return this.#epochStarts.filter(({ epoch }) => epoch >= from.epoch);
  }

  /** The chain at a recent record; undefined when it is no longer remembered. */
  chainAt(zxid: number): number | undefined {
    if (zxid <= this.#chainsFrom || zxid > this.#last.zxid) return undefined;
    return this.#chains[zxid % CHAINS_KEPT];
  }
}

function isAfterPrevious(
  start: LogPosition,
  index: number,
  starts: readonly LogPosition[],
): boolean {
  const previous = starts[index - 1];
  if (previous === undefined) return true;
  return previous.epoch < start.epoch && previous.zxid < start.zxid;
}
