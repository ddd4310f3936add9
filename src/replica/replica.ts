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
import { Prep } from '../tree/index.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord, Zab } from '../zab/index.ts';
import { Core } from './core.ts';
import { Drive } from './drive.ts';
import type { DriveHooks } from './drive.ts';
import { EventDelivery } from './events.ts';
import type { Clock, ReplicaLog, ReplicaMetrics, ReplicaSettings, Scheduler } from './host.ts';
import type { Pending } from './stream.ts';
import { RequestPath } from './request-path.ts';
import type { EventRing } from './ring.ts';
import { Snapshotter } from './snapshotter.ts';
import type { StateMachine } from './state-machine.ts';

/** How often deadlines are looked at, milliseconds; less where the tick is shorter. */
const HEARTBEAT_MS = 100;

/** How often the free space of the disk is looked at, milliseconds. */
const DISK_CHECK_MS = 5000;

/** What recovery hands over. */
export interface ReplicaParts {
  readonly settings: ReplicaSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: ReplicaLog;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly state: StateMachine;
  readonly ring: EventRing;
  readonly zab: Zab;
  readonly storage: Storage;
  readonly onFatal: (error: Error) => void;
  /** Records beyond the snapshot, oldest first: not applied before the new epoch commits them. */
  readonly unapplied: readonly LogRecord[];
}

export class Replica implements DriveHooks {
  readonly #core: Core;
  readonly #zab: Zab;
  readonly #storage: Storage;
  readonly #drive: Drive;
  readonly #requests: RequestPath;
  readonly #snapshotter: Snapshotter;
  #cancelTimers: (() => void)[] = [];
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #whenServing: (() => void)[] = [];

  constructor(parts: ReplicaParts) {
    const { settings, zab, storage } = parts;
    const core = new Core(parts);
    const events = new EventDelivery(core);
    const prep = new Prep({
      tree: core.state.tree,
      sessions: core.state.sessions,
      limits: settings.limits,
      ...(settings.superIdentity === undefined ? {} : { superIdentity: settings.superIdentity }),
    });
    const drive = new Drive({ core, zab, prep, storage, events, onFatal: parts.onFatal });
    const { randomBytes } = parts;
    const alone = (): void => {
      assert(false, 'an ensemble of one has no peers');
    };
    const peers = { sendPayload: alone, disconnect: alone, mismatch: alone };
    this.#requests = new RequestPath({ core, drive, events, randomBytes, peers });
    const random = (): number => (randomBytes(1)[0] ?? 0) / 256;
    const sinceLast = parts.unapplied.length;
    this.#snapshotter = new Snapshotter(core, storage, { random, sinceLast });
    this.#core = core;
    this.#zab = zab;
    this.#storage = storage;
    this.#drive = drive;
    this.#start(parts.unapplied);
  }

  // The coordinator.

  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void {
    this.#core.outbox.listen(listener);
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.#requests.submit(messages);
  }

  status(): CoordinatorStatus {
    const { settings, state } = this.#core;
    const { role, epoch, leader, committed } = this.#zab.status;
    const { self } = settings;
    const serving = this.#drive.serving;
    const notReady = this.#stopping ? 'stopping' : serving ? undefined : 'not in a quorum yet';
    return {
      server: self,
      clusterId: this.#zab.clusterId ?? '',
      configZxid: 0,
      epoch,
      leader: leader ?? null,
      readOnly: false,
      members: settings.voters.map((id) => ({
        id,
        role: 'participant' as const,
        state: id === self ? role : ('down' as const),
        peer: null,
        url: null,
        zxid: state.zxid,
        lag: committed.zxid - state.zxid,
      })),
      appliedZxid: state.zxid,
      ...(notReady === undefined ? {} : { notReady }),
      sessionTimeoutMinMs: settings.sessionTimeoutMinMs,
      sessionTimeoutMaxMs: settings.sessionTimeoutMaxMs,
      sessionTimeoutDefaultMs: settings.sessionTimeoutDefaultMs,
      voters: settings.voters.length,
    };
  }

  takeSnapshot(): Promise<SnapshotInfo> {
    return this.#snapshotter.take();
  }

  readSnapshot(zxid: Zxid): AsyncIterable<Uint8Array> | undefined {
    return this.#storage.readSnapshot(zxid);
  }

  // The process around it.

  /** Resolves once the node serves clients: its epoch is established, its log applied. */
  serving(): Promise<void> {
    if (this.#drive.serving) return Promise.resolve();
    return new Promise((resolve) => this.#whenServing.push(resolve));
  }

  /** Takes no more writes, makes durable what is in the log's queue, and ends; may be asked again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    this.#stopping = true;
    for (const cancel of this.#cancelTimers) cancel();
    await this.#snapshotter.stop();
    this.#drive.stop();
    await this.#storage.close();
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
      streams: streams.size,
      streamsLagging: lagging,
      outstandingTransactions: this.#drive.outstanding,
      outstandingBytes: this.#drive.outstandingBytes,
      ringTransactions: ring.length,
      ringBytes: ring.bytes,
      ringOldestZxid: ring.oldestResumeZxid,
      idempotencyKeys: state.idempotency.size,
      diskNearlyFull: this.#drive.diskNearlyFull,
      digest: state.digest(),
    };
  }

  /** Looks at deadlines; called by the scheduler, several times a tick. */
  tick(): void {
    const nowMs = this.#core.clock.monotonicMs();
    this.#zab.tick(nowMs);
    this.#requests.tick(nowMs);
    this.#drive.run();
  }

  // What the drive tells.

  applied(zxid: Zxid, transaction: Transaction | undefined, pending: Pending | undefined): void {
    this.#snapshotter.applied();
    this.#requests.applied(zxid, transaction, pending);
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

  established(): void {
    this.#requests.serving({ name: 'leader', epoch: this.#zab.status.epoch });
    const waiting = this.#whenServing;
    this.#whenServing = [];
    for (const resolve of waiting) resolve();
  }

  #start(unapplied: readonly LogRecord[]): void {
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
    this.#drive.start(this, unapplied);
  }
}
