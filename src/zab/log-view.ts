/**
 * What the core knows of its own log without reading it: how far it goes, how far it is on disk and
 * committed, where epochs begin, and the chain at recent records.
 *
 * Invariants: durable ≤ handedOut ≤ last; committed ≤ last; zxids are contiguous, also across epochs; an
 * epoch's first record is its `epoch` record. The commit point may be beyond what is durable here.
 */
import { assert } from '../protocol/assert.ts';
import { ChainMemory } from './chain-memory.ts';
import { decodeEpochRecord } from './epoch-record.ts';
import type { EpochRecord } from './epoch-record.ts';
import { encodeRecord, frameChain } from './record.ts';
import { comparePositions, leastPosition, noPosition } from './types.ts';
import type {
  Checksum,
  InstalledSnapshot,
  LogPosition,
  LogRecord,
  RecordKind,
  RecordSource,
} from './types.ts';

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
  readonly epochRecords?: readonly EpochPayload[];
  /** The chain at the commit point that this node starts from. */
  readonly committedChain?: number;
}

interface EpochPayload {
  readonly zxid: number;
  readonly payload: Uint8Array;
}

interface KnownEpochRecord {
  readonly zxid: number;
  readonly record: EpochRecord;
}

/** What the disk has to do. */
export interface LogChanges {
  readonly append: readonly LogRecord[];
  readonly forgetAfter?: LogPosition;
  readonly truncateAfter?: LogPosition;
}

export class LogView {
  readonly #checksum: Checksum;
  readonly #records: RecordSource | undefined;
  readonly #chains: ChainMemory;
  #epochStarts: LogPosition[];
  #epochRecords: KnownEpochRecord[];
  #lastEpoch: number;
  #lastZxid: number;
  /** The same as one value, made when it is asked for. */
  #last: LogPosition;
  #lastChain: number;
  #handedOut: LogPosition;
  #durable: LogPosition;
  #committed: LogPosition;
  #pending: LogRecord[] = [];
  #forgetAfter: LogPosition | undefined;
  #truncateAfter: LogPosition | undefined;
  #tenure = 0;
  /** The tenure in which records were last handed out. */
  #handedOutIn = 0;
  /** Completions of older tenures speak of a log that has been cut since. */
  #validFrom = 0;

  constructor(
    start: LogStart,
    committed: LogPosition,
    means: { readonly checksum: Checksum; readonly records?: RecordSource | undefined },
  ) {
    const { last, lastChain } = start;
    this.#checksum = means.checksum;
    this.#records = means.records;
    this.#epochStarts = completeStarts(start, committed);
    this.#epochRecords = (start.epochRecords ?? []).map(knownEpochRecord);
    this.#last = last;
    this.#lastEpoch = last.epoch;
    this.#lastZxid = last.zxid;
    this.#lastChain = lastChain;
    this.#handedOut = last;
    this.#durable = last;
    this.#committed = committed;
    this.#chains = new ChainMemory({ zxid: last.zxid, chain: lastChain });
    if (start.committedChain !== undefined) {
      this.#chains.anchor({ zxid: committed.zxid, chain: start.committedChain });
    }
    checkStarts(this.#epochStarts, last);
    assert(comparePositions(committed, last) <= 0, 'nothing beyond the log is committed');
  }

  get last(): LogPosition {
    if (this.#last.zxid !== this.#lastZxid || this.#last.epoch !== this.#lastEpoch) {
      this.#last = { epoch: this.#lastEpoch, zxid: this.#lastZxid };
    }
    return this.#last;
  }

  get lastZxid(): number {
    return this.#lastZxid;
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
    return leastPosition(this.#committed, this.#durable);
  }

  /** Records that the disk has and has not completed; none where all that it completes says nothing now. */
  get inProgress(): number {
    if (this.#handedOutIn < this.#validFrom) return 0;
    return this.#handedOut.zxid - this.#durable.zxid;
  }

  /** The records that wait for `take`. */
  get pending(): readonly LogRecord[] {
    return this.#pending;
  }

  /** True when there is something for `take`. */
  get hasChanges(): boolean {
    return this.#pending.length > 0 || this.#forgetAfter !== undefined;
  }

  /** The last one in the log, committed or not. */
  get epochRecord(): EpochRecord | undefined {
    return this.#epochRecords.at(-1)?.record;
  }

  /** A new role: what the disk completes from now on is told apart from what it was given before. */
  enterTenure(tenure: number): void {
    assert(tenure > this.#tenure, 'tenures ascend');
    this.#tenure = tenure;
    this.#dropPending();
  }

  /** Appends a new record at the next zxid. */
  append(
    head: { readonly epoch: number; readonly kind: RecordKind },
    payload: Uint8Array,
  ): LogRecord {
    const { epoch, kind } = head;
    const zxid = this.#lastZxid + 1;
    const isNewEpoch = epoch !== this.#lastEpoch;
    assert(epoch >= this.#lastEpoch, 'epochs never go back');
    assert(isNewEpoch === (kind === 'epoch'), 'an epoch begins with its epoch record, and only so');
    const previousChain = this.#lastChain;
    const record = encodeRecord({ epoch, zxid, kind, previousChain }, payload, this.#checksum);
    this.#push(record);
    return record;
  }

  /**
   * Appends a record that another node has made.
   * @returns why it is not the next record of this log, if it is not
   */
  appendReceived(record: LogRecord): string | undefined {
    const { epoch, zxid, kind, chain } = record;
    if (zxid !== this.#lastZxid + 1) return `record ${zxid} does not follow ${this.#lastZxid}`;
    if (epoch < this.#lastEpoch) return `the epoch goes back to ${epoch} at record ${zxid}`;
    if ((epoch !== this.#lastEpoch) !== (kind === 'epoch')) {
      return `epoch ${epoch} does not begin with an epoch record, at record ${zxid}`;
    }
    if (frameChain(record.bytes, this.#lastChain, this.#checksum) !== chain) {
      return `record ${zxid} does not continue the chain`;
    }
    this.#push(record);
    return undefined;
  }

  /** Hands what is new to the disk. */
  take(): LogChanges {
    const append = this.#pending;
    const [forgetAfter, truncateAfter] = [this.#forgetAfter, this.#truncateAfter];
    this.#pending = [];
    this.#forgetAfter = undefined;
    this.#truncateAfter = undefined;
    if (append.length > 0) this.#handedOutIn = this.#tenure;
    this.#handedOut = this.last;
    return {
      append,
      ...(forgetAfter !== undefined && { forgetAfter }),
      ...(truncateAfter !== undefined && { truncateAfter }),
    };
  }

  /**
   * The disk has everything up to `position` that it was given in `tenure`. That is a fact about the log,
   * and outlives the role as long as the log has not been cut since.
   * @returns why it says nothing about the present log, or whether it is news
   */
  completed(tenure: number, position: LogPosition): boolean | string {
    if (tenure < this.#validFrom) return `the log was cut after tenure ${tenure}`;
    if (!this.contains(position)) return 'it speaks of a record that has been replaced';
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
    this.#committed = { epoch: position.epoch, zxid: position.zxid };
  }

  /**
   * Removes all records after `position`, and what is durable ends there in the same step.
   * A committed record is never removed: that is an assertion, since the log would be another's.
   */
  truncateAfter(position: LogPosition): void {
    assert(this.contains(position), 'a log is cut after one of its own records');
    assert(comparePositions(position, this.#committed) >= 0, 'a committed record is never removed');
    if (comparePositions(position, this.last) === 0) return;
    const chain = this.chainAt(position.zxid);
    assert(chain !== undefined, 'the chain at the cut is known');
    this.#cutTo({ epoch: position.epoch, zxid: position.zxid }, chain);
  }

  /** A snapshot has replaced the whole log, on disk already. */
  installed({ position, chain, epochStarts, epochRecord }: InstalledSnapshot): void {
    assert(!this.hasChanges, 'nothing is appended while a snapshot is installed');
    assert(comparePositions(position, this.#committed) >= 0, 'a snapshot takes nothing away');
    const { epoch, zxid } = position;
    this.#epochStarts = [...epochStarts];
    checkStarts(this.#epochStarts, position);
    this.#epochRecords =
      epochRecord === undefined ? [] : [{ zxid, payload: epochRecord }].map(knownEpochRecord);
    this.#lastEpoch = epoch;
    this.#lastZxid = zxid;
    this.#lastChain = chain;
    this.#handedOut = this.last;
    this.#durable = this.last;
    this.#committed = this.last;
    this.#chains.restart({ zxid, chain });
    this.#validFrom = this.#tenure;
  }

  /** True when this very record is in this log, as far as its epochs are known. */
  contains(position: LogPosition): boolean {
    return position.zxid <= this.#lastZxid && this.epochAt(position.zxid) === position.epoch;
  }

  /** The epoch of a record; undefined beyond the end and before the first kept epoch. */
  epochAt(zxid: number): number | undefined {
    if (zxid > this.#lastZxid) return undefined;
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

  /** The first known record of an epoch. */
  startOf(epoch: number): LogPosition | undefined {
    return this.#epochStarts.findLast((start) => start.epoch === epoch);
  }

  /** All that is known of the records up to `zxid`. */
  epochStartsUpTo(zxid: number): readonly LogPosition[] {
    return this.#epochStarts.filter((start) => start.zxid <= zxid);
  }

  /** The chain at a record; undefined when neither memory nor the record source has it any more. */
  chainAt(zxid: number): number | undefined {
    if (zxid > this.#lastZxid) return undefined;
    return this.#chains.at(zxid) ?? this.recordAt(zxid)?.chain;
  }

  /** A record that is still in memory. */
  recordAt(zxid: number): LogRecord | undefined {
    if (zxid > this.#lastZxid) return undefined;
    const firstPending = this.#pending[0]?.zxid ?? Infinity;
    if (zxid >= firstPending) return this.#pending[zxid - firstPending];
    const record = this.#records?.at(zxid);
    if (record === undefined) return undefined;
    const epoch = this.epochAt(zxid);
    assert(
      record.zxid === zxid && (epoch === undefined || record.epoch === epoch),
      'the records in memory are those of the log',
    );
    return record;
  }

  #push(record: LogRecord): void {
    const { epoch, zxid, kind, chain } = record;
    this.#lastEpoch = epoch;
    this.#lastZxid = zxid;
    this.#lastChain = chain;
    this.#chains.push(zxid, chain);
    if (kind === 'epoch') {
      this.#epochStarts.push({ epoch, zxid });
      this.#epochRecords.push(knownEpochRecord({ zxid, payload: record.payload }));
    }
    this.#pending.push(record);
  }

  /** Forgets records that no disk has seen. */
  #dropPending(): void {
    if (this.#pending.length === 0) return;
    const chain = this.chainAt(this.#handedOut.zxid);
    assert(chain !== undefined, 'the chain of what was handed out is known');
    this.#cutTo(this.#handedOut, chain);
  }

  #cutTo(position: LogPosition, chain: number): void {
    this.#lastEpoch = position.epoch;
    this.#lastZxid = position.zxid;
    this.#lastChain = chain;
    this.#pending = this.#pending.filter(({ zxid }) => zxid <= position.zxid);
    this.#forgetAfter = leastPosition(this.#forgetAfter ?? position, position);
    if (comparePositions(this.#handedOut, position) > 0) {
      assert(this.#handedOutIn < this.#tenure, 'a role never cuts what it has appended itself');
      this.#handedOut = position;
      this.#truncateAfter = leastPosition(this.#truncateAfter ?? position, position);
      this.#validFrom = this.#tenure;
    }
    if (comparePositions(this.#durable, position) > 0) this.#durable = position;
    while ((this.#epochStarts.at(-1)?.zxid ?? 0) > position.zxid) this.#epochStarts.pop();
    while ((this.#epochRecords.at(-1)?.zxid ?? 0) > position.zxid) this.#epochRecords.pop();
    this.#chains.cut({ zxid: position.zxid, chain });
    checkStarts(this.#epochStarts, position);
  }
}

function knownEpochRecord({ zxid, payload }: EpochPayload): KnownEpochRecord {
  return { zxid, record: decodeEpochRecord(payload) };
}

/**
 * The commit point that a node starts from may be that of its snapshot, just before the first record
 * kept; and a log that begins with the first record of all knows that nothing was before it.
 */
function completeStarts({ last, epochStarts }: LogStart, committed: LogPosition): LogPosition[] {
  const [first, ...others] = epochStarts;
  if (first === undefined) return [last];
  if (first.zxid === 1) return [noPosition, first, ...others];
  if (committed.zxid >= first.zxid || committed.zxid === 0) return [first, ...others];
  return committed.epoch === first.epoch ? [committed, ...others] : [committed, first, ...others];
}

function checkStarts(starts: readonly LogPosition[], last: LogPosition): void {
  assert(starts.every(isAfterPrevious), 'epochs and their first records ascend');
  assert(starts.at(-1)?.epoch === last.epoch, 'the last epoch is that of the last record');
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
