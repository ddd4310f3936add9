/**
 * The core of the broadcast protocol: a function of its inputs. Time, links, messages, proposals and disk
 * completions come in; one `Ready` says what is to be done. No promise, timer, clock, chance or I/O is in
 * here, so that the same inputs always give the same outputs.
 *
 * A node looks for a leader, is one or learns from one; what it knows as the one is gone when it becomes
 * the other: every change of role goes through `#enter`, which starts a new tenure.
 */
import { assert } from '../protocol/assert.ts';
import { Barriers } from './barriers.ts';
import { Claims } from './claims.ts';
import type { Context } from './context.ts';
import { DiskWatch } from './disk-watch.ts';
import { Election } from './election.ts';
import { HandOff } from './handoff.ts';
import { Leader } from './leader.ts';
import { Learner } from './learner.ts';
import type { Departure } from './learner.ts';
import { LogView } from './log-view.ts';
import { Members } from './members.ts';
import type {
  FollowerInfoMessage,
  LeaderMessage,
  LearnerMessage,
  VoteMessage,
  ZabMessage,
} from './messages.ts';
import { defaultStreamLimits, defaultTimeouts } from './options.ts';
import type { BarrierOptions, ZabOptions, ZabStatus } from './options.ts';
import { Outbox } from './outbox.ts';
import type { BarrierId, Ready } from './ready.ts';
import { isLearning } from './role.ts';
import type { Role } from './role.ts';
import { standingOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { statusOf } from './status.ts';
import { comparePositions } from './types.ts';
import type {
  EpochPromise,
  InstalledSnapshot,
  LogPosition,
  LogRecord,
  Peer,
  ReadResult,
} from './types.ts';
import { WaitingLearners } from './waiting-learners.ts';

export class Zab {
  readonly #context: Context;
  readonly #barriers = new Barriers();
  readonly #waiting = new WaitingLearners();
  readonly #disk: DiskWatch;
  readonly #claims = new Claims();
  #role: Role;
  #handOff: HandOff | undefined;
  /** To whom the leadership goes that ends now. */
  #heir: number | undefined;
  #tenure = 0;
  #round = 0;
  /** Once made, the id of a new cluster stays, also when the first attempt to found it fails. */
  #newClusterId: string | undefined;
  /** The tenure in which a snapshot was received that is replacing the log now. */
  #installing: number | undefined;
  #tickedMs = 0;
  #nextBarrier: BarrierId = 1;
  /** True when something has happened that may settle a barrier. */
  #progressed = false;
  #toldCommitted: LogPosition;
  #toldApplicable: LogPosition;

  constructor(options: ZabOptions) {
    const { checksum, records, promise, clusterId, committed } = options;
    const log = new LogView(options.log, committed, { checksum, records });
    this.#context = {
      ...{ options, self: options.self, log, outbox: new Outbox(), peers: new Map() },
      timeouts: { ...defaultTimeouts, ...options.timeouts },
      streams: { ...defaultStreamLimits, ...options.streams },
      members: new Members(options, log.epochRecord),
      ...{ nowMs: 0, graceUntilMs: 0, promise, durablePromise: promise },
      clusterId: log.epochRecord?.clusterId ?? clusterId,
      joinedClusterId: undefined,
      recovering: options.recovering ?? false,
    };
    this.#disk = new DiskWatch(this.#context);
    this.#role = { name: 'looking', election: this.#newElection() };
    this.#toldCommitted = committed;
    this.#toldApplicable = committed;
  }

  get status(): ZabStatus {
    return statusOf(this.#context, this.#role, this.#tenure);
  }

  /** The last record in the log, committed or not; cheaper than the whole status. */
  get last(): LogPosition {
    return this.#context.log.last;
  }

  /** How far records may be applied: committed, and durable here. */
  get applicable(): LogPosition {
    return this.#context.log.applicable;
  }

  /** Of the log, or of the cluster that this node is about to found. */
  get clusterId(): string | undefined {
    return this.#context.clusterId;
  }

  /** The zxid that the next `propose` assigns. */
  get nextZxid(): number {
    return this.#context.log.lastZxid + 1;
  }

  /** What is proposed and not committed. */
  get outstanding(): { readonly transactions: number; readonly bytes: number } {
    const outstanding = this.#role.name === 'leading' ? this.#role.leader.outstanding : undefined;
    return { transactions: outstanding?.transactions ?? 0, bytes: outstanding?.bytes ?? 0 };
  }

  /** True when a transaction may be proposed now. */
  get hasRoom(): boolean {
    if (this.#role.name !== 'leading' || this.#handOff !== undefined) return false;
    return this.#role.leader.outstanding?.hasRoom ?? false;
  }

  /** Begins the first election. Once. */
  start(nowMs: number): void {
    assert(this.#tenure === 0, 'a core is started once');
    this.#context.nowMs = nowMs;
    this.#tickedMs = nowMs;
    const { members, outbox } = this.#context;
    if (members.differsFromFlags) {
      const text = 'The members that the flags name are not those of the log; the log is right.';
      outbox.trace({ type: 'alarm', text });
    }
    this.#look();
  }

  /** Time goes on: first in every turn, so that deadlines are judged before what has waited meanwhile. */
  tick(nowMs: number): void {
    const { timeouts } = this.#context;
    const lateMs = nowMs - this.#tickedMs;
    if (nowMs > this.#context.nowMs) this.#context.nowMs = nowMs;
    if (nowMs > this.#tickedMs) this.#tickedMs = nowMs;
    // Who was not listening cannot say that others were silent.
    if (lateMs > timeouts.peerMs / 2) this.#context.graceUntilMs = nowMs + 3 * timeouts.pingMs;
    if (this.#tenure === 0) return;
    for (const [from, { tenure }] of this.#waiting.takeOverdue(nowMs)) {
      this.#refuse(from, tenure, 'This node does not lead.');
    }
    switch (this.#role.name) {
      case 'looking':
        this.#role.election.tick();
        this.#followOutcome();
        return;
      case 'leading':
        this.#tickLeading(this.#role.leader);
        return;
      default:
        this.#leave(this.#role.learner.tick());
    }
  }

  /** A link is there; told before any message of it. A newer one replaces the older: that is down first. */
  peerUp(peer: Peer): void {
    const { self, peers } = this.#context;
    assert(peer.id !== self, 'a node has no link with itself');
    if (peers.has(peer.id)) this.peerDown(peer.id);
    peers.set(peer.id, peer);
    if (this.#role.name === 'looking') {
      this.#role.election.peerUp(peer.id);
      this.#followOutcome();
    } else if (this.#role.name === 'leading') {
      this.#announce(peer.id);
    }
  }

  /** The link is gone. `refused`: the peer's port refuses connections, its process has ended. */
  peerDown(id: number, why: { readonly refused: boolean } = { refused: false }): void {
    if (!this.#context.peers.delete(id)) return;
    this.#waiting.drop(id);
    this.#claims.forget(id);
    if (this.#role.name === 'looking') {
      this.#role.election.peerDown(id);
      this.#followOutcome();
    } else if (this.#role.name === 'leading') {
      this.#role.leader.end(id);
    } else if (this.#role.learner.leader === id) {
      this.stepDown(`leader ${id} is ${why.refused ? 'gone' : 'not linked any more'}`);
    }
  }

  /** Appends a transaction at `nextZxid`. Only while established, and within the limits. */
  propose(payload: Uint8Array): LogRecord {
    assert(this.#role.name === 'leading', 'only a leader proposes');
    assert(this.#handOff === undefined, 'who hands over proposes nothing more');
    return this.#role.leader.propose(payload);
  }

  /** Sets a barrier; its outcome is in a later Ready. */
  barrier(options: BarrierOptions = {}): BarrierId {
    const { log, outbox } = this.#context;
    const id = this.#nextBarrier++;
    if (this.#role.name !== 'leading' || !this.#role.leader.established) {
      outbox.barriers.push({ id, outcome: 'void' });
      return id;
    }
    const { leader } = this.#role;
    const position = options.position ?? log.committed;
    assert(log.contains(position), 'a barrier stands at a record of the log');
    const acks = options.acks === 'all' ? leader.voters.length : (options.acks ?? 0);
    this.#barriers.set({ id, position, acks, round: leader.round + 1 });
    this.#progressed = true;
    return id;
  }

  /** The disk has everything that was appended up to `position` by the Readies of `tenure`. */
  durable(tenure: number, position: LogPosition): void {
    const { log, outbox } = this.#context;
    const outcome = log.completed(tenure, position);
    // Whatever it says of the log, the disk works.
    this.#disk.completed();
    if (typeof outcome === 'string') {
      outbox.ignore('disk completion', outcome);
      return;
    }
    if (!outcome) return;
    this.#progressed = true;
    if (this.#role.name === 'leading') this.#role.leader.onDurable();
    else if (this.#role.name !== 'looking') this.#role.learner.onDurable();
  }

  /** Both copies of the promise are on disk; a fact, whatever the tenure. */
  promiseDurable(tenure: number, promise: EpochPromise): void {
    const { durablePromise, outbox } = this.#context;
    if (promise.epoch >= (durablePromise?.epoch ?? 0)) this.#context.durablePromise = promise;
    this.#disk.promised();
    if (tenure !== this.#tenure) {
      outbox.ignore('promise completion', `it belongs to tenure ${tenure}`);
    } else if (this.#role.name === 'leading') {
      this.#role.leader.onPromiseDurable(promise);
    } else if (this.#role.name !== 'looking') {
      this.#role.learner.onPromiseDurable(promise);
    }
  }

  /** Answers a read that a Ready asked for. */
  recordsRead(to: number, tenure: number, result: ReadResult): void {
    if (this.#role.name === 'leading') this.#role.leader.onRead(to, tenure, result);
  }

  /** All pieces of a snapshot of `position` have been sent. */
  snapshotSent(
    to: number,
    tenure: number,
    snapshot: { readonly transfer: number; readonly position: LogPosition; readonly chain: number },
  ): void {
    if (this.#role.name === 'leading') this.#role.leader.onSnapshotSent(to, tenure, snapshot);
  }

  /** A snapshot could not be made or sent: the relation with the learner ends. */
  snapshotFailed(to: number, tenure: number, reason: string): void {
    if (this.#role.name === 'leading') this.#role.leader.onSnapshotFailed(to, tenure, reason);
  }

  /** A piece of the snapshot that this learner receives has been taken: its leader may send more. */
  chunkTaken(tenure: number, transfer: number, index: number): void {
    if (tenure !== this.#tenure || !isLearning(this.#role)) return;
    this.#role.learner.chunkTaken(transfer, index);
  }

  /** The snapshot has replaced the log, also if the tenure is over meanwhile. */
  snapshotInstalled(tenure: number, snapshot: InstalledSnapshot): void {
    assert(tenure === this.#installing, 'what is installed was received whole');
    const { log, outbox } = this.#context;
    log.installed(snapshot);
    // What was on its way to the log that is gone is never completed.
    this.#disk.completed();
    outbox.trace({ type: 'installed', position: snapshot.position });
    this.#refreshMembers();
    this.#endInstallation();
    if (isLearning(this.#role)) this.#role.learner.onInstalled(log.last);
  }

  /** The snapshot was not as it should be, and nothing on the disk has changed. */
  snapshotRefused(tenure: number, reason: string): void {
    assert(tenure === this.#installing, 'what is refused was received whole');
    const isPresent = tenure === this.#tenure;
    this.#endInstallation();
    if (isPresent) this.#leave({ reason, violation: true });
  }

  /**
   * Gives the leadership to `to`, or to the voter that has most: stops proposing, waits until all is
   * committed and that voter has it on disk. The outcome is a change of role in any case.
   * @returns false where there is nobody to hand over to, or nothing to hand over
   */
  handOff(to?: number): boolean {
    if (this.#role.name !== 'leading' || !this.#role.leader.established) return false;
    if (this.#handOff !== undefined) return true;
    const { leader } = this.#role;
    if (to !== this.#context.self && leader.successor(to) === undefined) return false;
    this.#handOff = new HandOff(this.#context, leader, to);
    return true;
  }

  /** A message of another node, which belongs to the present connection with it. */
  step(from: number, message: ZabMessage): void {
    const { self, peers, members, outbox } = this.#context;
    assert(from !== self, 'a node counts for itself without a message');
    if (!peers.has(from) || !members.has(from)) {
      const reason = peers.has(from) ? 'it is no member' : 'there is no link with it';
      outbox.ignore(`${message.type} of ${from}`, reason);
      return;
    }
    this.#progressed = true;
    switch (message.type) {
      case 'VOTE':
        this.#onVote(from, message);
        return;
      case 'FOLLOWERINFO':
        this.#onFollowerInfo(from, message);
        return;
      case 'ACKEPOCH':
      case 'ACK':
      case 'PONG':
      case 'SNAPSHOTACK':
        this.#stepLeading(from, message);
        return;
      default:
        this.#stepLearning(from, message);
    }
  }

  /**
   * Leaves the role and looks for a leader again: the one way out of every role. Barriers are void,
   * records that nobody has seen are forgotten, and the vote key is what is durable.
   */
  stepDown(reason: string): void {
    if (this.#tenure === 0) return;
    this.#context.outbox.trace({ type: 'reset', reason });
    this.#look();
  }

  /** What is to be done now; undefined when there is nothing. See `Ready` for the order of effects. */
  ready(): Ready | undefined {
    this.#endTurn();
    const { log, outbox } = this.#context;
    const { committed, applicable } = log;
    const isIdle =
      outbox.isEmpty &&
      !log.hasChanges &&
      comparePositions(committed, this.#toldCommitted) === 0 &&
      comparePositions(applicable, this.#toldApplicable) === 0;
    if (isIdle) return undefined;
    this.#toldCommitted = committed;
    this.#toldApplicable = applicable;
    const taken = outbox.take();
    const changes = log.take();
    this.#disk.handedOut(changes.append.length > 0, taken.promise !== undefined);
    if (taken.chunks.some(({ last }) => last)) this.#installing = this.#tenure;
    return { ...taken, ...changes, tenure: this.#tenure, committed, applicable };
  }

  /** What follows from all that has come in: answers, records and commit points for the others. */
  #endTurn(): void {
    if (this.#role.name === 'leading') {
      this.#settleBarriers(this.#role.leader);
      this.#completeHandOff();
    }
    if (this.#role.name === 'leading') this.#role.leader.flush();
    else if (isLearning(this.#role)) this.#role.learner.flush();
  }

  #settleBarriers(leader: Leader): void {
    if (!this.#progressed) return;
    this.#progressed = false;
    if (this.#barriers.size === 0) return;
    if (this.#barriers.latestRound > leader.round) leader.beginRound();
    const progress = {
      committed: this.#context.log.committed,
      confirmedRound: leader.confirmedRound,
      voters: leader.voters.length,
      durableAt: (position: LogPosition) => leader.durableAt(position),
    };
    this.#barriers.settle(progress, this.#context.outbox.barriers);
  }

  #look(): void {
    this.#round += 1;
    const election = this.#newElection();
    this.#enter({ name: 'looking', election });
    election.start();
    this.#followOutcome();
  }

  #newElection(): Election {
    return new Election(this.#context, this.#round, () => this.#standing());
  }

  /** While a snapshot is being installed it is open what this node has. */
  #standing(): Standing {
    if (this.#installing !== undefined) return 'asker';
    return standingOf(this.#context, this.#disk.isStalled);
  }

  #followOutcome(): void {
    if (this.#role.name !== 'looking' || this.#installing !== undefined) return;
    const { election } = this.#role;
    const { outcome, round } = election;
    this.#round = round;
    if (outcome === undefined) return;
    this.#context.outbox.trace({ type: 'elected', leader: outcome, round });
    if (outcome === this.#context.self) this.#lead();
    else this.#follow(outcome);
  }

  #lead(): void {
    const leader = new Leader(this.#context, () => {
      return (this.#newClusterId ??= this.#context.options.newClusterId());
    });
    this.#enter({ name: 'leading', leader });
    for (const peer of this.#context.peers.keys()) this.#announce(peer);
    leader.begin();
    for (const [from, info] of this.#waiting.takeAll()) this.#onFollowerInfo(from, info);
  }

  #follow(leader: number): void {
    const { peers, members } = this.#context;
    if (!peers.has(leader)) {
      this.stepDown(`there is no link with leader ${leader}`);
      return;
    }
    const learner = new Learner(this.#context, leader, this.#tenure + 1);
    this.#enter({ name: members.selfCounts ? 'following' : 'observing', learner });
    learner.begin();
  }

  /** Every change of role: nothing of the former one is left, and a new tenure begins. */
  #enter(role: Role): void {
    const { outbox, log } = this.#context;
    outbox.disown();
    if (this.#role.name === 'leading') this.#bidFarewell(this.#role.leader);
    this.#tenure += 1;
    log.enterTenure(this.#tenure);
    this.#disk.relieved();
    this.#refreshMembers();
    this.#barriers.voidAll(outbox.barriers);
    this.#handOff = undefined;
    this.#role = role;
    const leader = isLearning(role) ? { leader: role.learner.leader } : {};
    outbox.trace({ type: 'role', role: role.name, tenure: this.#tenure, ...leader });
  }

  /** The learners hear whom to follow now, or that they have to find out. */
  #bidFarewell(leader: Leader): void {
    const heir = this.#heir;
    this.#heir = undefined;
    if (heir === undefined) leader.endAll('This node leads no longer.');
    else leader.handOff(heir, this.#round);
  }

  #refreshMembers(): void {
    const { log, members, options, joinedClusterId } = this.#context;
    members.update(log.epochRecord);
    const known = joinedClusterId ?? options.clusterId;
    this.#context.clusterId = log.epochRecord?.clusterId ?? known;
  }

  /** Tells a peer whom this node leads or follows. */
  #announce(peer: number): void {
    const { role, leader, epoch } = this.status;
    const { log, outbox } = this.#context;
    const vote = {
      type: 'VOTE',
      round: this.#round,
      candidate: leader ?? 0,
      key: log.durable,
    } as const;
    outbox.send(peer, { ...vote, state: role, epoch, leader });
  }

  #onVote(from: number, vote: VoteMessage): void {
    const role = this.#role;
    if (vote.state === 'leading') this.#claims.note(from, vote.round);
    if (role.name === 'looking') {
      if (vote.state === 'looking') this.#waiting.drop(from);
      const isAvoided = this.#claims.isAvoided(from, vote.round, this.#context.nowMs);
      if (vote.state === 'leading' && isAvoided) return;
      role.election.onVote(from, vote);
      this.#followOutcome();
      return;
    }
    if (vote.state !== 'looking') return;
    this.#waiting.drop(from);
    if (role.name === 'leading') {
      role.leader.end(from);
      this.#announce(from);
    } else if (role.learner.leader === from && role.learner.accepted) {
      this.stepDown(`leader ${from} looks for a leader itself`);
    } else {
      this.#announce(from);
    }
  }

  #onFollowerInfo(from: number, info: FollowerInfoMessage): void {
    if (this.#role.name !== 'leading') {
      this.#waiting.add(from, info, this.#context.nowMs);
      return;
    }
    const problem = this.#role.leader.onFollowerInfo(from, info);
    if (problem !== undefined) this.stepDown(problem);
    // A voter that has promised a later epoch can follow again once there is a still later one.
    else if (this.#role.leader.surpassed) this.handOff(this.#context.self);
  }

  #stepLeading(from: number, message: LearnerMessage): void {
    if (this.#role.name !== 'leading') {
      this.#context.outbox.ignore(`${message.type} of ${from}`, 'this node does not lead');
      return;
    }
    const problem = this.#role.leader.step(from, message);
    if (problem !== undefined) this.stepDown(problem);
  }

  #stepLearning(from: number, message: LeaderMessage): void {
    const role = this.#role;
    const { outbox } = this.#context;
    if (!isLearning(role) || role.learner.leader !== from || message.tenure !== this.#tenure) {
      outbox.ignore(`${message.type} of ${from}`, 'there is no such relation');
      return;
    }
    if (message.type === 'HANDOFF') this.#onHandOff(message.to, message.round);
    else if (message.type === 'REFUSE') this.#leave({ reason: message.reason, violation: false });
    else this.#leave(role.learner.step(message));
  }

  /** Leaves the leader, if there is a reason. */
  #leave(departure: Departure | undefined): void {
    if (departure === undefined || !isLearning(this.#role)) return;
    const { leader } = this.#role.learner;
    const { outbox, nowMs } = this.#context;
    const { reason, violation } = departure;
    this.#claims.avoid(leader, this.#round, nowMs);
    if (violation) {
      outbox.trace({ type: 'violation', peer: leader, reason });
      outbox.disconnect.push({ peer: leader, reason });
    }
    this.stepDown(reason);
  }

  #tickLeading(leader: Leader): void {
    const problem = leader.tick();
    if (problem !== undefined) {
      this.stepDown(problem);
    } else if (this.#handOff?.isOverdue === true) {
      this.stepDown('the hand-off did not come about in time');
    } else if (this.#disk.isStalled && this.#handOff === undefined && leader.isReplaceable) {
      if (!this.handOff()) this.stepDown('the disk completes nothing');
    }
  }

  #completeHandOff(): void {
    const to = this.#handOff?.ready;
    if (to === undefined) return;
    const { self, outbox, log } = this.#context;
    outbox.trace({ type: 'handoff', to, position: log.last });
    this.#round += 1;
    this.#heir = to;
    if (to === self) this.#lead();
    else this.#follow(to);
  }

  #onHandOff(to: number, round: number): void {
    const { outbox, self, log } = this.#context;
    outbox.trace({ type: 'handoff', to, position: log.last });
    this.#round = Math.max(this.#round, round);
    if (this.#installing !== undefined) this.stepDown('a snapshot is being installed');
    else if (to !== self) this.#follow(to);
    else if (this.#standing() === 'candidate') this.#lead();
    else this.stepDown('the leadership was handed to this node, which cannot lead');
  }

  #refuse(to: number, tenure: number, reason: string): void {
    this.#context.outbox.send(to, { type: 'REFUSE', tenure, reason });
  }

  #endInstallation(): void {
    const wasIn = this.#installing;
    this.#installing = undefined;
    // The election waited, since what this node has was about to change.
    if (wasIn !== this.#tenure && this.#role.name === 'looking') this.#look();
  }
}
