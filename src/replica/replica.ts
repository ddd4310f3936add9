/**
 * A replica: where the broadcast core, the log, the tree, the sessions and the requests meet. It
 * implements the coordinator that the front doors ask for.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import type {
  CoordinatorAnswer,
  CoordinatorMessage,
  CoordinatorStatus,
  OpenMessage,
  RequestMessage,
  SnapshotInfo,
} from '../protocol/coordination.ts';
import { noStream } from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';
import { ExpiryQueue } from '../sessions/index.ts';
import type { Storage } from '../storage/index.ts';
import { Prep } from '../tree/index.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord, Zab } from '../zab/index.ts';
import { Attachments } from './attachments.ts';
import { Core } from './core.ts';
import { Drive } from './drive.ts';
import type { DriveHooks } from './drive.ts';
import { EventDelivery } from './events.ts';
import { Housekeeper } from './housekeeper.ts';
import type { Clock, ReplicaLog, ReplicaMetrics, ReplicaSettings, Scheduler } from './host.ts';
import type { Pending } from './stream.ts';
import { Pipeline } from './pipeline.ts';
import { Reads } from './reads.ts';
import type { EventRing } from './ring.ts';
import { Snapshotter } from './snapshotter.ts';
import type { StateMachine } from './state-machine.ts';
import { Stream } from './stream.ts';

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
  readonly #pipeline: Pipeline;
  readonly #attachments: Attachments;
  readonly #events: EventDelivery;
  readonly #housekeeper: Housekeeper;
  readonly #snapshotter: Snapshotter;
  #cancelTimers: (() => void)[] = [];
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #whenServing: (() => void)[] = [];

  constructor(parts: ReplicaParts) {
    const { settings, zab, storage } = parts;
    const core = new Core(parts);
    const expiry = new ExpiryQueue({ tickMs: settings.tickMs });
    const events = new EventDelivery(core);
    const prep = new Prep({
      tree: core.state.tree,
      sessions: core.state.sessions,
      limits: settings.limits,
      ...(settings.superIdentity === undefined ? {} : { superIdentity: settings.superIdentity }),
    });
    const drive = new Drive({ core, zab, prep, storage, events, onFatal: parts.onFatal });
    const reads = new Reads(core, events, {
      expiresInMs: (id) => this.#attachments.expiresInMs(id),
      touchAlone: (id) => this.#attachments.touchAlone(id),
    });
    const { randomBytes } = parts;
    this.#attachments = new Attachments({ core, drive, reads, events, expiry, randomBytes });
    const attachments = this.#attachments;
    this.#pipeline = new Pipeline({ core, drive, reads, events, attachments });
    this.#housekeeper = new Housekeeper(core, drive, expiry);
    const random = (): number => (randomBytes(1)[0] ?? 0) / 256;
    const sinceLast = parts.unapplied.length;
    this.#snapshotter = new Snapshotter(core, storage, { random, sinceLast });
    this.#core = core;
    this.#zab = zab;
    this.#storage = storage;
    this.#drive = drive;
    this.#events = events;
    attachments.onAbandon((stream) => {
      this.#pipeline.close(stream);
    });
    this.#start(parts.unapplied);
  }

  // The coordinator.

  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void {
    this.#core.outbox.listen(listener);
  }

  submit(messages: readonly CoordinatorMessage[]): void {
    this.#pipeline.nowMs = this.#core.clock.monotonicMs();
    for (const message of messages) this.#take(message);
    this.#core.outbox.flush();
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
    this.#pipeline.nowMs = nowMs;
    this.#zab.tick(nowMs);
    this.#pipeline.expireWaits(nowMs);
    this.#housekeeper.tick(nowMs);
    this.#drive.run();
  }

  // What the drive tells.

  applied(zxid: Zxid, transaction: Transaction | undefined, pending: Pending | undefined): void {
    const first = transaction?.changes[0];
    if (first?.type === 'createSession') this.#attachments.sessionCreated(zxid, first.timeoutMs);
    if (first?.type === 'closeSession') this.#attachments.sessionClosed(first.session);
    this.#snapshotter.applied();
    this.#pipeline.applied(zxid, pending);
  }

  barrierPassed(pending: Pending, position: LogPosition): void {
    this.#pipeline.barrierPassed(pending, position);
  }

  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void {
    this.#pipeline.barrierFailed(pending, outcome);
  }

  advanced(): void {
    this.#pipeline.advanced();
  }

  established(): void {
    this.#housekeeper.established(this.#core.clock.monotonicMs());
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

  #take(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'open':
        this.#open(message);
        return;
      case 'request':
        this.#request(message);
        return;
      case 'close': {
        const stream = this.#core.streams.get(message.stream);
        if (stream !== undefined) this.#pipeline.close(stream);
        return;
      }
      case 'flow': {
        const stream = this.#core.streams.get(message.stream);
        if (stream === undefined) return;
        stream.blocked = !message.ready;
        if (!message.ready) return;
        this.#events.pump(stream);
        this.#pipeline.resume(stream);
        return;
      }
      case 'touch': {
        const stream = this.#core.streams.get(message.stream);
        if (stream !== undefined) this.#attachments.touch(stream, this.#core.clock.monotonicMs());
        return;
      }
      default:
        unreachable(message);
    }
  }

  #open(message: OpenMessage): void {
    const { streams, settings } = this.#core;
    assert(message.stream !== noStream, 'stream 0 is no stream');
    assert(!streams.has(message.stream), 'a stream number is used once');
    // Beyond the limit the stream is not there, and its first request says so.
    if (streams.size >= settings.limits.streamsMax) return;
    streams.set(message.stream, new Stream(message.stream, message.identities));
  }

  #request(message: RequestMessage): void {
    if (message.stream === noStream) {
      this.#pipeline.accept(message, undefined);
      return;
    }
    const { streams, outbox, zxid, clock } = this.#core;
    const stream = streams.get(message.stream);
    if (stream !== undefined) {
      if (message.unprompted !== true) this.#attachments.touch(stream, clock.monotonicMs());
      this.#pipeline.accept(message, stream);
      return;
    }
    const { id } = message;
    const detail = 'the connection has ended or there are too many';
    const error = { code: 'THROTTLEDOP', detail } as const;
    outbox.push({ type: 'error', stream: message.stream, id, zxid, error, ends: true });
  }
}
