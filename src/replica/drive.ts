/**
 * The drive loop: takes what the broadcast core wants done (`Ready`) and does it, in the order that the
 * core states: promise, append, send, commit, apply, answer. Natural batching: everything that arrives in
 * one turn of the event loop is one append; one fsync is in flight, what comes meanwhile is the next
 * batch.
 *
 * Invariants: records are applied in log order, each once, never beyond min(committed, durable); the core
 * is run to its end after every input, before anybody else is told of it, so that nobody acts in a role
 * that is over.
 */
import { assert } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { WriteOperation } from '../protocol/operations.ts';
import type { Storage } from '../storage/index.ts';
import type { Transport } from '../transport/transport.ts';
import type { Prep } from '../tree/index.ts';
import { comparePositions } from '../zab/index.ts';
import type { BarrierId, LogPosition, LogRecord, Ready, Zab, ZabStatus } from '../zab/index.ts';
import { Appends } from './appends.ts';
import { BarrierGroups } from './barrier-groups.ts';
import type { Core } from './core.ts';
import { DiskSpace } from './disk-space.ts';
import type { DriveHooks } from './drive-hooks.ts';
import type { EventDelivery } from './events.ts';
import { LogReader } from './log-reader.ts';
import type { Unapplied } from './log-memory.ts';
import { noPeers } from './no-peers.ts';
import { nobody } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import { Proposer } from './proposer.ts';
import type { Installed, SnapshotReceiver } from './snapshot-receiver.ts';
import type { SnapshotSender } from './snapshot-sender.ts';
import type { Pending } from './stream.ts';
import { logTrace } from './trace-log.ts';

export interface DriveParts {
  readonly core: Core;
  readonly zab: Zab;
  /** A fresh one for each reign: it judges against the present state. */
  readonly makePrep: () => Prep;
  readonly storage: Storage;
  readonly events: EventDelivery;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  /** The disk has failed: the process must end without acknowledging anything more. */
  readonly onFatal: (error: Error) => void;
}

export class Drive {
  readonly #core: Core;
  readonly #zab: Zab;
  readonly #makePrep: () => Prep;
  readonly #storage: Storage;
  readonly #events: EventDelivery;
  #transport: Transport = noPeers;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #reader: LogReader;
  readonly #onFatal: (error: Error) => void;
  #hooks: DriveHooks | undefined;
  readonly #proposer: Proposer;
  readonly #appends: Appends;
  #committed: LogPosition;
  readonly #barriers: BarrierGroups;
  /** Of the role that the hooks know of. */
  #tenure = 0;
  #role: ZabStatus['role'] = 'looking';
  #serving = false;
  #scheduled = false;
  #running = false;
  /** True while a batch of input is being taken: time was told at its beginning. */
  #taking = false;
  #stopped = false;
  #knowsCluster: boolean;
  readonly space: DiskSpace;

  constructor(parts: DriveParts) {
    this.#core = parts.core;
    this.#zab = parts.zab;
    this.#makePrep = parts.makePrep;
    this.#storage = parts.storage;
    this.#events = parts.events;
    this.#sender = parts.sender;
    this.#receiver = parts.receiver;
    this.#proposer = new Proposer(parts.core, parts.zab);
    this.#appends = new Appends(parts.zab.status.last);
    this.#barriers = new BarrierGroups((options) => this.#zab.barrier(options));
    this.space = new DiskSpace(parts.storage, parts.core);
    this.#committed = parts.core.state.applied;
    this.#knowsCluster = parts.storage.clusterId !== undefined;
    this.#onFatal = (error) => {
      this.#stopped = true;
      parts.onFatal(error);
    };
    this.#reader = new LogReader(parts.core, parts.storage, (to, tenure, result) => {
      this.#input(() => this.#zab.recordsRead(to, tenure, result));
    });
    parts.storage.onFailure(this.#onFatal);
    parts.storage.onSpaceTaken(() => {
      if (!this.#stopped) this.space.check().catch(this.#onFatal);
    });
    parts.storage.onDurable((position) => {
      const tenure = this.#appends.tenureOf(position);
      if (tenure !== undefined) this.#input(() => this.#zab.durable(tenure, position));
    });
  }

  /** Begins the first election. Once. */
  start(hooks: DriveHooks, transport: Transport): void {
    this.#hooks = hooks;
    this.#transport = transport;
    this.#sender.listen({
      send: (to, message) => this.#transport.send(to, message),
      sent: (to, tenure, snapshot) =>
        this.#input(() => this.#zab.snapshotSent(to, tenure, snapshot)),
      failed: (to, tenure, reason) =>
        this.#input(() => this.#zab.snapshotFailed(to, tenure, reason)),
      fatal: this.#onFatal,
    });
    this.#receiver.listen({
      taken: (tenure, transfer, index) =>
        this.#input(() => this.#zab.chunkTaken(tenure, transfer, index)),
      refused: (tenure, departure) =>
        this.#input(() => this.#zab.snapshotRefused(tenure, departure)),
      failed: (tenure, reason) =>
        this.#input(() => {
          if (tenure === this.#zab.status.tenure) this.#zab.stepDown(reason);
        }),
      isWanted: (tenure) => tenure === this.#zab.status.tenure && !this.#stopped,
      prepare: () => this.#rememberCluster(),
      installed: (installed) => this.#input(() => this.#replaceState(installed)),
      fatal: this.#onFatal,
    });
    this.#zab.start(this.#core.clock.monotonicMs());
    this.#transport.start({
      up: (peer) => {
        this.#takeInput();
        this.#zab.peerUp(peer);
        this.run();
        this.#hooks?.peerUp(peer);
      },
      down: (peer, why) => {
        this.#takeInput();
        this.#sender.peerDown(peer);
        this.#reader.forget(peer);
        this.#zab.peerDown(peer, why);
        this.run();
        this.#hooks?.peerDown(peer, why);
      },
      message: (peer, message) => {
        if (this.#stopped) return;
        this.#takeInput();
        this.#zab.step(peer, message);
      },
      payload: (peer, bytes) => {
        this.#takeInput();
        this.run();
        if (!this.#stopped) this.#hooks?.payload(peer, bytes);
      },
      idle: () => {
        this.#taking = false;
        this.run();
      },
    });
    this.checkDisk();
    this.run();
  }

  /** From now on nothing is proposed; what is in the log's queue is still made durable by `close`. */
  stop(): void {
    this.#stopped = true;
    this.#endTransfers();
  }

  /** Time goes on: to be called several times within the shortest deadline between nodes. */
  tick(nowMs: number): void {
    if (this.#stopped) return;
    this.#zab.tick(nowMs);
    this.#sender.tick(nowMs);
    this.run();
  }

  /** True while this node may answer clients, as a leader or as a learner. */
  get serving(): boolean {
    return this.#serving && !this.#stopped;
  }

  /** True while this node leads and may propose. */
  get isLeader(): boolean {
    return this.#proposer.isLeading && !this.#stopped;
  }

  /** Who leads by what this node knows, itself included; undefined while it looks. */
  get leader(): number | undefined {
    return this.#zab.status.leader;
  }

  /** Hands bytes to another replica, behind everything that was sent to it before. */
  sendPayload(peer: number, bytes: Uint8Array): void {
    this.#transport.sendPayload(peer, bytes);
  }

  /** Ends the link with a peer who has broken the rules of the replicas' channel. @param reason a whole sentence */
  disconnect(peer: number, reason: string): void {
    this.#transport.disconnect(peer, reason);
  }

  get outstanding(): number {
    return this.#core.memory.unapplied;
  }

  get outstandingBytes(): number {
    return this.#core.memory.unappliedBytes;
  }

  /** The last position in the log, committed or not: what a request is judged against. */
  get last(): LogPosition {
    const { memory, state } = this.#core;
    return memory.last ?? state.applied;
  }

  get zab(): Zab {
    return this.#zab;
  }

  /** True when nothing more may be proposed until something has been applied. */
  get full(): boolean {
    return this.#proposer.full;
  }

  /**
   * Judges `operation` against the tree and all outstanding transactions and puts it into the log.
   * @throws CoordinationError the refusal, which is only true behind a barrier at `last`
   */
  propose(operation: WriteOperation, caller: ResolvedCaller, pending: Pending | undefined): void {
    assert(!this.#stopped, 'who stops proposes nothing more');
    this.#proposer.propose(operation, caller, pending);
    this.schedule();
  }

  /** The same for the housekeeper, whom nobody answers; refusals are its races, and harmless. */
  proposeInternally(operation: WriteOperation): boolean {
    if (!this.isLeader || this.full) return false;
    try {
      this.propose(operation, nobody, undefined);
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      this.#core.log.info({ code: error.code, operation: operation.type }, error.message);
    }
    return true;
  }

  /** Puts `pending` behind a barrier at `position`, default the last committed; many share one. */
  awaitBarrier(pending: Pending, position: LogPosition, acks?: number | 'all'): void {
    if (this.#barriers.await(pending, position, acks)) this.schedule();
  }

  get committed(): LogPosition {
    return this.#committed;
  }

  /** Runs the loop after the input that is already there. */
  schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    this.#core.scheduler.defer(this.#runDeferred);
  }

  readonly #runDeferred = (): void => {
    this.#scheduled = false;
    this.run();
  };

  /** Does all that the core wants done, until it wants nothing more. */
  run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    const before = this.#core.zxid;
    for (;;) {
      this.#hooks?.leaving();
      const ready = this.#zab.ready();
      if (ready === undefined) break;
      this.#barriers.close();
      this.#do(ready);
    }
    this.#running = false;
    if (this.#core.zxid !== before) this.#hooks?.advanced();
    this.#core.outbox.flush();
  }

  /** Requests that wait for a commit or a barrier beyond their deadline. */
  overdue(nowMs: number): readonly Pending[] {
    return [...this.#proposer.overdue(nowMs), ...this.#barriers.overdue(nowMs)];
  }

  /** For what makes the state grow. @throws CoordinationError QUOTAEXCEEDED on a nearly full disk */
  requireRoom(): void {
    this.space.require();
  }

  /** Looks at the disk; to be called every few seconds, since others write to it too. */
  checkDisk(): void {
    if (!this.#stopped) this.space.checkAgain().catch(this.#onFatal);
  }

  /** An input from the disk: nothing of a node that has been stopped is told any more. */
  #input(tell: () => void): void {
    if (this.#stopped) return;
    tell();
    this.run();
  }

  /** An input from a peer: time is told first, so that deadlines are judged before what has waited. */
  #takeInput(): void {
    if (this.#taking) return;
    this.#taking = true;
    this.#zab.tick(this.#core.clock.monotonicMs());
  }

  #do(ready: Ready): void {
    const entered = ready.tenure !== this.#tenure;
    // Whoever asks while the last of the old role is applied must not be told that it goes on.
    if (entered) this.#close(ready.tenure);
    if (ready.promise !== undefined) this.#writePromise(ready.tenure, ready.promise);
    const forgotten = ready.forgetAfter === undefined ? [] : this.#forget(ready.forgetAfter);
    if (ready.truncateAfter !== undefined) this.#truncate(ready.truncateAfter);
    if (ready.append.length > 0) this.#append(ready.tenure, ready.append);
    this.#commitTo(ready.committed);
    // A refusal is answered from the very state that it speaks of, before anything later is applied: here,
    // and on the node that has forwarded the request, which is told before it learns of a later commit.
    for (const { id, outcome } of ready.barriers) this.#decide(id, outcome);
    if (ready.barriers.length > 0) this.#hooks?.leaving();
    for (const { to, message } of ready.messages) this.#transport.send(to, message);
    for (const { peer, reason } of ready.disconnect) this.#transport.disconnect(peer, reason);
    this.#applyTo(ready.applicable);
    if (entered) this.#enter(ready, forgotten);
    this.#transfer(ready);
    if (!this.#serving) this.#maybeServe();
    for (const event of ready.trace) this.#note(event);
  }

  #writePromise(tenure: number, promise: NonNullable<Ready['promise']>): void {
    this.#storage
      .writePromise(promise)
      .then(() => this.#input(() => this.#zab.promiseDurable(tenure, promise)))
      .catch(this.#onFatal);
  }

  /** Nothing of the role that is over is done in its name any more. */
  #close(tenure: number): void {
    this.#tenure = tenure;
    this.#serving = false;
    this.#proposer.end();
    this.#endTransfers();
  }

  #endTransfers(): void {
    this.#sender.roleOver();
    this.#receiver.abandon();
    this.#reader.stop();
  }

  /** The old role is lost with all that waited in it; the new one begins. */
  #enter(ready: Ready, forgotten: readonly Unapplied[]): void {
    const requests = this.#proposer.abandon(forgotten, this.#appends.handedOut);
    const wasLooking = this.#role === 'looking';
    const status = this.#zab.status;
    this.#role = status.role;
    if (!wasLooking) {
      const reset = ready.trace.find(({ type }) => type === 'reset');
      this.#hooks?.lost(reset?.type === 'reset' ? reset.reason : 'the role has ended', requests);
    }
    this.#hooks?.roleChanged(status);
  }

  #forget(position: LogPosition): readonly Unapplied[] {
    assert(comparePositions(position, this.#committed) >= 0, 'what is committed is not forgotten');
    return this.#core.memory.forgetAfter(position);
  }

  #truncate(position: LogPosition): void {
    this.#appends.truncateAfter(position);
    this.#storage.truncateAfter(position).catch(this.#onFatal);
  }

  #append(tenure: number, records: readonly LogRecord[]): void {
    const { memory } = this.#core;
    for (const record of records) {
      // What this node has proposed stands there since; the rest is a leader's, or the epoch record.
      if (record.zxid <= memory.lastZxid) continue;
      memory.push({ record, transaction: undefined, pending: undefined });
    }
    const last = records.at(-1);
    assert(last !== undefined, 'something is appended');
    this.#appends.push(tenure, last);
    const isUnpromised = last.epoch > this.#storage.promisedEpoch;
    this.#storage.append(records, { asLearner: isUnpromised && !this.#zab.status.voter });
  }

  #commitTo(committed: LogPosition): void {
    assert(
      comparePositions(committed, this.#committed) >= 0,
      'the commit point of a node never goes back',
    );
    this.#committed = committed;
  }

  /** Applies what is committed and durable here. */
  #applyTo(applicable: LogPosition): void {
    const { memory } = this.#core;
    for (;;) {
      const entry = memory.peek();
      if (entry === undefined || comparePositions(entry.record, applicable) > 0) return;
      this.#apply(entry);
    }
  }

  #apply(entry: Unapplied): void {
    const { record } = entry;
    const transaction = this.#core.state.apply(record, entry.transaction);
    this.#core.memory.applied();
    this.#proposer.applied(record.zxid);
    this.#core.counters.transactionsApplied++;
    // Events first: they precede every answer that could show the change.
    if (transaction !== undefined) this.#events.deliver(record.zxid, transaction);
    this.#core.state.formerAcls.forgetUntil(this.#core.ring.oldestResumeZxid);
    this.#hooks?.applied(record, transaction, entry.pending);
  }

  #decide(id: BarrierId, outcome: Ready['barriers'][number]['outcome']): void {
    const group = this.#barriers.take(id);
    if (outcome === 'passed') {
      const { applicable } = this.#zab;
      const isApplicable = comparePositions(group.position, applicable) <= 0;
      this.#applyTo(isApplicable ? group.position : applicable);
    }
    for (const pending of group.waiting) {
      if (outcome === 'passed') this.#hooks?.barrierPassed(pending, group.position);
      else this.#hooks?.barrierFailed(pending, outcome);
    }
  }

  /** What learners are sent that memory does not hold, and what this learner receives of that kind. */
  #transfer({ reads, snapshots, snapshotAcks, snapshotsOver, chunks }: Ready): void {
    for (const chunk of chunks) this.#receiver.take(chunk);
    for (const request of snapshotsOver) this.#sender.over(request);
    for (const progress of snapshotAcks) this.#sender.acknowledge(progress);
    for (const request of snapshots) this.#sender.begin(request);
    for (const request of reads) this.#reader.read(request);
  }

  /** A leader whose epoch is established, or its learner, serves once it has applied all before the epoch. */
  #maybeServe(): void {
    const status = this.#zab.status;
    const { epochStart } = status;
    if (!status.serving || epochStart === undefined) return;
    if (comparePositions(this.#core.state.applied, epochStart) < 0) return;
    this.#serving = true;
    if (status.role === 'leading') this.#proposer.begin(this.#makePrep());
    this.#rememberCluster().catch(this.#onFatal);
    this.#hooks?.served(status);
  }

  /** The id of the cluster is kept with the identity: no part of the log has it for ever. */
  async #rememberCluster(): Promise<void> {
    const { clusterId } = this.#zab;
    if (clusterId === undefined || this.#knowsCluster) return;
    this.#knowsCluster = true;
    await this.#storage.setClusterId(clusterId);
  }

  /** A snapshot has taken the place of the log on the disk: now of everything in memory, in one step. */
  #replaceState(installed: Installed): void {
    const { state, ring, tenure, at, epochStarts } = installed;
    const { applied: before } = this.#core.state;
    const forgotten = this.#core.replace(state, ring, epochStarts);
    assert(
      forgotten.every(({ pending }) => pending === undefined),
      'whose role is over waits no longer',
    );
    this.#appends.replace(at.position);
    this.#committed = at.position;
    const epochRecord = state.epochRecord?.payload;
    const { position, chain } = at;
    this.#zab.snapshotInstalled(tenure, { position, chain, epochStarts, epochRecord });
    this.#hooks?.replaced(before);
  }

  #note(event: Ready['trace'][number]): void {
    logTrace(this.#core.log, event);
    this.#core.counters.note(event.type);
    if (event.type === 'synced') this.#sender.synced(event.learner);
    if (event.type === 'recovered') this.#storage.recovered().catch(this.#onFatal);
  }
}
