/**
 * The core of the broadcast protocol: a function of its inputs. Time, messages, proposals and disk
 * completions come in; one `Ready` says what is to be done. No promise, timer, clock, chance or I/O is
 * in here, so that the same inputs always give the same outputs.
 *
 * A node looks for a leader or is one; what it knows as the one is gone when it becomes the other:
 * every change of role goes through `#enter`, which starts a new tenure.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import { Barriers } from './barriers.ts';
import { Election } from './election.ts';
import { Leader } from './leader.ts';
import { LogView } from './log-view.ts';
import type { VoteMessage, ZabMessage } from './messages.ts';
import { Outbox } from './outbox.ts';
import { defaultTimeouts } from './options.ts';
import type { BarrierOptions, ZabOptions, ZabStatus, ZabTimeouts } from './options.ts';
import { isQuorum, majorityOf } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import type { BarrierId, Ready } from './ready.ts';
import { comparePositions } from './types.ts';
import type {
  EpochPromise,
  InstalledSnapshot,
  LogPosition,
  LogRecord,
  Peer,
  ReadResult,
} from './types.ts';

type Role =
  | { readonly name: 'looking'; readonly election: Election | undefined }
  | { readonly name: 'leading'; readonly leader: Leader };

export class Zab {
  readonly #options: ZabOptions;
  readonly #timeouts: ZabTimeouts;
  readonly #verifiers: readonly Verifier[];
  readonly #log: LogView;
  readonly #outbox = new Outbox();
  readonly #barriers = new Barriers();
  /** Until when each peer counts as alive, milliseconds of the caller's clock. */
  readonly #aliveUntil = new Map<number, number>();
  /** Until when a leader that is not established waits for its peers. */
  #connectUntil = 0;
  #role: Role = { name: 'looking', election: undefined };
  #tenure = 0;
  /** The greatest epoch ever promised, durable or not: it is never promised twice. */
  #promise: EpochPromise | undefined;
  /** Once born, a cluster keeps its id, also when the first attempt to lead it fails. */
  #clusterId: string | undefined;
  #nowMs = 0;
  #electionRound = 0;
  #nextBarrier: BarrierId = 1;
  /** True when something has happened that may settle a barrier. */
  #progressed = false;
  #toldCommitted: LogPosition;
  #toldApplicable: LogPosition;

  constructor(options: ZabOptions) {
    this.#options = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#verifiers = [majorityOf(options.voters)];
    this.#log = new LogView(options.log, options.committed, options.checksum);
    this.#promise = options.promise;
    this.#clusterId = options.clusterId;
    this.#toldCommitted = options.committed;
    this.#toldApplicable = options.committed;
  }

  get status(): ZabStatus {
    const { committed, durable, last } = this.#log;
    const shared = {
      ...{ committed, durable, last, tenure: this.#tenure, promise: this.#promise },
      ...{ voter: this.#options.voters.includes(this.#options.self), recovering: false },
      ...{ members: [], featureLevel: 1, learners: [], epochStart: undefined },
    };
    if (this.#role.name === 'looking') {
      return {
        ...shared,
        role: 'looking',
        phase: 'election',
        epoch: last.epoch,
        leader: undefined,
        established: false,
        serving: false,
      };
    }
    const { phase, epoch, established } = this.#role.leader;
    return {
      ...shared,
      role: 'leading',
      phase,
      epoch: Math.max(epoch, last.epoch),
      leader: this.#options.self,
      established,
      serving: established,
    };
  }

  /** How far records may be applied: committed, and durable here. */
  get applicable(): LogPosition {
    return this.#log.applicable;
  }

  /** Of the log, or of the cluster that this node is about to found. */
  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  /** The zxid that the next `propose` assigns. */
  get nextZxid(): number {
    return this.#log.last.zxid + 1;
  }

  /** What is proposed and not committed. */
  get outstanding(): { readonly transactions: number; readonly bytes: number } {
    const outstanding = this.#role.name === 'leading' ? this.#role.leader.outstanding : undefined;
    return { transactions: outstanding?.transactions ?? 0, bytes: outstanding?.bytes ?? 0 };
  }

  /** True when a transaction may be proposed now. */
  get hasRoom(): boolean {
    if (this.#role.name !== 'leading') return false;
    return this.#role.leader.outstanding?.hasRoom ?? false;
  }

  /** Begins the first election. Once. */
  start(nowMs: number): void {
    assert(this.#tenure === 0, 'a core is started once');
    this.#nowMs = nowMs;
    this.#look();
  }

  /** Time goes on: deadlines are judged before anything that has waited meanwhile. */
  tick(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    if (this.#role.name === 'looking') return;
    if (!this.#role.leader.established && this.#nowMs <= this.#connectUntil) return;
    const isAlive = (voter: number): boolean =>
      voter === this.#options.self || (this.#aliveUntil.get(voter) ?? 0) >= this.#nowMs;
    if (!isQuorum(this.#verifiers, isAlive)) this.stepDown('no quorum within its deadline');
  }

  /** Appends a transaction at `nextZxid`. Only while established, and within the limits. */
  propose(payload: Uint8Array): LogRecord {
    assert(this.#role.name === 'leading', 'only a leader proposes');
    return this.#role.leader.propose(payload);
  }

  /** Sets a barrier; its outcome is in a later Ready. */
  barrier(options: BarrierOptions = {}): BarrierId {
    const id = this.#nextBarrier++;
    if (this.#role.name !== 'leading' || !this.#role.leader.established) {
      this.#outbox.barriers.push({ id, outcome: 'void' });
      return id;
    }
    const { leader } = this.#role;
    const position = options.position ?? this.#log.committed;
    assert(this.#log.contains(position), 'a barrier stands at a record of the log');
    const acks = options.acks === 'all' ? leader.voters.length : (options.acks ?? 0);
    this.#barriers.set({ id, position, acks, round: leader.round + 1 });
    this.#progressed = true;
    return id;
  }

  /** The disk has everything that was appended up to `position`. */
  durable(tenure: number, position: LogPosition): void {
    if (tenure !== this.#tenure) {
      this.#outbox.ignore('disk completion', `it belongs to tenure ${String(tenure)}`);
      return;
    }
    if (!this.#log.completed(position)) return;
    this.#progressed = true;
    if (this.#role.name === 'leading') this.#role.leader.onDurable();
  }

  /** Both copies of the promise are on disk. */
  promiseDurable(tenure: number, promise: EpochPromise): void {
    if (tenure !== this.#tenure || promise.epoch !== this.#promise?.epoch) {
      this.#outbox.ignore('promise completion', `it belongs to tenure ${String(tenure)}`);
      return;
    }
    if (this.#role.name === 'leading') this.#role.leader.onPromiseDurable();
  }

  /** A link is there; told before any message of it. */
  peerUp(_peer: Peer): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** The link is gone. `refused`: the peer's port refuses connections, its process has ended. */
  peerDown(_id: number, _why: { readonly refused: boolean } = { refused: false }): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** Answers a read that a Ready asked for. */
  recordsRead(_to: number, _tenure: number, _result: ReadResult): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** All pieces of a snapshot of `position` have been sent. */
  snapshotSent(
    _to: number,
    _tenure: number,
    _snapshot: {
      readonly transfer: number;
      readonly position: LogPosition;
      readonly chain: number;
    },
  ): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** A snapshot could not be made or sent: the relation with the learner ends. */
  snapshotFailed(_to: number, _tenure: number, _reason: string): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** A piece of the snapshot that this learner receives has been taken: its leader may send more. */
  chunkTaken(_tenure: number, _transfer: number, _index: number): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** The snapshot has replaced the log, also if the tenure is over meanwhile. */
  snapshotInstalled(_tenure: number, _snapshot: InstalledSnapshot): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /** The snapshot was not as it should be, and nothing on the disk has changed. */
  snapshotRefused(_tenure: number, _reason: string): void {
    assert(this.#tenure > 0, 'a core is started first');
  }

  /**
   * Gives the leadership to `to`, or to the voter that has most: stops proposing, waits until all is
   * committed and that voter has it on disk. The outcome is a change of role in any case.
   * @returns false where there is nobody to hand over to, or nothing to hand over
   */
  handOff(_to?: number): boolean {
    return false;
  }

  /** A message of another node, which belongs to the present connection with it. */
  step(from: number, message: ZabMessage): void {
    const { self, voters, observers = [] } = this.#options;
    assert(from !== self, 'a node counts for itself without a message');
    if (!voters.includes(from) && !observers.includes(from)) {
      this.#outbox.ignore(`${message.type} of ${String(from)}`, 'it is no member');
      return;
    }
    this.#aliveUntil.set(from, this.#nowMs + this.#timeouts.peerMs);
    this.#progressed = true;
    if (this.#role.name === 'looking') this.#stepLooking(from, message);
    else this.#stepLeading(this.#role.leader, from, message);
  }

  /**
   * Leaves the role and looks for a leader again: the one way out of every role. Barriers are void,
   * records that nobody has seen are forgotten, and work that the disk still has is disowned.
   */
  stepDown(reason: string): void {
    if (this.#tenure === 0) return;
    this.#outbox.trace({ type: 'reset', reason });
    this.#look();
  }

  /** What is to be done now; undefined when there is nothing. See `Ready` for the order of effects. */
  ready(): Ready | undefined {
    if (this.#role.name === 'leading') this.#settleBarriers(this.#role.leader);
    const { committed, applicable } = this.#log;
    const isIdle =
      this.#outbox.isEmpty &&
      !this.#log.hasPending &&
      comparePositions(committed, this.#toldCommitted) === 0 &&
      comparePositions(applicable, this.#toldApplicable) === 0;
    if (isIdle) return undefined;
    this.#toldCommitted = committed;
    this.#toldApplicable = applicable;
    const append = this.#log.take();
    return { ...this.#outbox.take(), tenure: this.#tenure, append, committed, applicable };
  }

  #settleBarriers(leader: Leader): void {
    if (!this.#progressed) return;
    this.#progressed = false;
    if (this.#barriers.size === 0) return;
    if (this.#barriers.latestRound > leader.round) leader.beginRound();
    const progress = {
      committed: this.#log.committed,
      confirmedRound: leader.confirmedRound,
      voters: leader.voters.length,
      durableAt: (position: LogPosition) => leader.durableAt(position),
    };
    this.#barriers.settle(progress, this.#outbox.barriers);
  }

  #look(): void {
    const { self, voters } = this.#options;
    this.#electionRound += 1;
    const key = this.#log.durable;
    const round = this.#electionRound;
    const vote: VoteMessage = {
      ...{ type: 'VOTE', round, candidate: self, key, state: 'looking' },
      ...{ epoch: key.epoch, leader: undefined },
    };
    const isVoter = voters.includes(self);
    const election = isVoter ? new Election(self, vote, this.#verifiers) : undefined;
    this.#enter({ name: 'looking', election });
    if (election === undefined) return;
    for (const voter of voters) if (voter !== self) this.#outbox.send(voter, vote);
    this.#maybeLead(election);
  }

  #maybeLead(election: Election): void {
    if (election.winner() !== this.#options.self) return;
    const { featureLevel = 1 } = this.#options;
    const leader = new Leader({
      ...this.#options,
      clusterId: this.#clusterId,
      newClusterId: () => (this.#clusterId = this.#options.newClusterId()),
      featureLevel,
      config: new Uint8Array(),
      verifiers: this.#verifiers,
      log: this.#log,
      outbox: this.#outbox,
    });
    this.#enter({ name: 'leading', leader });
    this.#connectUntil = this.#nowMs + this.#timeouts.connectMs;
    leader.begin(this.#promise);
    this.#notePromise();
  }

  /** Every change of role: nothing of the former one is left, and a new tenure begins. */
  #enter(role: Role): void {
    this.#tenure += 1;
    this.#outbox.disown();
    this.#log.dropPending();
    this.#barriers.voidAll(this.#outbox.barriers);
    this.#aliveUntil.clear();
    this.#role = role;
    this.#outbox.trace({ type: 'role', role: role.name, tenure: this.#tenure });
  }

  #stepLooking(from: number, message: ZabMessage): void {
    const { election } = this.#role.name === 'looking' ? this.#role : { election: undefined };
    if (message.type !== 'VOTE' || election === undefined) {
      this.#outbox.ignore(`${message.type} of ${String(from)}`, 'this node looks for a leader');
      return;
    }
    election.record(from, message);
    this.#maybeLead(election);
  }

  #stepLeading(leader: Leader, from: number, message: ZabMessage): void {
    switch (message.type) {
      case 'FOLLOWERINFO':
        leader.onFollowerInfo(from, message);
        this.#notePromise();
        return;
      case 'ACKEPOCH': {
        const problem = leader.onAckEpoch(from, message);
        if (problem !== undefined) this.stepDown(problem);
        return;
      }
      case 'ACK':
        leader.onAck(from, message.position, message.round);
        return;
      case 'PONG':
        leader.confirm(from, message.round);
        return;
      case 'VOTE':
      case 'LEADERINFO':
      case 'APPEND':
      case 'PING':
      case 'SNAPSHOT':
      case 'SNAPSHOTACK':
      case 'HANDOFF':
      case 'REFUSE':
        this.#outbox.ignore(`${message.type} of ${String(from)}`, 'this node leads');
        return;
      default:
        unreachable(message);
    }
  }

  #notePromise(): void {
    this.#promise = this.#outbox.promise ?? this.#promise;
  }
}
