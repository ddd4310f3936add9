/**
 * A replica: where the broadcast core, the log, the tree, the sessions and the requests meet. It
 * implements the coordinator that the front doors ask for.
 */
import { assert } from '../protocol/assert.ts';
import type {
  CoordinatorAnswer,
  CoordinatorMessage,
  CoordinatorStatus,
  SnapshotInfo,
} from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Storage } from '../storage/index.ts';
import type { DownReason, PeerLink, Transport } from '../transport/transport.ts';
import { Prep } from '../tree/index.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord, Zab, ZabStatus } from '../zab/index.ts';
import { absentText, isStranger, strangerText } from './absent.ts';
import { Core } from './core.ts';
import { DiskSilence } from './disk-silence.ts';
import { Drive } from './drive.ts';
import type { DriveHooks, LostRequests } from './drive-hooks.ts';
import { EventDelivery } from './events.ts';
import type { Clock, ReplicaLog, ReplicaMetrics, ReplicaSettings, Scheduler } from './host.ts';
import type { LogMemory } from './log-memory.ts';
import { noPeers } from './no-peers.ts';
import type { Pending } from './stream.ts';
import { RequestPath } from './request-path.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { Snapshotter } from './snapshotter.ts';
import type { StateMachine } from './state-machine.ts';
import { statusOf } from './status.ts';

/** How often deadlines of sessions and requests are looked at, milliseconds; less where the tick is shorter. */
const HEARTBEAT_MS = 100;

/** How often the deadlines between nodes are looked at, milliseconds. */
const PEER_TICK_MS = 20;

/** How often the free space of the disk is looked at, milliseconds. */
const DISK_CHECK_MS = 5000;

/** A node that stops gives its leadership away within this time, or leaves it to an election, milliseconds. */
const HAND_OFF_MS = 2000;

/** A node that serves nobody says so after the first time, and again after each of the second, milliseconds. */
const NOT_READY_FIRST_MS = 2000;
const NOT_READY_AGAIN_MS = 10_000;

/** What recovery hands over. */
export interface ReplicaParts {
  readonly settings: ReplicaSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: ReplicaLog;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly state: StateMachine;
  /** With the records beyond the snapshot: not applied before a leader has committed them. */
  readonly memory: LogMemory;
  readonly zab: Zab;
  readonly storage: Storage;
  readonly onFatal: (error: Error) => void;
}

export class Replica implements DriveHooks {
  readonly #core: Core;
  readonly #zab: Zab;
  readonly #storage: Storage;
  readonly #events: EventDelivery;
  readonly #snapshotter: Snapshotter;
  readonly #diskSilence: DiskSilence;
  readonly #drive: Drive;
  readonly #requests: RequestPath;
  readonly #onFatal: (error: Error) => void;
  #transport: Transport | undefined;
  #cancelTimers: (() => void)[] = [];
  /** The members that are connected now. */
  readonly #links = new Map<number, PeerLink>();
  /** Where the clients of the other nodes connect. */
  readonly #urls = new Map<number, string>();
  #stopping = false;
  #retired: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #whenServing: (() => void)[] = [];
  /** Ends the wait of a stopping leader for its successor. */
  #whenHandedOver: () => void = () => undefined;
  #handOverUntilMs = Infinity;
  /** When the log is to say next why this node is not ready. */
  #tellsAtMs = 0;

  constructor(parts: ReplicaParts) {
    const { zab, storage, randomBytes } = parts;
    const core = new Core(parts);
    this.#onFatal = parts.onFatal;
    this.#core = core;
    this.#zab = zab;
    this.#storage = storage;
    this.#events = new EventDelivery(core);
    const random = (): number => (randomBytes(1)[0] ?? 0) / 256;
    const sinceLast = core.memory.unapplied;
    this.#snapshotter = new Snapshotter(core, storage, { random, sinceLast });
    this.#diskSilence = new DiskSilence(core.log);
    this.#drive = new Drive({
      ...{ core, zab, storage, events: this.#events },
      makePrep: () => this.#makePrep(),
      sender: new SnapshotSender(core, storage, () => this.#snapshotter.take()),
      receiver: new SnapshotReceiver(core, storage),
      onFatal: (error) => {
        this.#fail(error);
      },
    });
    this.#requests = new RequestPath({
      ...{ core, drive: this.#drive, events: this.#events, randomBytes },
      peers: {
        sendPayload: (node, bytes) => this.#drive.sendPayload(node, bytes),
        disconnect: (node, reason) => this.#drive.disconnect(node, reason),
        mismatch: (mark) => this.#condemn(mark.zxid),
      },
    });
  }

  // The coordinator.

  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void {
    this.#core.outbox.listen(listener);
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.#requests.submit(messages);
  }

  status(): CoordinatorStatus {
    const { availability, members, committed } = this.#requests;
    return statusOf({
      ...{ core: this.#core, zab: this.#zab.status, clusterId: this.#zab.clusterId },
      ...{ availability, seen: members, committed, links: this.#links, urls: this.#urls },
      ...{ serving: this.#drive.serving, stopping: this.#stopping },
      diskStalledMs: this.#zab.diskStalledMs,
    });
  }

  /** For how long the disk has completed nothing, milliseconds; 0 while it does not hang. */
  get diskStalledMs(): number {
    return this.#zab.diskStalledMs;
  }

  takeSnapshot(): Promise<SnapshotInfo> {
    return this.#snapshotter.take();
  }

  readSnapshot(zxid: Zxid): AsyncIterable<Uint8Array> | undefined {
    return this.#storage.readSnapshot(zxid);
  }

  // The process around it.

  /** Joins the ensemble; without links to others it is an ensemble of one. Once. */
  start(transport: Transport = noPeers): void {
    assert(this.#transport === undefined, 'a replica is started once');
    this.#transport = transport;
    this.#tellsAtMs = this.#core.clock.monotonicMs() + NOT_READY_FIRST_MS;
    this.#lookAround();
    const { scheduler, settings } = this.#core;
    const everyMs = Math.max(5, Math.min(HEARTBEAT_MS, Math.floor(settings.tickMs / 4)));
    this.#cancelTimers = [
      scheduler.every(everyMs, () => {
        this.tick();
      }),
      scheduler.every(DISK_CHECK_MS, () => {
        this.#drive.checkDisk();
      }),
    ];
    const isAlone = settings.voters.length + (settings.observers?.length ?? 0) === 1;
    if (!isAlone) {
      const cancel = scheduler.every(PEER_TICK_MS, () => {
        this.#drive.tick(this.#core.clock.monotonicMs());
      });
      this.#cancelTimers.push(cancel);
    }
    this.#drive.start(this, transport);
  }

  /** Resolves once the node serves clients: it leads or follows, and all before the epoch is applied. */
  serving(): Promise<void> {
    if (this.#drive.serving) return Promise.resolve();
    return new Promise((resolve) => this.#whenServing.push(resolve));
  }

  /**
   * Takes no more writes, gives the leadership to another node if there is one that can have it, makes
   * durable what is in the log's queue, and ends; may be asked again.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  /**
   * The first half of `stop`, while the front doors are still open: not ready any more, and no longer the
   * leader if another node can be it. What is under way is answered meanwhile and afterwards.
   */
  retire(): Promise<void> {
    this.#stopping = true;
    this.#retired ??= this.#handOver();
    return this.#retired;
  }

  async #end(): Promise<void> {
    await this.retire();
    // First, so that nobody who waits for a leader is kept by a snapshot that a slow disk is taking.
    this.#requests.stop();
    await this.#snapshotter.stop();
    for (const cancel of this.#cancelTimers) cancel();
    this.#drive.stop();
    await this.#transport?.stop();
    await this.#storage.close();
  }

  /** Resolves when another node leads, when there is none that could, or when it takes too long. */
  async #handOver(): Promise<void> {
    if (!this.#drive.isLeader || !this.#zab.handOff()) return;
    this.#handOverUntilMs = this.#core.clock.monotonicMs() + HAND_OFF_MS;
    const handedOver = new Promise<void>((resolve) => {
      this.#whenHandedOver = resolve;
    });
    this.#drive.run();
    await handedOver;
  }

  metrics(): ReplicaMetrics {
    const { state, ring, watches, streams, counters, lagging } = this.#core;
    return {
      ...counters.snapshot(),
      appliedZxid: state.zxid,
      epoch: this.#zab.status.epoch,
      znodes: state.tree.nodeCount,
      treeBytes: state.tree.byteCount,
      sessions: state.sessions.size,
      watches: watches.count,
      watchClients: watches.clients.size,
      streams: streams.size,
      streamsLagging: lagging,
      outstandingTransactions: this.#drive.outstanding,
      outstandingBytes: this.#drive.outstandingBytes,
      forwardedRequests: this.#requests.forwarded.requests,
      forwardedBytes: this.#requests.forwarded.bytes,
      ringTransactions: ring.length,
      ringBytes: ring.bytes,
      ringOldestZxid: ring.oldestResumeZxid,
      idempotencyKeys: state.idempotency.size,
      idempotencyOwners: state.idempotency.owners,
      idempotencyKeysOfLargestOwner: state.idempotency.largestShare,
      diskNearlyFull: this.#drive.space.nearlyFull,
      diskStalledMs: this.#zab.diskStalledMs,
      digest: state.digest(),
    };
  }

  /** Looks at deadlines; called by the scheduler, several times a tick. */
  tick(): void {
    const nowMs = this.#core.clock.monotonicMs();
    this.#drive.tick(nowMs);
    this.#diskSilence.tick(nowMs, this.#zab.diskStalledMs);
    this.#requests.tick(nowMs);
    if (nowMs >= this.#handOverUntilMs) this.#whenHandedOver();
    this.#drive.run();
    this.#tellOfWaiting(nowMs);
  }

  /** Again and again, since a log is read from its end: why nobody is served, and who is missing. */
  #tellOfWaiting(nowMs: number): void {
    if (this.#drive.serving || this.#stopping) {
      this.#tellsAtMs = nowMs + NOT_READY_FIRST_MS;
    } else if (nowMs >= this.#tellsAtMs) {
      this.#tellsAtMs = nowMs + NOT_READY_AGAIN_MS;
      this.#core.log.warn({}, `this node is not ready yet: ${this.status().notReady ?? ''}`);
    }
  }

  // What the drive tells.

  leaving(): void {
    this.#requests.flush();
  }

  applied(record: LogRecord, transaction: Transaction | undefined, pending?: Pending): void {
    this.#snapshotter.applied();
    this.#requests.applied(record.zxid, transaction, pending);
  }

  barrierPassed(pending: Pending, position: LogPosition): void {
    this.#requests.barrierPassed(pending, position);
  }

  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void {
    this.#requests.barrierFailed(pending, outcome);
  }

  advanced(): void {
    this.#requests.advanced();
  }

  lost(reason: string, { unknown, notApplied }: LostRequests): void {
    this.#core.log.warn({ reason }, 'this node serves no clients until it has a leader again');
    this.#requests.lost(unknown, notApplied);
  }

  roleChanged({ role, leader }: ZabStatus): void {
    this.#lookAround();
    const isSuccessorKnown = leader !== undefined && leader !== this.#core.settings.self;
    if (role !== 'leading' && isSuccessorKnown) this.#whenHandedOver();
  }

  served(status: ZabStatus): void {
    const { epoch, leader = 0 } = status;
    this.#tellOfOwnVote(status);
    this.#requests.serving(
      status.role === 'leading' ? { name: 'leader', epoch } : { name: 'learner', epoch, leader },
    );
    const waiting = this.#whenServing;
    this.#whenServing = [];
    for (const resolve of waiting) resolve();
  }

  replaced(before: LogPosition): void {
    this.#snapshotter.replaced();
    this.#events.jumped(before.zxid);
    this.#requests.replaced();
  }

  payload(peer: number, bytes: Uint8Array): void {
    this.#requests.payload(peer, bytes);
  }

  peerUp(link: PeerLink): void {
    const { id, url, incarnation } = link;
    this.#links.set(id, link);
    this.#lookAround();
    if (isStranger(id, incarnation, this.#zab.status.members)) {
      this.#core.log.warn({ peer: id }, strangerText(`node ${id}`));
    }
    if (url === undefined) this.#urls.delete(id);
    else this.#urls.set(id, url);
  }

  peerDown(peer: number, _why: DownReason): void {
    this.#links.delete(peer);
    this.#lookAround();
    this.#requests.peerDown(peer);
  }

  /** Kept as a text, since every request that is refused for want of a quorum says it. */
  #lookAround(): void {
    const { members } = this.#zab.status;
    const { self, members: listed = [] } = this.#core.settings;
    const addresses = new Map(
      listed.flatMap(({ id, peer }) => (peer ? [[id, peer] as const] : [])),
    );
    this.#core.absent = absentText({ self, members, links: this.#links, addresses });
  }

  #tellOfOwnVote({ voter, recovering }: ZabStatus): void {
    const { self, voters } = this.#core.settings;
    if (voter || recovering || !voters.includes(self)) return;
    this.#core.log.warn({}, strangerText('this node'));
  }

  #makePrep(): Prep {
    const { settings, state } = this.#core;
    const { limits, superIdentity } = settings;
    const { tree, sessions } = state;
    return new Prep({
      tree,
      sessions,
      limits,
      ...(superIdentity !== undefined && { superIdentity }),
    });
  }

  /** A quorum has another state at the same zxid: what this node holds is wrong, and it must not go on. */
  #condemn(zxid: Zxid): void {
    const text =
      `the state of this node at zxid ${String(zxid)} is not that of the quorum: ` +
      'it ends, and sets its log and snapshots aside at its next start';
    this.#core.log.warn({ zxid }, text);
    this.#requests.stop();
    this.#drive.stop();
    this.#storage.condemn().then(() => this.#onFatal(new Error(text)), this.#onFatal);
  }

  /** The drive has stopped for good: until the process has ended, whatever still comes is refused. */
  #fail(error: Error): void {
    this.#requests.stop();
    this.#onFatal(error);
  }
}
