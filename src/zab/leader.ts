/**
 * The leader's part of Zab: discovery (promises of a new epoch from a quorum), synchronization (its
 * `epoch` record on the disks of a quorum) and broadcast. Every step is a count over the voters of all
 * configurations in force; this node is one of them and is counted by the same rules, with its own disk
 * as its only witness.
 */
import { assert } from '../protocol/assert.ts';
import { encodeEpochRecord } from './epoch-record.ts';
import type { LogView } from './log-view.ts';
import type { AckEpochMessage, FollowerInfoMessage } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { Outstanding } from './outstanding.ts';
import type { OutstandingLimits } from './outstanding.ts';
import { isQuorum, quorumValue } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import { comparePositions } from './types.ts';
import type { EpochPromise, LogPosition, LogRecord } from './types.ts';

export type LeaderPhase = 'discovery' | 'synchronization' | 'broadcast';

export interface LeaderContext {
  readonly self: number;
  /** Every configuration in force. */
  readonly verifiers: readonly Verifier[];
  readonly incarnation: string;
  readonly clusterId: string | undefined;
  readonly newClusterId: () => string;
  readonly featureLevel: number;
  readonly config: Uint8Array;
  readonly limits: OutstandingLimits;
  readonly log: LogView;
  readonly outbox: Outbox;
}

/** Records from before there were feature levels need nothing else. */
const LEAST_FEATURE_LEVEL = 1;

export class Leader {
  readonly #context: LeaderContext;
  readonly #voters: readonly number[];
  /** What each node said of itself, this one included. */
  readonly #infos = new Map<number, FollowerInfoMessage>();
  /** Nodes whose promise of the epoch is durable and counts. */
  readonly #promised = new Set<number>();
  /** Greatest zxid of this epoch that each voter has on disk; absent below the `epoch` record. */
  readonly #durable = new Map<number, number>();
  /** Latest leadership round that each voter has confirmed. */
  readonly #confirmed = new Map<number, number>();
  #phase: LeaderPhase = 'discovery';
  #epoch = 0;
  #epochStart: LogPosition | undefined;
  #outstanding: Outstanding | undefined;
  #round = 0;

  constructor(context: LeaderContext) {
    this.#context = context;
    this.#voters = [...new Set(context.verifiers.flatMap(({ voters }) => voters))];
  }

  get phase(): LeaderPhase {
    return this.#phase;
  }

  /** 0 until one is chosen. */
  get epoch(): number {
    return this.#epoch;
  }

  get established(): boolean {
    return this.#phase === 'broadcast';
  }

  get voters(): readonly number[] {
    return this.#voters;
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
    return quorumValue(this.#context.verifiers, (voter) => this.#confirmed.get(voter) ?? 0);
  }

  /** @param promise the greatest epoch that this node has ever promised */
  begin(promise: EpochPromise | undefined): void {
    const { self, clusterId, featureLevel } = this.#context;
    this.onFollowerInfo(self, {
      type: 'FOLLOWERINFO',
      ...{ tenure: 0, promise, clusterId, featureLevel },
      ...{ recovering: false, last: this.#context.log.durable },
    });
  }

  onFollowerInfo(from: number, info: FollowerInfoMessage): void {
    const { outbox, clusterId, self } = this.#context;
    if (info.clusterId !== undefined && clusterId !== undefined && info.clusterId !== clusterId) {
      outbox.ignore(`FOLLOWERINFO of ${String(from)}`, 'it belongs to another cluster');
      return;
    }
    this.#infos.set(from, info);
    if (this.#promised.has(self)) this.#sendLeaderInfo(from);
    else this.#maybeChooseEpoch();
  }

  /** Both copies of this node's own promise are on disk. */
  onPromiseDurable(): void {
    const { self } = this.#context;
    this.#promised.add(self);
    for (const peer of this.#infos.keys()) if (peer !== self) this.#sendLeaderInfo(peer);
    this.#maybeAppendEpochRecord();
  }

  /** @returns why this node must not lead, if the learner proves it */
  onAckEpoch(from: number, ack: AckEpochMessage): string | undefined {
    const { log, outbox } = this.#context;
    if (ack.epoch !== this.#epoch || !this.#infos.has(from)) {
      outbox.ignore(`ACKEPOCH of ${String(from)}`, 'it answers nothing that was asked');
      return undefined;
    }
    if (!ack.counted || this.#phase !== 'discovery') return undefined;
    if (this.#voters.includes(from) && comparePositions(ack.last, log.durable) > 0) {
      return `voter ${String(from)} has a more recent log`;
    }
    this.#promised.add(from);
    this.#maybeAppendEpochRecord();
    return undefined;
  }

  /** This node's own disk. */
  onDurable(): void {
    this.#countDurable(this.#context.self, this.#context.log.durable);
  }

  /** Another node's disk, and its confirmation of a round. */
  onAck(from: number, position: LogPosition, round: number): void {
    const { log, outbox } = this.#context;
    this.confirm(from, round);
    if (position.epoch !== this.#epoch) return;
    if (log.contains(position)) this.#countDurable(from, position);
    else outbox.ignore(`ACK of ${String(from)}`, 'it acknowledges what was never sent');
  }

  confirm(from: number, round: number): void {
    if (round > this.#round) {
      this.#context.outbox.ignore(`round of ${String(from)}`, 'it has not begun');
    } else if (round > (this.#confirmed.get(from) ?? 0)) {
      this.#confirmed.set(from, round);
    }
  }

  /** Asks everybody whether this node still leads; it confirms that itself, being in its role. */
  beginRound(): void {
    const { self, outbox, log } = this.#context;
    this.#round += 1;
    this.confirm(self, this.#round);
    for (const peer of this.#infos.keys()) {
      if (peer === self) continue;
      const tenure = this.#infos.get(peer)?.tenure ?? 0;
      outbox.send(peer, { type: 'PING', tenure, round: this.#round, committed: log.committed });
    }
  }

  propose(payload: Uint8Array): LogRecord {
    assert(this.#outstanding !== undefined, 'nothing is proposed before the epoch is established');
    const record = this.#context.log.append({ epoch: this.#epoch, kind: 'txn' }, payload);
    this.#outstanding.propose(record.zxid, record.bytes.length);
    return record;
  }

  /** How many voters have `position` on disk. */
  durableAt(position: LogPosition): number {
    let count = 0;
    for (const voter of this.#voters) {
      if ((this.#durable.get(voter) ?? 0) >= position.zxid) count += 1;
    }
    return count;
  }

  /** A quorum has said which epochs it promised; a new cluster is born only of all its voters. */
  #maybeChooseEpoch(): void {
    const { self, clusterId, incarnation, verifiers, log, outbox } = this.#context;
    if (this.#epoch > 0) return;
    const isHeard = (voter: number): boolean => this.#infos.has(voter);
    if (!isQuorum(verifiers, isHeard)) return;
    if (clusterId === undefined && !this.#voters.every(isHeard)) return;
    this.#epoch = log.last.epoch + 1;
    for (const { promise } of this.#infos.values()) {
      this.#epoch = Math.max(this.#epoch, (promise?.epoch ?? 0) + 1);
    }
    outbox.promise = { epoch: this.#epoch, leader: self, incarnation };
    outbox.trace({ type: 'promise', epoch: this.#epoch, leader: self });
  }

  #sendLeaderInfo(to: number): void {
    const { incarnation, outbox, clusterId } = this.#context;
    const tenure = this.#infos.get(to)?.tenure ?? 0;
    outbox.send(to, {
      ...{ type: 'LEADERINFO', tenure, epoch: this.#epoch, incarnation, clusterId, voter: true },
    });
  }

  /** A quorum, this node included, will help no smaller epoch: what the log holds now is I(e). */
  #maybeAppendEpochRecord(): void {
    const { self, verifiers, log, outbox } = this.#context;
    if (this.#phase !== 'discovery' || !this.#promised.has(self)) return;
    if (!isQuorum(verifiers, (voter) => this.#promised.has(voter))) return;
    const payload = encodeEpochRecord({
      leader: self,
      incarnation: this.#context.incarnation,
      clusterId: this.#clusterId(),
      featureLevel: this.#featureLevel(),
      config: this.#context.config,
    });
    const { zxid } = log.append({ epoch: this.#epoch, kind: 'epoch' }, payload);
    this.#epochStart = { epoch: this.#epoch, zxid };
    this.#phase = 'synchronization';
    outbox.trace({ type: 'epoch-record', position: this.#epochStart });
  }

  #clusterId(): string {
    const { clusterId, newClusterId, log } = this.#context;
    if (clusterId !== undefined) return clusterId;
    assert(log.last.zxid === 0, 'a node with a history knows its cluster');
    for (const { clusterId: known } of this.#infos.values()) if (known !== undefined) return known;
    return newClusterId();
  }

  /** The least level of the voters; while one of them is unknown, what every version understands. */
  #featureLevel(): number {
    const levels = this.#voters.map((voter) => this.#infos.get(voter)?.featureLevel);
    return Math.min(...levels.map((level) => level ?? LEAST_FEATURE_LEVEL));
  }

  /** Holding the `epoch` record is what makes a voter's disk count at all. */
  #countDurable(voter: number, { epoch, zxid }: LogPosition): void {
    if (epoch !== this.#epoch || this.#epochStart === undefined) return;
    if (zxid <= (this.#durable.get(voter) ?? 0)) return;
    this.#durable.set(voter, zxid);
    this.#maybeCommit(this.#epochStart);
  }

  /**
   * The commit point is the greatest record of this epoch that a quorum has. Records of earlier epochs
   * are committed by way of the `epoch` record alone, never by counting them.
   */
  #maybeCommit(epochStart: LogPosition): void {
    const { verifiers, log, outbox, limits } = this.#context;
    const zxid = quorumValue(verifiers, (voter) => this.#durable.get(voter) ?? 0);
    if (zxid < epochStart.zxid || zxid <= log.committed.zxid) return;
    log.commitTo({ epoch: this.#epoch, zxid });
    this.#outstanding?.commit(zxid);
    if (this.#phase === 'broadcast') return;
    this.#phase = 'broadcast';
    this.#outstanding = new Outstanding(zxid, limits);
    outbox.trace({ type: 'established', epoch: this.#epoch, committed: log.committed });
  }
}
