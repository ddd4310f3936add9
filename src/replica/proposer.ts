/** What this node puts into the log as its leader, and the requests that wait for it. */
import { assert } from '../protocol/assert.ts';
import type { Zxid } from '../protocol/model.ts';
import type { WriteOperation } from '../protocol/operations.ts';
import { encodeTransaction } from '../tree/index.ts';
import type { Prep } from '../tree/index.ts';
import { comparePositions } from '../zab/index.ts';
import type { LogPosition, Zab } from '../zab/index.ts';
import { ownerOf } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import type { Core } from './core.ts';
import type { LostRequests } from './drive-hooks.ts';
import type { Unapplied } from './log-memory.ts';
import { encodeResult } from './remembered.ts';
import type { Pending } from './stream.ts';

export class Proposer {
  readonly #core: Core;
  readonly #zab: Zab;
  /** Only while this node leads and serves. */
  #prep: Prep | undefined;

  constructor(core: Core, zab: Zab) {
    this.#core = core;
    this.#zab = zab;
  }

  /** @param prep a fresh one, which judges against the present state */
  begin(prep: Prep): void {
    assert(
      this.#core.memory.unapplied === 0,
      'nothing is proposed before the epoch is established',
    );
    this.#prep = prep;
  }

  /** The role is over. */
  end(): void {
    this.#prep = undefined;
  }

  get isLeading(): boolean {
    return this.#prep !== undefined;
  }

  /** True when nothing more may be proposed until something has been applied. */
  get full(): boolean {
    const { memory, settings } = this.#core;
    const { outstandingTransactionsMax, outstandingBytesMax } = settings.limits;
    return (
      !this.#zab.hasRoom ||
      memory.unapplied >= outstandingTransactionsMax ||
      memory.unappliedBytes >= outstandingBytesMax
    );
  }

  /**
   * Judges `operation` against the tree and all outstanding transactions and puts it into the log.
   * @throws CoordinationError the refusal, which is only true behind a barrier at the end of the log
   */
  propose(operation: WriteOperation, caller: ResolvedCaller, pending: Pending | undefined): void {
    const prep = this.#prep;
    assert(prep !== undefined, 'only an established leader proposes');
    assert(!this.full, 'the bound on outstanding transactions is checked before');
    const zxid = this.#zab.nextZxid;
    const time = this.#core.clock.wallMs();
    const { transaction, result } = prep.judge({ operation, caller, zxid, time });
    const idempotency = pending?.message.idempotency;
    const owner = ownerOf(caller);
    const final =
      idempotency === undefined
        ? transaction
        : { ...transaction, idempotency: { ...idempotency, owner, result: encodeResult(result) } };
    const record = this.#zab.propose(encodeTransaction(final));
    this.#core.memory.push({ record, transaction: final, pending });
    this.#core.counters.proposals++;
    if (pending === undefined) return;
    pending.proposed = true;
    pending.result = result;
    pending.zxid = zxid;
  }

  /** The transaction at `zxid` is outstanding no longer. */
  applied(zxid: Zxid): void {
    this.#prep?.applied(zxid);
  }

  /**
   * Takes the requests away from records that a later leader will decide on.
   * @param forgotten what has been cut from the log with the role
   * @param handedOut the last record that the disk has been given
   */
  abandon(forgotten: readonly Unapplied[], handedOut: LogPosition): LostRequests {
    const unknown: Pending[] = [];
    const notApplied: Pending[] = [];
    const { memory } = this.#core;
    for (let index = 0; index < memory.unapplied; index++) {
      const entry = memory.peekAt(index);
      if (entry?.pending === undefined) continue;
      unknown.push(entry.pending);
      entry.pending = undefined;
    }
    for (const { record, pending } of forgotten) {
      if (pending === undefined) continue;
      (comparePositions(record, handedOut) > 0 ? notApplied : unknown).push(pending);
    }
    return { unknown, notApplied };
  }

  /** Requests that wait for a commit beyond their deadline. */
  overdue(nowMs: number): readonly Pending[] {
    const overdue: Pending[] = [];
    const { memory } = this.#core;
    for (let index = 0; index < memory.unapplied; index++) {
      const pending = memory.peekAt(index)?.pending;
      if (pending === undefined || pending.phase === 'over') continue;
      if (pending.deadlineMs > nowMs) break;
      overdue.push(pending);
    }
    return overdue;
  }
}
