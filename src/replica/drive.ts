/**
 * The drive loop: takes what the broadcast core wants done (`Ready`) and does it, in the order that the
 * core states: append, make durable, send, commit, apply, answer. Natural batching: everything that
 * arrives in one turn of the event loop is one append; one fsync is in flight, what comes meanwhile is
 * the next batch.
 *
 * Invariants: records are applied in log order, each once, never beyond min(committed, durable); the
 * messages of a record set leave only when it is durable.
 */
import { assert } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Zxid } from '../protocol/model.ts';
import type { WriteOperation } from '../protocol/operations.ts';
import type { Storage } from '../storage/index.ts';
import { encodeTransaction } from '../tree/index.ts';
import type { Prep, Transaction } from '../tree/index.ts';
import { comparePositions } from '../zab/index.ts';
import type { BarrierId, LogPosition, LogRecord, Ready, Zab } from '../zab/index.ts';
import type { Core } from './core.ts';
import type { EventDelivery } from './events.ts';
import { encodeResult } from './remembered.ts';
import { nobody } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import type { Pending } from './stream.ts';

/** A record of the log that has not been applied: recovered, or proposed here. */
interface Unapplied {
  readonly record: LogRecord;
  readonly transaction: Transaction | undefined;
  readonly pending: Pending | undefined;
}

interface BarrierGroup {
  readonly id: BarrierId;
  readonly position: LogPosition;
  readonly waiting: Pending[];
}

/** What the drive tells the request pipeline. */
export interface DriveHooks {
  /** The record at `zxid` has been applied; `pending` is the request that it answers. */
  applied(zxid: Zxid, transaction: Transaction | undefined, pending: Pending | undefined): void;
  barrierPassed(pending: Pending, position: LogPosition): void;
  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void;
  /** The leader's epoch has been established: it serves from now on. */
  established(): void;
  /** After each turn in which something was applied. */
  advanced(): void;
}

export interface DriveParts {
  readonly core: Core;
  readonly zab: Zab;
  readonly prep: Prep;
  readonly storage: Storage;
  readonly events: EventDelivery;
  /** The disk has failed: the process must end without acknowledging anything more. */
  readonly onFatal: (error: Error) => void;
}

export class Drive {
  readonly #core: Core;
  readonly #zab: Zab;
  readonly #prep: Prep;
  readonly #storage: Storage;
  readonly #events: EventDelivery;
  readonly #onFatal: (error: Error) => void;
  #hooks: DriveHooks | undefined;
  /** In log order. */
  readonly #unapplied = new Fifo<Unapplied>();
  #unappliedBytes = 0;
  /** What the disk has been given and has not completed, by the tenure of the Ready. */
  readonly #appends = new Fifo<{ readonly tenure: number; readonly last: LogPosition }>();
  #committed: LogPosition;
  readonly #barriers = new Map<BarrierId, BarrierGroup>();
  /** The youngest barrier, as long as the core has not been asked about it: others may join it. */
  #openBarrier: BarrierGroup | undefined;
  #scheduled = false;
  #running = false;
  #established = false;
  #stopped = false;
  /** Checked now and then: growth is refused, deletes and session ends go on. */
  diskNearlyFull = false;

  constructor(parts: DriveParts) {
    this.#core = parts.core;
    this.#zab = parts.zab;
    this.#prep = parts.prep;
    this.#storage = parts.storage;
    this.#events = parts.events;
    this.#committed = parts.core.state.applied;
    this.#onFatal = (error) => {
      this.#stopped = true;
      parts.onFatal(error);
    };
    parts.storage.onFailure(this.#onFatal);
    parts.storage.onSpaceTaken(() => {
      this.checkDisk();
    });
    parts.storage.onDurable((position) => {
      if (this.#stopped) return;
      this.#zab.durable(this.#tenureOf(position), position);
      this.run();
    });
  }

  /** @param recovered records beyond the snapshot: applied once the new epoch has committed them */
  start(hooks: DriveHooks, recovered: readonly LogRecord[]): void {
    this.#hooks = hooks;
    for (const record of recovered)
      this.#enqueue({ record, transaction: undefined, pending: undefined });
    this.#zab.start(this.#core.clock.monotonicMs());
    this.checkDisk();
    this.run();
  }

  /** From now on nothing is proposed; what is in the log's queue is still made durable by `close`. */
  stop(): void {
    this.#stopped = true;
  }

  get serving(): boolean {
    return this.#established && !this.#stopped;
  }

  get outstanding(): number {
    return this.#unapplied.length;
  }

  get outstandingBytes(): number {
    return this.#unappliedBytes;
  }

  /** The last position in the log, committed or not: what a request is judged against. */
  get last(): LogPosition {
    return this.#zab.status.last;
  }

  get zab(): Zab {
    return this.#zab;
  }

  /** True when nothing more may be proposed until something has been applied. */
  get full(): boolean {
    const { outstandingTransactionsMax, outstandingBytesMax } = this.#core.settings.limits;
    return (
      !this.#zab.hasRoom ||
      this.outstanding >= outstandingTransactionsMax ||
      this.#unappliedBytes >= outstandingBytesMax
    );
  }

  /**
   * Judges `operation` against the tree and all outstanding transactions and puts it into the log.
   * @throws CoordinationError the refusal, which is only true behind a barrier at `last`
   */
  propose(operation: WriteOperation, caller: ResolvedCaller, pending: Pending | undefined): void {
    assert(this.serving, 'only an established leader proposes');
    assert(!this.full, 'the bound on outstanding transactions is checked before');
    const zxid = this.#zab.nextZxid;
    const time = this.#core.clock.wallMs();
    const { transaction, result } = this.#prep.judge({ operation, caller, zxid, time });
    const idempotency = pending?.message.idempotency;
    const final =
      idempotency === undefined
        ? transaction
        : { ...transaction, idempotency: { ...idempotency, result: encodeResult(result) } };
    const record = this.#zab.propose(encodeTransaction(final));
    this.#enqueue({ record, transaction: final, pending });
    this.#core.counters.proposals++;
    if (pending !== undefined) {
      pending.proposed = true;
      pending.result = result;
      pending.zxid = zxid;
    }
    this.schedule();
  }

  /** The same for the housekeeper, whom nobody answers; refusals are its races, and harmless. */
  proposeInternally(operation: WriteOperation): boolean {
    if (!this.serving || this.full) return false;
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
    const open = this.#openBarrier;
    if (
      open !== undefined &&
      acks === undefined &&
      comparePositions(open.position, position) === 0
    ) {
      open.waiting.push(pending);
      return;
    }
    const id = this.#zab.barrier(acks === undefined ? { position } : { position, acks });
    const group = { id, position, waiting: [pending] };
    this.#barriers.set(id, group);
    if (acks === undefined) this.#openBarrier = group;
    this.schedule();
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
    for (let ready = this.#zab.ready(); ready !== undefined; ready = this.#zab.ready()) {
      this.#openBarrier = undefined;
      this.#do(ready);
    }
    this.#running = false;
    if (this.#core.zxid !== before) this.#hooks?.advanced();
    this.#core.outbox.flush();
  }

  /** Requests that wait for a commit or a barrier beyond their deadline. */
  overdue(nowMs: number): readonly Pending[] {
    const overdue: Pending[] = [];
    for (let index = 0; index < this.#unapplied.length; index++) {
      const pending = this.#unapplied.at(index)?.pending;
      if (pending === undefined || pending.phase === 'over') continue;
      if (pending.deadlineMs > nowMs) break;
      overdue.push(pending);
    }
    for (const { waiting } of this.#barriers.values()) {
      overdue.push(
        ...waiting.filter(({ phase, deadlineMs }) => phase !== 'over' && deadlineMs <= nowMs),
      );
    }
    return overdue;
  }

  #do(ready: Ready): void {
    const { promise, append, tenure } = ready;
    assert(ready.messages.length === 0, 'an ensemble of one has nobody to send to');
    assert(ready.truncateAfter === undefined, 'an ensemble of one truncates nothing');
    if (promise !== undefined) {
      this.#storage.writePromise(promise).then(() => {
        if (this.#stopped) return;
        this.#zab.promiseDurable(tenure, promise);
        this.run();
      }, this.#onFatal);
    }
    if (append.length > 0) {
      for (const record of append) if (record.kind === 'epoch') this.#enqueueEpoch(record);
      const last = append.at(-1);
      if (last !== undefined) this.#appends.push({ tenure, last });
      this.#storage.append(append);
    }
    this.#commitTo(ready.committed);
    // A refusal is answered from the very state that it speaks of, before anything later is applied.
    for (const { id, outcome } of ready.barriers) this.#decide(id, outcome);
    this.#applyTo(ready.committed);
    if (!this.#established && this.#zab.status.established) {
      this.#established = true;
      this.#hooks?.established();
    }
  }

  /**
   * The tenure in which the record at `position` was handed out: a completion that outlives its tenure
   * speaks of a record that may have been replaced since.
   */
  #tenureOf(position: LogPosition): number {
    for (;;) {
      const append = this.#appends.peek();
      assert(append !== undefined, 'the disk completes what it was given');
      if (comparePositions(append.last, position) >= 0) return append.tenure;
      this.#appends.shift();
    }
  }

  /** The epoch record is the core's own; it stands in the log where it was appended. */
  #enqueueEpoch(record: LogRecord): void {
    this.#enqueue({ record, transaction: undefined, pending: undefined });
  }

  #enqueue(entry: Unapplied): void {
    this.#unapplied.push(entry);
    this.#unappliedBytes += entry.record.bytes.length;
  }

  /** For what makes the state grow. @throws CoordinationError QUOTAEXCEEDED on a nearly full disk */
  requireRoom(): void {
    if (!this.diskNearlyFull) return;
    throw new CoordinationError('QUOTAEXCEEDED', 'the disk of this node is nearly full');
  }

  /** Looks at the disk; to be called every few seconds, since others write to it too. */
  checkDisk(): void {
    if (this.#stopped) return;
    this.#storage.nearlyFull().then((full) => {
      if (full !== this.diskNearlyFull) {
        this.#core.log.warn(
          { nearlyFull: full },
          full ? 'the disk is nearly full: growth is refused' : 'the disk has room again',
        );
      }
      this.diskNearlyFull = full;
    }, this.#onFatal);
  }

  #commitTo(committed: LogPosition): void {
    assert(
      comparePositions(committed, this.#committed) >= 0,
      'the commit point of a node never goes back',
    );
    this.#committed = committed;
  }

  /** Applies what is committed and durable here, up to `position`. */
  #applyTo(position: LogPosition): void {
    const { durable } = this.#zab.status;
    for (;;) {
      const entry = this.#unapplied.peek();
      if (entry === undefined) break;
      if (comparePositions(entry.record, position) > 0) break;
      if (comparePositions(entry.record, this.#committed) > 0) break;
      if (comparePositions(entry.record, durable) > 0) break;
      this.#unapplied.shift();
      this.#unappliedBytes -= entry.record.bytes.length;
      this.#apply(entry);
    }
  }

  #apply(entry: Unapplied): void {
    const { record } = entry;
    const transaction = this.#core.state.apply(record, entry.transaction);
    this.#prep.applied(record.zxid);
    this.#core.ring.push(record);
    this.#core.counters.transactionsApplied++;
    // Events first: they precede every answer that could show the change.
    if (transaction !== undefined) this.#events.deliver(record.zxid, transaction);
    this.#hooks?.applied(record.zxid, transaction, entry.pending);
  }

  #decide(id: BarrierId, outcome: Ready['barriers'][number]['outcome']): void {
    const group = this.#barriers.get(id);
    assert(group !== undefined, 'a barrier is decided once');
    this.#barriers.delete(id);
    this.#applyTo(group.position);
    for (const pending of group.waiting) {
      if (outcome === 'passed') this.#hooks?.barrierPassed(pending, group.position);
      else this.#hooks?.barrierFailed(pending, outcome);
    }
  }
}
