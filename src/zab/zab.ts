/**
 * The core of the broadcast protocol: a function of its inputs. Time, links, messages, proposals and disk
 * completions come in; one `Ready` says what is to be done. No promise, timer, clock, chance or I/O is in
 * here, so that the same inputs always give the same outputs.
 *
 * Here is what holds in every role: the disk, barriers, the end of a turn. What a node does as what it is, and
 * how it becomes something else, is in `roles.ts`.
 */
import { assert } from '../protocol/assert.ts';
import { Barriers } from './barriers.ts';
import type { Context } from './context.ts';
import { DiskWatch } from './disk-watch.ts';
import type { Departure } from './learner.ts';
import type { Leader } from './leader.ts';
import { LogView } from './log-view.ts';
import { Members } from './members.ts';
import type { ZabMessage } from './messages.ts';
import { defaultStreamLimits, defaultTimeouts } from './options.ts';
import type { BarrierOptions, ZabOptions, ZabStatus } from './options.ts';
import { Outbox } from './outbox.ts';
import type { BarrierId, Ready } from './ready.ts';
import { Roles } from './roles.ts';
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

export class Zab {
  readonly #context: Context;
  readonly #barriers = new Barriers();
  readonly #disk: DiskWatch;
  readonly #roles: Roles;
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
    this.#roles = new Roles(this.#context, this.#disk, this.#barriers);
    this.#toldCommitted = committed;
    this.#toldApplicable = committed;
  }

  /** For how long the disk has completed nothing of what it was given, milliseconds; 0 while it does not hang. */
  get diskStalledMs(): number {
    return this.#disk.stalledMs;
  }

  get status(): ZabStatus {
    return statusOf(this.#context, this.#roles.role, this.#roles.tenure);
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
    const outstanding = this.#roles.leader?.outstanding;
    return { transactions: outstanding?.transactions ?? 0, bytes: outstanding?.bytes ?? 0 };
  }

  /** True when a transaction may be proposed now. */
  get hasRoom(): boolean {
    if (this.#roles.isHandingOver) return false;
    return this.#roles.leader?.outstanding?.hasRoom ?? false;
  }

  /** Begins the first election. Once. */
  start(nowMs: number): void {
    assert(this.#roles.tenure === 0, 'a core is started once');
    this.#context.nowMs = nowMs;
    this.#tickedMs = nowMs;
    const { members, outbox } = this.#context;
    if (members.differsFromFlags) {
      const text = 'The members that the flags name are not those of the log; the log is right.';
      outbox.trace({ type: 'alarm', text });
    }
    this.#roles.start();
  }

  /** Time goes on: first in every turn, so that deadlines are judged before what has waited meanwhile. */
  tick(nowMs: number): void {
    const { timeouts } = this.#context;
    const lateMs = nowMs - this.#tickedMs;
    if (nowMs > this.#context.nowMs) this.#context.nowMs = nowMs;
    if (nowMs > this.#tickedMs) this.#tickedMs = nowMs;
    // Who was not listening cannot say that others were silent.
    if (lateMs > timeouts.peerMs / 2) this.#context.graceUntilMs = nowMs + 3 * timeouts.pingMs;
    this.#roles.tick();
  }

  /** A link is there; told before any message of it. A newer one replaces the older: that is down first. */
  peerUp(peer: Peer): void {
    const { self, peers } = this.#context;
    assert(peer.id !== self, 'a node has no link with itself');
    if (peers.has(peer.id)) this.peerDown(peer.id);
    peers.set(peer.id, peer);
    this.#roles.peerUp(peer.id);
  }

  /** The link is gone. `refused`: the peer's port refuses connections, its process has ended. */
  peerDown(id: number, why: { readonly refused: boolean } = { refused: false }): void {
    if (!this.#context.peers.delete(id)) return;
    this.#roles.peerDown(id, why);
  }

  /** Appends a transaction at `nextZxid`. Only while established, and within the limits. */
  propose(payload: Uint8Array): LogRecord {
    const { leader, isHandingOver } = this.#roles;
    assert(leader !== undefined, 'only a leader proposes');
    assert(!isHandingOver, 'who hands over proposes nothing more');
    return leader.propose(payload);
  }

  /** Sets a barrier; its outcome is in a later Ready. */
  barrier(options: BarrierOptions = {}): BarrierId {
    const { log, outbox } = this.#context;
    const id = this.#nextBarrier++;
    const { leader } = this.#roles;
    if (leader?.established !== true) {
      outbox.barriers.push({ id, outcome: 'void' });
      return id;
    }
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
    this.#roles.leader?.onDurable();
    this.#roles.learner?.onDurable();
  }

  /** Both copies of the promise are on disk; a fact, whatever the tenure. */
  promiseDurable(tenure: number, promise: EpochPromise): void {
    const { durablePromise, outbox } = this.#context;
    if (promise.epoch >= (durablePromise?.epoch ?? 0)) this.#context.durablePromise = promise;
    this.#disk.promised();
    if (tenure !== this.#roles.tenure) {
      outbox.ignore('promise completion', `it belongs to tenure ${tenure}`);
      return;
    }
    this.#roles.leader?.onPromiseDurable(promise);
    this.#roles.learner?.onPromiseDurable(promise);
  }

  /** Answers a read that a Ready asked for. */
  recordsRead(to: number, tenure: number, result: ReadResult): void {
    this.#roles.leader?.onRead(to, tenure, result);
  }

  /** All pieces of a snapshot of `position` have been sent. */
  snapshotSent(
    to: number,
    tenure: number,
    snapshot: { readonly transfer: number; readonly position: LogPosition; readonly chain: number },
  ): void {
    this.#roles.leader?.onSnapshotSent(to, tenure, snapshot);
  }

  /** A snapshot could not be made or sent: the relation with the learner ends. */
  snapshotFailed(to: number, tenure: number, reason: string): void {
    this.#roles.leader?.onSnapshotFailed(to, tenure, reason);
  }

  /** A piece of the snapshot that this learner receives has been taken: its leader may send more. */
  chunkTaken(tenure: number, transfer: number, index: number): void {
    if (tenure === this.#roles.tenure) this.#roles.learner?.chunkTaken(transfer, index);
  }

  /** The snapshot has replaced the log, also if the tenure is over meanwhile. */
  snapshotInstalled(tenure: number, snapshot: InstalledSnapshot): void {
    this.#roles.snapshotInstalled(tenure, snapshot);
  }

  /** The snapshot was not as it should be, or could not be taken in, and nothing on the disk has changed. */
  snapshotRefused(tenure: number, departure: Departure): void {
    this.#roles.snapshotRefused(tenure, departure);
  }

  /**
   * Gives the leadership to `to`, or to the voter that has most: stops proposing, waits until all is
   * committed and that voter has it on disk. The outcome is a change of role in any case.
   * @returns false where there is nobody to hand over to, or nothing to hand over
   */
  handOff(to?: number): boolean {
    return this.#roles.handOff(to);
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
    this.#roles.step(from, message);
  }

  /** Leaves the role and looks for a leader again. */
  stepDown(reason: string): void {
    this.#roles.stepDown(reason);
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
    if (taken.chunks.some(({ last }) => last)) this.#roles.beginInstallation();
    return { ...taken, ...changes, tenure: this.#roles.tenure, committed, applicable };
  }

  /** What follows from all that has come in: answers, records and commit points for the others. */
  #endTurn(): void {
    const { leader } = this.#roles;
    if (leader !== undefined) {
      this.#settleBarriers(leader);
      this.#roles.completeHandOff();
    }
    this.#roles.leader?.flush();
    this.#roles.learner?.flush();
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
}
