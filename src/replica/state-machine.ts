/**
 * The replicated state: the tree, the session table and the remembered answers, moved forward by one
 * committed record after another. Everything here is the same on every node at the same zxid, but for the former
 * ACLs: they reach back as far as this node's event ring.
 */
import { assert } from '../protocol/assert.ts';
import type { Acl, Zxid } from '../protocol/model.ts';
import { SessionTable } from '../sessions/index.ts';
import { decodeTransaction, FormerAcls, Tree } from '../tree/index.ts';
import type { AclId, Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord } from '../zab/index.ts';
import { noPosition } from '../zab/index.ts';
import { IdempotencyTable } from './idempotency.ts';
import type { ReplicaSettings } from './host.ts';

/** The last `epoch` record: what it says of the ensemble is part of the state. */
export interface StoredEpochRecord {
  readonly zxid: Zxid;
  readonly payload: Uint8Array;
}

export class StateMachine {
  #tree: Tree;
  #sessions = new SessionTable();
  #idempotency: IdempotencyTable;
  #formerAcls = new FormerAcls();
  #applied: LogPosition = noPosition;
  #chain = 0;
  #epochRecord: StoredEpochRecord | undefined;

  constructor(settings: Pick<ReplicaSettings, 'limits'>) {
    this.#tree = new Tree({ limits: settings.limits });
    this.#idempotency = new IdempotencyTable(settings.limits);
  }

  /** Not to be kept, like the other parts: another node's may take their place. */
  get tree(): Tree {
    return this.#tree;
  }

  get sessions(): SessionTable {
    return this.#sessions;
  }

  get idempotency(): IdempotencyTable {
    return this.#idempotency;
  }

  get formerAcls(): FormerAcls {
    return this.#formerAcls;
  }

  /** What the number of an ACL meant in the transaction at `zxid`, which is in the event ring. */
  aclAt(id: AclId, zxid: Zxid): Acl {
    return this.#formerAcls.find(id, zxid) ?? this.#tree.acl(id);
  }

  /** Takes the place of this state in one step; `other` is not to be used any more. */
  become(other: StateMachine): void {
    this.#tree = other.#tree;
    this.#sessions = other.#sessions;
    this.#idempotency = other.#idempotency;
    this.#formerAcls = other.#formerAcls;
    this.#applied = other.#applied;
    this.#chain = other.#chain;
    this.#epochRecord = other.#epochRecord;
  }

  /** The last record applied, and its chain: what a snapshot taken now stands for. */
  get applied(): LogPosition {
    return this.#applied;
  }

  get chain(): number {
    return this.#chain;
  }

  get epochRecord(): StoredEpochRecord | undefined {
    return this.#epochRecord;
  }

  get zxid(): Zxid {
    return this.#applied.zxid;
  }

  /** What the snapshot that is being loaded says of its last `epoch` record. */
  restoreEpochRecord(record: StoredEpochRecord): void {
    this.#epochRecord = record;
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
      this.#epochRecord = { zxid: record.zxid, payload: record.payload.slice() };
      this.tree.advanceTo(record.zxid);
      return undefined;
    }
    const decoded = transaction ?? decodeTransaction(record.payload);
    this.#applySessions(record.zxid, decoded);
    for (const { id, acl } of this.tree.apply(record.zxid, decoded)) {
      this.#formerAcls.add({ id, acl, until: record.zxid });
    }
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
    } else if (first?.type === 'attachSession') {
      this.sessions.attach(first.session, { generation: zxid, timeoutMs: first.timeoutMs });
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
