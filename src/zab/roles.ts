/**
 * The role of this node, and the ways from each role to the next. A node looks for a leader, is one or learns
 * from one; what it knows as the one is gone when it becomes the other: every change of role goes through
 * `#enter`, which starts a new tenure. Time, links and messages come in here, since each may end a role.
 */
import { assert } from '../protocol/assert.ts';
import type { Barriers } from './barriers.ts';
import { isFarEpoch, roundLeadMax } from './bounds.ts';
import { Claims } from './claims.ts';
import type { Context } from './context.ts';
import type { DiskWatch } from './disk-watch.ts';
import { Election } from './election.ts';
import { HandOff } from './handoff.ts';
import { Leader } from './leader.ts';
import { Learner } from './learner.ts';
import type { Departure } from './learner.ts';
import type {
  FollowerInfoMessage,
  HandOffMessage,
  LeaderMessage,
  LearnerMessage,
  VoteMessage,
  ZabMessage,
} from './messages.ts';
import { isLearning } from './role.ts';
import type { Role } from './role.ts';
import { standingOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { statusOf } from './status.ts';
import type { InstalledSnapshot } from './types.ts';
import { WaitingLearners } from './waiting-learners.ts';

export class Roles {
  readonly #context: Context;
  readonly #disk: DiskWatch;
  readonly #barriers: Barriers;
  readonly #waiting = new WaitingLearners();
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

  /** @param barriers they are void when the role ends in which they were set */
  constructor(context: Context, disk: DiskWatch, barriers: Barriers) {
    this.#context = context;
    this.#disk = disk;
    this.#barriers = barriers;
    this.#role = { name: 'looking', election: this.#newElection() };
  }

  get role(): Role {
    return this.#role;
  }

  /** 0 before `start`; one more with every role. */
  get tenure(): number {
    return this.#tenure;
  }

  /** While this node leads. */
  get leader(): Leader | undefined {
    return this.#role.name === 'leading' ? this.#role.leader : undefined;
  }

  /** While it learns. */
  get learner(): Learner | undefined {
    return isLearning(this.#role) ? this.#role.learner : undefined;
  }

  /** Nothing is proposed any more. */
  get isHandingOver(): boolean {
    return this.#handOff !== undefined;
  }

  /** Begins the first election. Once. */
  start(): void {
    this.#look();
  }

  tick(): void {
    const { nowMs } = this.#context;
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

  /** Its link is there. */
  peerUp(id: number): void {
    if (this.#role.name === 'looking') {
      this.#role.election.peerUp(id);
      this.#followOutcome();
    } else if (this.#role.name === 'leading') {
      this.#announce(id);
    }
  }

  /** Its link is gone. */
  peerDown(id: number, why: { readonly refused: boolean }): void {
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

  /** A message of a member that there is a link with. */
  step(from: number, message: ZabMessage): void {
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
   * Gives the leadership to `to`, or to the voter that has most: stops proposing, waits until all is
   * committed and that voter has it on disk. The outcome is a change of role in any case.
   * @returns false where there is nobody to hand over to, or nothing to hand over
   */
  handOff(to?: number): boolean {
    const { leader } = this;
    if (leader?.established !== true) return false;
    if (this.#handOff !== undefined) return true;
    if (to !== this.#context.self && leader.successor(to) === undefined) return false;
    this.#handOff = new HandOff(this.#context, leader, to);
    return true;
  }

  /** At the end of a turn: all may be as it should be by now. */
  completeHandOff(): void {
    const to = this.#handOff?.ready;
    if (to === undefined) return;
    const { self, outbox, log } = this.#context;
    outbox.trace({ type: 'handoff', to, position: log.last });
    this.#round += 1;
    this.#heir = to;
    if (to === self) this.#lead();
    else this.#follow(to);
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

  /** A snapshot has been received whole, in the present tenure, and is about to replace the log. */
  beginInstallation(): void {
    this.#installing = this.#tenure;
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

  /** The snapshot was not as it should be, or could not be taken in, and nothing on the disk has changed. */
  snapshotRefused(tenure: number, departure: Departure): void {
    assert(tenure === this.#installing, 'what is refused was received whole');
    const isPresent = tenure === this.#tenure;
    this.#endInstallation();
    if (isPresent) this.#leave(departure);
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
    const peer = peers.get(leader);
    if (peer === undefined) {
      this.stepDown(`there is no link with leader ${leader}`);
      return;
    }
    if (!members.counts(peer.id, peer.incarnation)) {
      this.stepDown(`node ${leader} has no vote, and leads nobody`);
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
    const { role, leader, epoch } = statusOf(this.#context, this.#role, this.#tenure);
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
    const problem = this.#problemOf(vote);
    if (problem !== undefined) {
      this.#context.outbox.accuse(from, problem);
      return;
    }
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

  /** Whom somebody votes for, and in which round, becomes this node's own vote: it is believed only so far. */
  #problemOf({ round, key }: VoteMessage): string | undefined {
    if (this.#isFarRound(round)) return `its round ${round} is too far ahead`;
    if (isFarEpoch(this.#context, key.epoch))
      return `its vote for epoch ${key.epoch} is too far ahead`;
    return undefined;
  }

  #isFarRound(round: number): boolean {
    const role = this.#role;
    const present = role.name === 'looking' ? role.election.round : this.#round;
    return round > present + roundLeadMax;
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
    if (message.type === 'HANDOFF') this.#onHandOff(message);
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
    if (violation) outbox.accuse(leader, reason);
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

  #onHandOff({ to, round }: HandOffMessage): void {
    const { outbox, self, log } = this.#context;
    if (this.#isFarRound(round)) {
      this.#leave({ reason: `its round ${round} is too far ahead`, violation: true });
      return;
    }
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
