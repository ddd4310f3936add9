/**
 * The streams of a leader to its learners. Each gets all records behind the common point of its log and
 * the leader's, in order and once: from what was proposed in this turn, from memory, from the log files,
 * or behind a snapshot. An observer gets them when they are committed. Learners that are equally far share
 * the same lists of records.
 */
import { assert } from '../protocol/assert.ts';
import { commonPoint } from './common-point.ts';
import type { Context } from './context.ts';
import type { AckEpochMessage } from './messages.ts';
import type { Progress } from './progress.ts';
import { comparePositions } from './types.ts';
import type { LogPosition, LogRecord, ReadResult } from './types.ts';

interface Batch {
  /** Zxid before its first record. */
  readonly after: number;
  /** No record beyond this zxid was to go into it. */
  readonly limit: number;
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  readonly last: LogPosition;
  readonly lastChain: number;
}

export class Streams {
  readonly #context: Context;
  /** The batches of this turn, which other learners may want too. */
  #batches: Batch[] = [];
  #nextTransfer = 1;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Finds the common point and begins the stream there, in one step. */
  open(progress: Progress, ack: AckEpochMessage): void {
    const { log, outbox } = this.#context;
    const common = commonPoint(log, ack);
    progress.atLeast = ack.committed;
    if (common === undefined) {
      this.#sendSnapshot(progress, ack.committed);
      return;
    }
    const chain = log.chainAt(common.zxid);
    const isWhole = comparePositions(common, ack.last) === 0;
    if (isWhole && chain !== undefined && chain !== ack.chain) {
      const text = `The log of node ${progress.id} differs at ${common.epoch}.${common.zxid} from this one.`;
      outbox.trace({ type: 'alarm', text });
      this.#sendSnapshot(progress, ack.committed);
      return;
    }
    // What the learner says of its own end is compared with what the read will find.
    progress.startAt(common, chain ?? (isWhole ? ack.chain : undefined));
  }

  /** Sends what the window of each learner has room for. */
  flush(learners: Iterable<Progress>, round: number): void {
    for (const progress of learners) {
      if (progress.stream === 'records') this.#flushOne(progress, round);
    }
    this.#batches = [];
  }

  onRead(progress: Progress, result: ReadResult, round: number): void {
    if (progress.stream !== 'reading') return;
    if (result === 'snapshot') {
      this.#sendSnapshot(progress, progress.sent);
      return;
    }
    const { previousChain, records } = result;
    const { log } = this.#context;
    const first = records[0];
    const fits = first?.zxid === progress.sent.zxid + 1 && log.epochAt(first.zxid) === first.epoch;
    assert(fits, 'a read brings the records of this log that were asked for');
    if (progress.sentChain !== undefined && progress.sentChain !== previousChain) {
      const text = `The log of node ${progress.id} differs at ${progress.sent.zxid} from this one.`;
      this.#context.outbox.trace({ type: 'alarm', text });
      this.#sendSnapshot(progress, progress.atLeast);
      return;
    }
    progress.stream = 'records';
    progress.sentChain = previousChain;
    const limit = this.#limitOf(progress);
    const batch = batchOf(
      progress.sent.zxid,
      records.filter(({ zxid }) => zxid <= limit),
      limit,
    );
    if (batch !== undefined) this.#append(progress, batch, round);
  }

  /** All of a snapshot has been sent; the stream goes on behind it once the learner holds it. */
  onSnapshotSent(progress: Progress, snapshot: { position: LogPosition; chain: number }): void {
    const { log } = this.#context;
    const { position, chain } = snapshot;
    assert(log.contains(position), 'a snapshot is of a position of this log');
    assert(
      comparePositions(position, log.committed) <= 0,
      'a snapshot holds nothing that is not committed',
    );
    assert(
      comparePositions(position, progress.atLeast) >= 0,
      'a snapshot takes nothing away that its learner has acknowledged',
    );
    progress.startAt(position, chain);
    progress.stream = 'installing';
  }

  /** The learner says that it holds all up to `position`. */
  onAck(progress: Progress, position: LogPosition): void {
    if (progress.stream !== 'installing') return;
    if (comparePositions(position, progress.sent) !== 0) return;
    progress.stream = 'records';
    progress.opened = false;
  }

  /** A relation is over, and with it a transfer. */
  end(progress: Progress): void {
    if (progress.stream !== 'snapshot') return;
    const { id: to, tenure, transfer } = progress;
    this.#context.outbox.snapshotsOver.push({ to, tenure, transfer });
  }

  #sendSnapshot(progress: Progress, atLeast: LogPosition): void {
    const { outbox } = this.#context;
    progress.stream = 'snapshot';
    progress.transfer = this.#nextTransfer++;
    // The commit point of a learner may be beyond what its own disk has.
    if (comparePositions(atLeast, progress.atLeast) > 0) progress.atLeast = atLeast;
    const { id: to, tenure, transfer } = progress;
    outbox.snapshots.push({ to, tenure, transfer, atLeast: progress.atLeast });
    outbox.trace({ type: 'snapshot', to, atLeast: progress.atLeast });
  }

  /** Voters get everything; whom nobody counts gets only what is committed, so that it never truncates. */
  #limitOf(progress: Progress): number {
    const { log } = this.#context;
    return progress.voter ? log.last.zxid : log.committed.zxid;
  }

  #flushOne(progress: Progress, round: number): void {
    const { log, streams } = this.#context;
    const limit = this.#limitOf(progress);
    for (;;) {
      const isBehind = progress.sent.zxid < limit;
      if (!isBehind && progress.opened) return;
      if (isBehind && progress.unacknowledgedBytes >= streams.windowBytes) return;
      progress.sentChain ??= log.chainAt(progress.sent.zxid);
      const isKnown = progress.sentChain !== undefined;
      if (isKnown && !isBehind) {
        this.#send(progress, [], round);
        return;
      }
      const batch = isKnown ? this.#batchAfter(progress.sent.zxid, limit) : undefined;
      if (batch === undefined) {
        this.#read(progress);
        return;
      }
      this.#append(progress, batch, round);
    }
  }

  #read(progress: Progress): void {
    const { outbox, streams } = this.#context;
    const { id: to, tenure, sent: after } = progress;
    progress.stream = 'reading';
    outbox.reads.push({ to, tenure, after, bytesMax: streams.appendBytesMax });
  }

  #append(progress: Progress, batch: Batch, round: number): void {
    this.#send(progress, batch.records, round);
    progress.advance(batch.last, batch.lastChain, batch.bytes);
  }

  #send(progress: Progress, records: readonly LogRecord[], round: number): void {
    const { outbox, log, nowMs } = this.#context;
    const { id, tenure, sent: previous, sentChain: previousChain } = progress;
    assert(previousChain !== undefined, 'the chain before a batch is known');
    const { committed } = log;
    outbox.send(id, {
      ...{ type: 'APPEND', tenure, previous, previousChain, records, committed, round },
    });
    progress.opened = true;
    progress.saidMs = nowMs;
    progress.toldCommitted = committed.zxid;
    progress.toldRound = round;
  }

  /** Records in memory that follow, as many as go into one message; undefined where memory begins later. */
  #batchAfter(after: number, limit: number): Batch | undefined {
    const shared = this.#batches.find((batch) => batch.after === after && batch.limit === limit);
    if (shared !== undefined) return shared;
    const { log, streams } = this.#context;
    const { pending } = log;
    const isAllNew = pending[0]?.zxid === after + 1 && limit === log.last.zxid;
    const records = isAllNew && bytesOf(pending) <= streams.appendBytesMax ? pending : [];
    const found = records.length > 0 ? records : this.#collect(after, limit);
    const batch = batchOf(after, found, limit);
    if (batch !== undefined) this.#batches.push(batch);
    return batch;
  }

  #collect(after: number, limit: number): readonly LogRecord[] {
    const { log, streams } = this.#context;
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let zxid = after + 1; zxid <= limit; zxid++) {
      const record = log.recordAt(zxid);
      if (record === undefined) break;
      bytes += record.bytes.length;
      if (records.length > 0 && bytes > streams.appendBytesMax) break;
      records.push(record);
    }
    return records;
  }
}

function batchOf(after: number, records: readonly LogRecord[], limit: number): Batch | undefined {
  const final = records.at(-1);
  if (final === undefined) return undefined;
  const { epoch, zxid, chain } = final;
  const [bytes, last] = [bytesOf(records), { epoch, zxid }];
  return { after, limit, records, bytes, last, lastChain: chain };
}

function bytesOf(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.bytes.length;
  return bytes;
}
