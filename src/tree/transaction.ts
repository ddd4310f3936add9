/**
 * What a transaction says: results, not intentions. Applying one never validates, never reads a clock,
 * never fails, and gives the same tree on every node. `codec.ts` gives the bytes of the log record.
 */
import type { Acl, NodeKind, SessionId, ZnodePath, Zxid } from '../protocol/model.ts';

/**
 * Number of one of the tree's interned ACLs, at one zxid: when no znode has it any more it is forgotten, and another
 * ACL may get the number in a later transaction. 0 is world:anyone:cdrwa, 1 is world:anyone:r.
 */
export type AclId = number;

/**
 * Gives a new ACL its id, which is free when the transaction begins; stands before the first change that uses it.
 * What no znode has when the transaction is over is forgotten then, and not before.
 */
export interface DefineAcl {
  readonly type: 'defineAcl';
  readonly id: AclId;
  readonly acl: Acl;
}

export interface CreateChange {
  readonly type: 'create';
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly kind: NodeKind;
  /** 0 where kind is not `ephemeral`. */
  readonly ephemeralOwner: SessionId;
  /** 0 where kind is not `ttl`. */
  readonly ttlMs: number;
  readonly acl: AclId;
  /** Of the parent: who may see its NodeChildrenChanged. */
  readonly parentAcl: AclId;
  /** The parent's raw cversion after this change. */
  readonly parentCversion: number;
}

/** Carries the whole stat after the change, so that an event can show it without the tree. */
export interface SetChange {
  readonly type: 'set';
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly version: number;
  readonly acl: AclId;
  readonly czxid: Zxid;
  readonly ctime: number;
  readonly pzxid: Zxid;
  /** As clients see it. */
  readonly cversion: number;
  readonly aversion: number;
  readonly numChildren: number;
  readonly kind: NodeKind;
  readonly ephemeralOwner: SessionId;
  readonly ttlMs: number;
}

export interface DeleteChange {
  readonly type: 'delete';
  readonly path: ZnodePath;
  /** Right before the deletion. */
  readonly acl: AclId;
  readonly parentAcl: AclId;
}

export interface SetAclChange {
  readonly type: 'setAcl';
  readonly path: ZnodePath;
  readonly acl: AclId;
  readonly aversion: number;
}

/** The session's id is the transaction's zxid. */
export interface CreateSessionChange {
  readonly type: 'createSession';
  readonly timeoutMs: number;
  readonly secretHash: Uint8Array;
}

/**
 * A stream takes the session over. The transaction's zxid is the generation of that attachment: from here
 * on nothing of an older one takes effect.
 */
export interface AttachSessionChange {
  readonly type: 'attachSession';
  readonly session: SessionId;
  /** The session's timeout from here on, milliseconds. */
  readonly timeoutMs: number;
}

/** Followed by a `delete` for each of the session's ephemerals: the explicit list. */
export interface CloseSessionChange {
  readonly type: 'closeSession';
  readonly session: SessionId;
}

export type Change =
  | DefineAcl
  | CreateChange
  | SetChange
  | DeleteChange
  | SetAclChange
  | CreateSessionChange
  | AttachSessionChange
  | CloseSessionChange;

/** A remembered answer: a retry with the same key and fingerprint gets `result` again. */
export interface IdempotencyRecord {
  readonly key: string;
  /** Whose share of the remembered keys it counts for. */
  readonly owner: string;
  readonly fingerprint: string;
  /** The first answer's result, as bytes that only the replica reads. */
  readonly result: Uint8Array;
}

export interface Transaction {
  /** The leader's wall clock at preparation, milliseconds since the epoch. */
  readonly time: number;
  /** The author's session, 0 for none. */
  readonly session: SessionId;
  readonly changes: readonly Change[];
  readonly idempotency?: IdempotencyRecord;
}
