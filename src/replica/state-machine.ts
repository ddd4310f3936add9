/**
 * The replicated state: the tree, the session table and the remembered answers, moved forward by one
 * committed record after another. Everything here is the same on every node at the same zxid.
 */
import { assert } from '../protocol/assert.ts';
import type { Zxid } from '../protocol/model.ts';
import { SessionTable } from '../sessions/index.ts';
import { decodeTransaction, Tree } from '../tree/index.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord } from '../zab/index.ts';
import { noPosition } from '../zab/index.ts';
import { IdempotencyTable } from './idempotency.ts';
import type { ReplicaSettings } from './host.ts';

export class StateMachine {
  readonly tree: Tree;
  readonly sessions = new SessionTable();
  readonly idempotency: IdempotencyTable;
  #applied: LogPosition = noPosition;
  #chain = 0;

  constructor(settings: Pick<ReplicaSettings, 'limits'>) {
    this.tree = new Tree({ limits: settings.limits });
    this.idempotency = new IdempotencyTable(settings.limits);
  }

  /** The last record applied, and its chain: what a snapshot taken now stands for. */
  get applied(): LogPosition {
    return this.#applied;
  }

  get chain(): number {
    return this.#chain;
  }

  get zxid(): Zxid {
    return this.#applied.zxid;
  }

  /** Takes the place of a snapshot that has been loaded. */
  restoredAt(position: LogPosition, chain: number): void {
    this.#applied = position;
    this.#chain = chain;
  }

  /**
   * Applies the next committed record.
   * @param transaction what `record` decodes to, where the caller still has it
   * @returns the transaction, undefined for an `epoch` record
   */
  apply(record: LogRecord, transaction: Transaction | undefined): Transaction | undefined {
    assert(
      record.zxid === this.#applied.zxid + 1,
      `apply: record ${String(record.zxid)} after ${String(this.#applied.zxid)}`,
    );
    this.#applied = { epoch: record.epoch, zxid: record.zxid };
    this.#chain = record.chain;
    if (record.kind === 'epoch') {
      this.tree.advanceTo(record.zxid);
      return undefined;
    }
    const decoded = transaction ?? decodeTransaction(record.payload);
    this.#applySessions(record.zxid, decoded);
    this.tree.apply(record.zxid, decoded);
    if (decoded.idempotency !== undefined) {
      this.idempotency.remember(record.zxid, decoded.idempotency);
    }
    return decoded;
  }

  #applySessions(zxid: Zxid, transaction: Transaction): void {
    // Session changes stand alone or first in their transaction.
    const first = transaction.changes[0];
    if (first?.type === 'createSession') {
      const { timeoutMs, secretHash } = first;
      this.sessions.create(zxid, { timeoutMs, secretHash });
    } else if (first?.type === 'closeSession') {
      this.sessions.close(first.session);
    }
  }

  /** The digest of the whole replicated state at the applied zxid, 32 hexadecimal digits. */
  digest(): string {
    const tree = this.tree.digest();
    return [tree.high, tree.low, ...this.sessions.digest].map(hex32).join('');
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
