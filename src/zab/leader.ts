/**
 * The leader's part of Zab: discovery (promises of a new epoch from a quorum), synchronization (its
 * `epoch` record on the disks of a quorum) and broadcast. Every step is a count over the voters of all
 * configurations in force; this node is one of them and is counted by the same rules, with its own disk
 * as its only witness.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import { isFarEpoch } from './bounds.ts';
import type { Context } from './context.ts';
import { Discovery } from './discovery.ts';
import { EpochContent } from './epoch-content.ts';
import type {
  AckEpochMessage,
  AckMessage,
  FollowerInfoMessage,
  LearnerMessage,
} from './messages.ts';
import type { LearnerStatus } from './options.ts';
import { Outstanding } from './outstanding.ts';
import { Progress } from './progress.ts';
import { isQuorum } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import { Streams } from './streams.ts';
import { Tally } from './tally.ts';
import { comparePositions } from './types.ts';
import type { EpochPromise, LogPosition, LogRecord, ReadResult } from './types.ts';

export type LeaderPhase = 'discovery' | 'synchronization' | 'broadcast';

export class Leader {
  readonly #context: Context;
  readonly #verifiers: readonly Verifier[];
  readonly #content: EpochContent;
  readonly #tally: Tally;
  readonly #discovery: Discovery;
  readonly #streams: Streams;
  /** The relations that are open. */
  readonly #learners = new Map<number, Progress>();
  /** Answers that wait for the epoch record. */
  readonly #answers = new Map<number, AckEpochMessage>();
  readonly #startedMs: number;
  #phase: LeaderPhase = 'discovery';
  #epoch = 0;
  #isPromised = false;
  #epochStart: LogPosition | undefined;
  #outstanding: Outstanding | undefined;
  #round = 0;
  /** When something last brought the epoch nearer to its establishment. */
  #progressMs: number;
  /** A voter has promised this epoch to another: who tries a later one can count it. */
  #isPromisedToAnother = false;
  /** A voter has promised a later epoch. */
  #surpassed = false;

  constructor(context: Context, newClusterId: () => string) {
    this.#context = context;
    this.#verifiers = context.members.verifiers;
    this.#content = new EpochContent(context, newClusterId);
    this.#tally = new Tally(this.#verifiers);
    this.#discovery = new Discovery(this.#verifiers);
    this.#streams = new Streams(context);
    this.#startedMs = context.nowMs;
    this.#progressMs = context.nowMs;
  }

  get phase(): LeaderPhase {
    return this.#phase;
  }

  /** 0 until one is chosen. */
  get epoch(): number {
    return this.#epoch;
  }

  get epochStart(): LogPosition | undefined {
    return this.#epochStart;
  }

  get established(): boolean {
    return this.#phase === 'broadcast';
  }

  get voters(): readonly number[] {
    return this.#tally.voters;
  }

  get outstanding(): Outstanding | undefined {
    return this.#outstanding;
  }

  /** The latest round that has begun. */
  get round(): number {
    return this.#round;
  }

  /** The latest round that a quorum has confirmed. */
  get confirmedRound(): number {
    return this.#tally.confirmedRound;
  }

  /** True when a voter cannot follow, having promised a later epoch than this one. */
  get surpassed(): boolean {
    return this.#surpassed;
  }

  get learners(): readonly LearnerStatus[] {
    const { nowMs } = this.#context;
    return [...this.#learners.values()].map(({ id, voter, acked, synced, heardMs }) => {
      return { id, voter, acked, synced, aliveMs: nowMs - heardMs };
    });
  }

  begin(): void {
    const { self, promise } = this.#context;
    this.#discovery.hear(self, promise);
    this.#maybeChooseEpoch();
  }

  /** @returns why this node must not lead, if the learner shows it */
  onFollowerInfo(from: number, info: FollowerInfoMessage): string | undefined {
    const { clusterId, members, peers, nowMs } = this.#context;
    const { tenure, recovering, promise } = info;
    const incarnation = peers.get(from)?.incarnation ?? '';
    this.end(from);
    if (info.clusterId !== undefined && info.clusterId !== clusterId) {
      this.#refuse(from, tenure, 'It belongs to another cluster.');
      if (clusterId !== undefined) return undefined;
      return `node ${from} belongs to a cluster already`;
    }
    const voter = members.counts(from, incarnation);
    // Of who has no vote nothing goes into what is promised and written.
    if (voter && !this.#hearVoter(from, incarnation, info)) return undefined;
    if (recovering || !voter) this.#tally.forgetDurable(from);
    const progress = new Progress({ id: from, tenure, voter, recovering }, nowMs);
    this.#learners.set(from, progress);
    this.#heard(progress);
    return this.#admit(progress, promise);
  }

  /** A relation has begun: before the choice of the epoch, after it, or with who cannot follow in it. */
  #admit(progress: Progress, promise: EpochPromise | undefined): string | undefined {
    const { id: from, voter } = progress;
    if (this.#epoch === 0) {
      if (voter) this.#discovery.hear(from, promise);
      this.#maybeChooseEpoch();
      return undefined;
    }
    if (voter && promise !== undefined && promise.epoch > this.#epoch) {
      this.#surpassed = true;
      return this.established ? undefined : `node ${from} has promised epoch ${promise.epoch}`;
    }
    if (this.#phase === 'discovery' && voter) this.#discovery.hear(from, promise);
    this.#inform(progress);
    return undefined;
  }

  /** Both copies of this node's own promise are on disk. */
  onPromiseDurable({ epoch }: EpochPromise): void {
    if (epoch !== this.#epoch || this.#isPromised) return;
    this.#isPromised = true;
    this.#progress();
    this.#discovery.countPromise(this.#context.self);
    for (const progress of this.#learners.values()) this.#inform(progress);
    this.#maybeAppendEpochRecord();
  }

  /** @returns why this node must not lead, if the learner shows it */
  step(from: number, message: LearnerMessage): string | undefined {
    const progress = this.#learners.get(from);
    const { outbox } = this.#context;
    if (progress?.tenure !== message.tenure) {
      outbox.ignore(`${message.type} of ${from}`, 'its relation is over');
      return undefined;
    }
    this.#heard(progress);
    switch (message.type) {
      case 'ACKEPOCH':
        return this.#onAckEpoch(progress, message);
      case 'ACK':
        this.#onAck(progress, message);
        return undefined;
      case 'PONG':
        this.#confirm(progress, message.round);
        return undefined;
      case 'SNAPSHOTACK': {
        const { transfer, index, tenure } = message;
        const isCurrent = progress.stream === 'snapshot' && progress.transfer === transfer;
        if (!isCurrent) return undefined;
        this.#progress();
        outbox.snapshotAcks.push({ to: from, tenure, transfer, index });
        return undefined;
      }
      default:
        return unreachable(message);
    }
  }

  onRead(to: number, tenure: number, result: ReadResult): void {
    const progress = this.#relation(to, tenure);
    if (progress !== undefined) this.#streams.onRead(progress, result, this.#round);
  }

  onSnapshotSent(
    to: number,
    tenure: number,
    snapshot: { readonly transfer: number; readonly position: LogPosition; readonly chain: number },
  ): void {
    const progress = this.#relation(to, tenure);
    if (progress?.stream !== 'snapshot' || progress.transfer !== snapshot.transfer) return;
    const { position } = snapshot;
    const { epoch, zxid } = progress.atLeast;
    if (position.zxid >= zxid && position.epoch < epoch) {
      this.#accuse(to, `it knows ${epoch}.${zxid} to be committed, and here is another record`);
      return;
    }
    this.#streams.onSnapshotSent(progress, snapshot);
  }

  onSnapshotFailed(to: number, tenure: number, reason: string): void {
    const progress = this.#relation(to, tenure);
    if (progress?.stream !== 'snapshot') return;
    this.end(to);
    this.#refuse(to, tenure, reason);
  }

  /** The relation with a learner is over; what it has on disk is still there. */
  end(id: number): void {
    const progress = this.#learners.get(id);
    if (progress === undefined) return;
    this.#learners.delete(id);
    this.#answers.delete(id);
    this.#streams.end(progress);
    if (this.#phase === 'discovery') this.#discovery.forget(id);
  }

  /** Every relation ends, since this node leads no longer. */
  endAll(reason: string): void {
    for (const { id, tenure } of [...this.#learners.values()]) {
      this.end(id);
      this.#refuse(id, tenure, reason);
    }
  }

  /** This node's own disk. */
  onDurable(): void {
    const { self, log } = this.#context;
    this.#countDurable(self, log.durable);
  }

  /** Asks everybody whether this node still leads; it confirms that itself, being in its role. */
  beginRound(): void {
    this.#round += 1;
    this.#tally.confirm(this.#context.self, this.#round);
  }

  propose(payload: Uint8Array): LogRecord {
    assert(this.#outstanding !== undefined, 'nothing is proposed before the epoch is established');
    const record = this.#context.log.append({ epoch: this.#epoch, kind: 'txn' }, payload);
    this.#outstanding.propose(record.zxid, record.bytes.length);
    return record;
  }

  /** How many voters have `position` on disk. */
  durableAt(position: LogPosition): number {
    return this.#tally.durableAt(position);
  }

  /** True when a quorum does without this node: it is there, and once established has more on disk. */
  get isReplaceable(): boolean {
    const { self, log } = this.#context;
    if (!this.established) {
      const isThere = (id: number): boolean => this.#learners.get(id)?.voter === true;
      return isQuorum(this.#verifiers, (voter) => voter !== self && isThere(voter));
    }
    return this.#tally.durableWithout(self) > log.durable.zxid;
  }

  /** The voter that has most on disk and is there to be led by, for a hand-off. */
  successor(wanted?: number): { readonly id: number; readonly zxid: number } | undefined {
    let best: { id: number; zxid: number } | undefined;
    for (const { id, voter, synced, recovering } of this.#learners.values()) {
      if (!voter || !synced || recovering || (wanted !== undefined && wanted !== id)) continue;
      const zxid = this.#tally.durableOf(id);
      if (best === undefined || zxid > best.zxid) best = { id, zxid };
    }
    return best;
  }

  handOff(to: number, round: number): void {
    const { outbox } = this.#context;
    for (const { id, tenure } of [...this.#learners.values()]) {
      this.end(id);
      outbox.send(id, { type: 'HANDOFF', tenure, to, round });
    }
  }

  /** @returns why this node leads no longer, if so */
  tick(): string | undefined {
    const { self, nowMs, timeouts, graceUntilMs } = this.#context;
    if (nowMs <= graceUntilMs) return undefined;
    // Who has voted for this node has to find out first that it is elected.
    const atFirst = this.#phase === 'discovery' ? this.#startedMs + timeouts.peerMs : 0;
    const lastHeardMs = this.#tally.lastHeardMs(self, nowMs, atFirst);
    if (nowMs > lastHeardMs + timeouts.peerMs) return 'no quorum within its deadline';
    if (this.established) return undefined;
    const isMissed = this.#isPromisedToAnother && this.#phase === 'discovery';
    const patienceMs = isMissed ? timeouts.peerMs : timeouts.connectMs;
    if (nowMs <= this.#progressMs + patienceMs) return undefined;
    return 'the epoch was not established within its deadline';
  }

  /** What this turn has for the learners: records, commit points, rounds, signs of life. */
  flush(): void {
    const { nowMs, timeouts, log, outbox } = this.#context;
    this.#streams.flush(this.#learners.values(), this.#round);
    const { committed } = log;
    for (const progress of this.#learners.values()) {
      const isNews =
        progress.opened &&
        (progress.toldCommitted < committed.zxid || progress.toldRound < this.#round);
      if (!isNews && nowMs < progress.saidMs + timeouts.pingMs) continue;
      const { id, tenure } = progress;
      outbox.send(id, { type: 'PING', tenure, round: this.#round, committed });
      progress.saidMs = nowMs;
      progress.toldCommitted = committed.zxid;
      progress.toldRound = this.#round;
    }
  }

  #relation(to: number, tenure: number): Progress | undefined {
    const progress = this.#learners.get(to);
    return progress?.tenure === tenure ? progress : undefined;
  }

  #refuse(to: number, tenure: number, reason: string): void {
    this.#context.outbox.send(to, { type: 'REFUSE', tenure, reason });
  }

  #heard(progress: Progress): void {
    const { nowMs } = this.#context;
    progress.heardMs = nowMs;
    if (progress.voter) this.#tally.heard(progress.id, nowMs);
  }

  #progress(): void {
    this.#progressMs = this.#context.nowMs;
  }

  #inform(progress: Progress): void {
    if (!this.#isPromised || progress.informed) return;
    const { outbox, options } = this.#context;
    const { id, tenure, voter } = progress;
    const clusterId = this.#isClusterCertain ? this.#context.clusterId : undefined;
    progress.informed = true;
    outbox.send(id, {
      ...{ type: 'LEADERINFO', tenure, epoch: this.#epoch, voter, clusterId },
      incarnation: options.incarnation,
    });
  }

  /**
   * A cluster exists for certain once something in its log is committed. Until then its id may be lost with
   * its first record, and who had been told of it would help nobody to found another one.
   */
  get #isClusterCertain(): boolean {
    const { options, log } = this.#context;
    return options.clusterId !== undefined || log.committed.zxid > 0;
  }

  #onAckEpoch(progress: Progress, ack: AckEpochMessage): string | undefined {
    const { log, outbox } = this.#context;
    const { id } = progress;
    if (ack.epoch !== this.#epoch || !progress.informed || progress.stream !== 'none') {
      outbox.ignore(`ACKEPOCH of ${id}`, 'it answers nothing that was asked');
      return undefined;
    }
    this.#progress();
    if (this.#phase !== 'discovery') {
      this.#openStream(progress, ack);
      return undefined;
    }
    this.#answers.set(id, ack);
    const isCounted = ack.counted && progress.voter && !progress.recovering;
    if (!isCounted) {
      this.#isPromisedToAnother ||= !ack.counted && progress.voter && !progress.recovering;
      return undefined;
    }
    if (comparePositions(ack.last, log.durable) > 0) return `voter ${id} has a more recent log`;
    this.#discovery.countPromise(id);
    this.#maybeAppendEpochRecord();
    return undefined;
  }

  #onAck(progress: Progress, { position, round }: AckMessage): void {
    const { log, outbox } = this.#context;
    const { id } = progress;
    const isKnown = position.zxid <= progress.sent.zxid && log.contains(position);
    if (progress.stream === 'none' || !isKnown) {
      outbox.ignore(`ACK of ${id}`, 'it acknowledges what was never sent');
      return;
    }
    progress.acknowledge(position);
    if (!this.established) this.#progress();
    this.#streams.onAck(progress, position);
    this.#countAck(progress, position);
    this.#confirm(progress, round);
  }

  /** Holding the `epoch` record is what makes a learner's disk count at all. */
  #countAck(progress: Progress, position: LogPosition): void {
    const start = this.#epochStart;
    const holdsEpoch =
      start !== undefined && position.epoch === this.#epoch && position.zxid >= start.zxid;
    if (!holdsEpoch) return;
    if (!progress.synced) {
      progress.synced = true;
      this.#context.outbox.trace({ type: 'synced', learner: progress.id, position });
    }
    if (progress.voter) this.#countDurable(progress.id, position);
  }

  /** An answer shows that the voter followed when it was asked; it counts from who holds the epoch record. */
  #confirm(progress: Progress, round: number): void {
    if (round > this.#round) {
      this.#context.outbox.ignore(`round of ${progress.id}`, 'it has not begun');
      return;
    }
    if (progress.synced && progress.voter) this.#tally.confirm(progress.id, round);
  }

  /**
   * What a voter says of itself; its promise is thought of at the next choice of an epoch, if it comes too late for
   * this one.
   * @returns false where it is not believed
   */
  #hearVoter(id: number, incarnation: string, info: FollowerInfoMessage): boolean {
    const context = this.#context;
    const { epoch } = info.promise ?? { epoch: 0 };
    if (isFarEpoch(context, epoch)) {
      this.#accuse(id, `its promise of epoch ${epoch} is too far ahead`);
      return false;
    }
    this.#content.hear(id, incarnation, info.featureLevel);
    context.greatestHeard = Math.max(context.greatestHeard ?? 0, epoch);
    return true;
  }

  /** The relation is over, and the connection with it: it has broken the protocol. */
  #accuse(id: number, reason: string): void {
    this.end(id);
    this.#context.outbox.accuse(id, reason);
  }

  /** A quorum has said which epochs it promised; a new cluster is born only of all its voters. */
  #maybeChooseEpoch(): void {
    const { self, clusterId, log, outbox, options } = this.#context;
    const isBirth = clusterId === undefined;
    if (isBirth && !this.voters.every((voter) => this.#discovery.hasHeard(voter))) return;
    const heard = this.#context.greatestHeard ?? 0;
    const epoch = this.#discovery.chooseEpoch(Math.max(log.last.epoch, heard));
    if (epoch === undefined) return;
    this.#epoch = epoch;
    this.#progress();
    const promise = { epoch, leader: self, incarnation: options.incarnation };
    this.#context.promise = promise;
    outbox.promise = promise;
    outbox.trace({ type: 'promise', epoch, leader: self });
  }

  /** A quorum, this node included, will help no smaller epoch: what the log holds now is I(e). */
  #maybeAppendEpochRecord(): void {
    const { self, log, outbox, members } = this.#context;
    if (this.#phase !== 'discovery' || !this.#discovery.isComplete(self)) return;
    const payload = this.#content.encode(this.voters);
    const { epoch, zxid } = log.append({ epoch: this.#epoch, kind: 'epoch' }, payload);
    this.#epochStart = { epoch, zxid };
    this.#phase = 'synchronization';
    this.#progress();
    members.update(log.epochRecord);
    this.#context.clusterId = log.epochRecord?.clusterId;
    outbox.trace({ type: 'epoch-record', position: this.#epochStart });
    for (const [id, ack] of this.#answers) {
      const progress = this.#learners.get(id);
      if (progress !== undefined) this.#openStream(progress, ack);
    }
    this.#answers.clear();
  }

  /**
   * The epoch record is in the log, so that no honest learner knows of anything committed beyond the log. Before
   * that one may: this node was elected without having heard that voter, and steps down for its more recent log.
   */
  #openStream(progress: Progress, ack: AckEpochMessage): void {
    const { epoch, zxid } = ack.committed;
    if (comparePositions(ack.committed, this.#context.log.last) > 0) {
      const reason = `it knows ${epoch}.${zxid} to be committed, and this log ends before`;
      this.#accuse(progress.id, reason);
      return;
    }
    this.#streams.open(progress, ack);
  }

  /** Only positions of this epoch count, and those that begin with its `epoch` record. */
  #countDurable(voter: number, { epoch, zxid }: LogPosition): void {
    const start = this.#epochStart;
    if (start === undefined) return;
    const isOfEpoch = epoch === this.#epoch && zxid >= start.zxid;
    if (!isOfEpoch) return;
    if (this.#tally.countDurable(voter, zxid)) this.#maybeCommit(start);
  }

  /**
   * The commit point is the greatest record of this epoch that a quorum has. Records of earlier epochs
   * are committed by way of the `epoch` record alone, never by counting them.
   */
  #maybeCommit(epochStart: LogPosition): void {
    const { log, outbox, options } = this.#context;
    const zxid = this.#tally.durable;
    if (zxid <= log.committed.zxid) return;
    assert(zxid >= epochStart.zxid, 'nothing before the epoch record is ever counted');
    log.commitTo({ epoch: this.#epoch, zxid });
    this.#outstanding?.commit(zxid);
    if (this.#phase === 'broadcast') return;
    assert(this.#tally.isSynced, 'a quorum holds the epoch');
    this.#phase = 'broadcast';
    this.#outstanding = new Outstanding(log.last.zxid, options.limits);
    this.#outstanding.commit(zxid);
    outbox.trace({ type: 'established', epoch: this.#epoch, committed: log.committed });
  }
}
