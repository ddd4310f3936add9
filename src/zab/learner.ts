/**
 * The learner's part of Zab, for followers and observers alike: it promises the leader's epoch, tells what
 * it has, takes the stream that follows, and acknowledges what its own disk has. Nothing but the record
 * behind the last one of the stream is ever taken; anything else ends the role.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import { isFarEpoch } from './bounds.ts';
import type { Context } from './context.ts';
import type {
  AppendMessage,
  FollowerInfoMessage,
  LeaderInfoMessage,
  LeaderMessage,
  LearnerMessage,
  PingMessage,
  SnapshotMessage,
} from './messages.ts';
import { comparePositions, leastPosition, noPosition } from './types.ts';
import type { EpochPromise, LogPosition, LogRecord } from './types.ts';

/**
 * `connect`: FOLLOWERINFO is sent. `promise`: the promise is on its way to the disk. `stream`: ACKEPOCH is
 * sent. `install`: a snapshot is replacing the log.
 */
type Phase = 'connect' | 'promise' | 'stream' | 'install';

/** Why a learner leaves its leader. `violation`: the leader has broken the protocol. */
export interface Departure {
  readonly reason: string;
  readonly violation: boolean;
}

interface Transfer {
  readonly transfer: number;
  readonly position: LogPosition;
  readonly next: number;
}

export class Learner {
  readonly #context: Context;
  readonly #leader: number;
  readonly #tenure: number;
  #phase: Phase = 'connect';
  /** Of the leader; 0 until it has told. */
  #epoch = 0;
  #promise: EpochPromise | undefined;
  /** True when this node's promise is given for the first time, or again to the same leader. */
  #counted = false;
  #heardMs: number;
  /** How far the stream has come; undefined before its first message. */
  #streamEnd: LogPosition | undefined;
  #epochStart: LogPosition | undefined;
  /** The commit point of the leader, as it was first told. */
  #mustHold: LogPosition | undefined;
  #serving = false;
  #acked = noPosition;
  #round = 0;
  #answeredRound = 0;
  #mustAnswer = false;
  #transfer: Transfer | undefined;
  #accepted = false;

  constructor(context: Context, leader: number, tenure: number) {
    this.#context = context;
    this.#leader = leader;
    this.#tenure = tenure;
    this.#heardMs = context.nowMs;
  }

  get leader(): number {
    return this.#leader;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get epochStart(): LogPosition | undefined {
    return this.#epochStart;
  }

  get serving(): boolean {
    return this.#serving;
  }

  get phase(): 'discovery' | 'synchronization' | 'broadcast' {
    if (this.#phase === 'connect' || this.#phase === 'promise') return 'discovery';
    return this.#serving ? 'broadcast' : 'synchronization';
  }

  /** True once the leader has said anything in this relation: it is a leader, and knows of this node. */
  get accepted(): boolean {
    return this.#accepted;
  }

  begin(): void {
    const { options, promise, clusterId, recovering, log } = this.#context;
    const { featureLevel = 1 } = options;
    this.#send({
      ...{ type: 'FOLLOWERINFO', promise, clusterId, featureLevel, recovering },
      last: log.durable,
    });
  }

  /** @returns why the leader has to be left, if so; HANDOFF and REFUSE are not for here */
  step(message: Exclude<LeaderMessage, { type: 'HANDOFF' | 'REFUSE' }>): Departure | undefined {
    this.#heardMs = this.#context.nowMs;
    this.#accepted = true;
    switch (message.type) {
      case 'LEADERINFO':
        return this.#onLeaderInfo(message);
      case 'APPEND':
        return this.#onAppend(message);
      case 'PING':
        return this.#onPing(message);
      case 'SNAPSHOT':
        return this.#onSnapshot(message);
      default:
        return unreachable(message);
    }
  }

  tick(): Departure | undefined {
    const { nowMs, timeouts, graceUntilMs } = this.#context;
    if (nowMs <= graceUntilMs || nowMs <= this.#heardMs + timeouts.peerMs) return undefined;
    return { reason: `leader ${this.#leader} was silent`, violation: false };
  }

  onPromiseDurable(promise: EpochPromise): void {
    if (this.#phase === 'promise' && isSame(promise, this.#promise)) this.#ackEpoch();
  }

  /**
   * What makes a recovering node whole is the epoch record on disk, and all that was committed when this
   * relation began: it may have acknowledged that in this very epoch.
   */
  onDurable(): void {
    const context = this.#context;
    const [start, mustHold] = [this.#epochStart, this.#mustHold];
    if (!context.recovering || start === undefined || mustHold === undefined) return;
    if (comparePositions(this.#ackable(), start) < 0) return;
    if (comparePositions(this.#ackable(), mustHold) < 0) return;
    if (this.#epoch < (context.promise?.epoch ?? 0)) return;
    context.recovering = false;
    context.outbox.trace({ type: 'recovered', epoch: this.#epoch });
  }

  onInstalled(position: LogPosition): void {
    if (this.#phase !== 'install') return;
    this.#phase = 'stream';
    this.#streamEnd = position;
    this.#mustAnswer = true;
    this.#acked = noPosition;
    this.#findEpochStart();
    this.#noteCommit();
    this.onDurable();
  }

  chunkTaken(transfer: number, index: number): void {
    if (this.#transfer?.transfer !== transfer) return;
    this.#send({ type: 'SNAPSHOTACK', transfer, index });
  }

  /** What has become durable, and the answer to the latest round: at the end of a turn, once. */
  flush(): void {
    const position = this.#ackable();
    const round = this.#round;
    if (comparePositions(position, this.#acked) > 0) {
      this.#acked = position;
      this.#send({ type: 'ACK', position, round });
    } else if (this.#mustAnswer || round > this.#answeredRound) {
      this.#send({ type: 'PONG', round });
    }
    this.#answeredRound = round;
    this.#mustAnswer = false;
  }

  #onLeaderInfo(info: LeaderInfoMessage): Departure | undefined {
    if (this.#phase !== 'connect' || this.#epoch > 0) return violation('a second LEADERINFO');
    const context = this.#context;
    const { epoch, clusterId, voter } = info;
    const problem = this.#problemOf(info);
    if (problem !== undefined) return violation(problem);
    if (epoch < 1 || epoch < context.log.last.epoch) return departure(`epoch ${epoch} is over`);
    this.#epoch = epoch;
    if (clusterId !== undefined) context.joinedClusterId = clusterId;
    context.clusterId ??= clusterId;
    // No leader thinks of the promise of who has no vote, and nobody counts on it: it follows all the same.
    const isBound = context.members.selfCounts && epoch >= (context.promise?.epoch ?? 0);
    if (!voter && !isBound) {
      this.#ackEpoch();
      return undefined;
    }
    return this.#promiseTo({ epoch, leader: this.#leader, incarnation: info.incarnation });
  }

  #problemOf({ epoch, clusterId, incarnation }: LeaderInfoMessage): string | undefined {
    const context = this.#context;
    const isStranger = clusterId !== undefined && context.clusterId !== undefined;
    if (isStranger && clusterId !== context.clusterId) {
      return 'the leader belongs to another cluster';
    }
    if (isFarEpoch(context, epoch)) return `its epoch ${epoch} is too far ahead`;
    const linked = context.peers.get(this.#leader)?.incarnation;
    return incarnation === linked ? undefined : 'it leads in the name of another data directory';
  }

  /** A promise of an epoch is given once; it is told again only to whom it was given. */
  #promiseTo(promise: EpochPromise): Departure | undefined {
    const context = this.#context;
    const given = context.promise;
    if (given !== undefined && promise.epoch < given.epoch) {
      return departure(`epoch ${given.epoch} is promised`);
    }
    const isGivenToAnother = promise.epoch === given?.epoch && !isSame(promise, given);
    this.#counted = !isGivenToAnother;
    this.#promise = isGivenToAnother ? given : promise;
    if (isSame(this.#promise, context.durablePromise)) {
      this.#ackEpoch();
      return undefined;
    }
    this.#phase = 'promise';
    context.promise = this.#promise;
    context.outbox.promise = this.#promise;
    const { epoch, leader } = this.#promise;
    context.outbox.trace({ type: 'promise', epoch, leader });
    return undefined;
  }

  #ackEpoch(): void {
    const { log, recovering } = this.#context;
    this.#phase = 'stream';
    const last = log.durable;
    const chain = log.chainAt(last.zxid);
    assert(chain !== undefined, 'the chain at the end of the log is known');
    this.#send({
      ...{ type: 'ACKEPOCH', epoch: this.#epoch, counted: this.#counted && !recovering },
      ...{ last, chain, committed: log.committed },
      epochStarts: log.epochStartsFrom(leastPosition(log.committed, last)),
    });
  }

  #onAppend(message: AppendMessage): Departure | undefined {
    const { previous, records, committed, round } = message;
    if (this.#phase !== 'stream') return violation('APPEND before the stream');
    if (!this.#follows(message)) {
      return violation(`APPEND does not follow at ${previous.epoch}.${previous.zxid}`);
    }
    this.#transfer = undefined;
    this.#streamEnd = previous;
    if (this.#epochStart === undefined) this.#findEpochStart();
    let { zxid } = previous;
    for (const record of records) {
      zxid += 1;
      const problem = this.#take(record, zxid);
      if (problem !== undefined) return violation(problem);
    }
    const final = records.at(-1);
    if (final !== undefined) this.#streamEnd = { epoch: final.epoch, zxid: final.zxid };
    return this.#hear(committed, round);
  }

  /** Its predecessor must be the end of the stream, and at the stream's beginning a record of this log. */
  #follows({ previous, previousChain }: AppendMessage): boolean {
    const { log } = this.#context;
    if (this.#streamEnd !== undefined && comparePositions(previous, this.#streamEnd) !== 0) {
      return false;
    }
    return log.contains(previous) && log.chainAt(previous.zxid) === previousChain;
  }

  /**
   * One record of the stream. Where this log already goes on beyond the stream, what is the same stays,
   * since the disk may have it; at the first difference all that follows is cut.
   */
  #take(record: LogRecord, zxid: number): string | undefined {
    const { log, outbox } = this.#context;
    const { epoch, kind } = record;
    if (record.zxid !== zxid) return `record ${record.zxid} stands in the place of ${zxid}`;
    if (epoch > this.#epoch) return `record ${zxid} is of a later epoch than its leader`;
    if (zxid <= log.lastZxid) {
      const isSameRecord = log.epochAt(zxid) === epoch && log.chainAt(zxid) === record.chain;
      if (isSameRecord) {
        if (kind === 'epoch') this.#noteEpochRecord(epoch, zxid);
        return undefined;
      }
      const end = { epoch: log.epochAt(zxid - 1) ?? 0, zxid: zxid - 1 };
      log.truncateAfter(end);
      outbox.trace({ type: 'truncated', after: end });
    }
    const problem = log.appendReceived(record);
    if (problem === undefined && kind === 'epoch') this.#noteEpochRecord(epoch, zxid);
    return problem;
  }

  #noteEpochRecord(epoch: number, zxid: number): void {
    const context = this.#context;
    context.members.update(context.log.epochRecord);
    context.clusterId ??= context.log.epochRecord?.clusterId;
    if (epoch !== this.#epoch) return;
    this.#epochStart = { epoch, zxid };
    context.outbox.trace({ type: 'epoch-record', position: this.#epochStart });
  }

  /** A stream that begins within the leader's epoch does not bring the epoch record again. */
  #findEpochStart(): void {
    if (this.#streamEnd?.epoch === this.#epoch) {
      this.#epochStart = this.#context.log.startOf(this.#epoch);
    }
  }

  #onPing({ round, committed }: PingMessage): Departure | undefined {
    this.#mustAnswer = true;
    return this.#hear(committed, round);
  }

  #hear(committed: LogPosition, round: number): Departure | undefined {
    if (round > this.#round) this.#round = round;
    this.#mustHold ??= committed;
    const { log } = this.#context;
    const end = this.#streamEnd;
    if (end === undefined || this.#phase !== 'stream') return undefined;
    if (committed.zxid <= end.zxid && !log.contains(committed)) {
      // A leader may know less of the oldest epochs than this log does not reach back to.
      if (log.epochAt(committed.zxid) === undefined) return undefined;
      return violation('the commit point lies in another log');
    }
    const known = committed.zxid <= end.zxid ? committed : end;
    if (comparePositions(known, log.committed) > 0) log.commitTo(known);
    this.#noteCommit();
    this.onDurable();
    return undefined;
  }

  #noteCommit(): void {
    const { log, outbox } = this.#context;
    if (this.#serving || this.#epochStart === undefined) return;
    if (comparePositions(log.committed, this.#epochStart) < 0) return;
    this.#serving = true;
    outbox.trace({ type: 'serving', epoch: this.#epoch, committed: log.committed });
  }

  #onSnapshot(message: SnapshotMessage): Departure | undefined {
    if (this.#phase !== 'stream') return violation('SNAPSHOT before the stream');
    const { transfer, index, position, epochStarts } = message;
    if (index === 0) {
      const problem = this.#refusal(position, epochStarts);
      if (problem !== undefined) return violation(problem);
      this.#transfer = { transfer, position, next: 0 };
      this.#streamEnd = undefined;
    }
    const current = this.#transfer;
    const isNext = current?.transfer === transfer && current.next === index;
    if (!isNext || comparePositions(current.position, position) !== 0) {
      return violation(`piece ${index} of a snapshot out of order`);
    }
    this.#transfer = { ...current, next: index + 1 };
    const { chain, bytes, last, totalBytes } = message;
    this.#context.outbox.chunks.push({
      ...{ tenure: this.#tenure, transfer, index, position, chain, epochStarts },
      ...{ bytes, last, totalBytes },
    });
    if (last) this.#phase = 'install';
    return undefined;
  }

  #refusal(position: LogPosition, epochStarts: readonly LogPosition[]): string | undefined {
    const { log } = this.#context;
    if (comparePositions(position, log.committed) < 0) return 'the snapshot is older than the log';
    const { committed } = log;
    const there = epochStarts.findLast(({ zxid }) => zxid <= committed.zxid);
    assert(
      position.zxid >= committed.zxid && (there?.epoch ?? committed.epoch) === committed.epoch,
      'a snapshot of another history never replaces what is committed',
    );
    const last = epochStarts.at(-1);
    const isInOrder = epochStarts.every(({ epoch, zxid }, index) => {
      const previous = epochStarts[index - 1];
      return previous === undefined || (previous.epoch < epoch && previous.zxid < zxid);
    });
    const fits = last?.epoch === position.epoch && last.zxid <= position.zxid;
    if (!fits || !isInOrder || position.epoch > this.#epoch) return 'its epochs are impossible';
    return undefined;
  }

  /** How far this node may acknowledge: what its disk has of the stream. */
  #ackable(): LogPosition {
    if (this.#streamEnd === undefined || this.#phase !== 'stream') return noPosition;
    return leastPosition(this.#context.log.durable, this.#streamEnd);
  }

  #send(message: LearnerSaying): void {
    this.#context.outbox.send(this.#leader, { ...message, tenure: this.#tenure });
  }
}

type WithoutTenure<Message> = Message extends unknown ? Omit<Message, 'tenure'> : never;
type LearnerSaying = WithoutTenure<LearnerMessage | FollowerInfoMessage>;

function isSame(a: EpochPromise | undefined, b: EpochPromise | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.epoch === b.epoch && a.leader === b.leader && a.incarnation === b.incarnation;
}

function violation(reason: string): Departure {
  return { reason, violation: true };
}

function departure(reason: string): Departure {
  return { reason, violation: false };
}
