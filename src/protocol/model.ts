/**
 * The vocabulary of znodes as everybody in the process speaks it: plain data, no behaviour.
 * Byte payloads are `Uint8Array`; numbers are safe integers; permissions are bit masks inside and
 * letters (`"cdrwa"`) on the wire.
 */

/** Position of a committed transaction in the one replicated log: 1, 2, 3, …, below 2^53. */
export type Zxid = number;

/** A session's id is the zxid of the transaction that created it; 0 means "no session". */
export type SessionId = number;

declare const znodePathBrand: unique symbol;

/** A path that `parsePath` has validated; nothing else makes one. */
export type ZnodePath = string & { readonly [znodePathBrand]: true };

export type NodeKind = 'persistent' | 'ephemeral' | 'container' | 'ttl';

/** ZooKeeper's `Stat` as clients see it (cversion is the seen one), plus kind and TTL. */
export interface Stat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
  /** Milliseconds since the epoch, the leader's wall clock at preparation. */
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** 0 where there is none. */
  readonly ephemeralOwner: SessionId;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly kind: NodeKind;
  /** Only for kind `ttl`, milliseconds. */
  readonly ttlMs?: number;
}

/** Bits of a permission mask (`ZooDefs.Perms`). */
export const Perms = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const;

export interface AclEntry {
  readonly scheme: string;
  readonly id: string;
  /** Bit mask of `Perms`. */
  readonly perms: number;
}

export type Acl = readonly AclEntry[];

/** An authenticated identity of a caller: `digest` user:hash, `ip` address, `super`. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

export type EventType = 'NodeCreated' | 'NodeDeleted' | 'NodeDataChanged' | 'NodeChildrenChanged';

/** ZooKeeper's standard (one-shot) modes by the read that leaves them, and its two persistent ones. */
export type WatchMode = 'data' | 'exists' | 'children' | 'persistent' | 'persistent-recursive';

export const watchModes = [
  'data',
  'exists',
  'children',
  'persistent',
  'persistent-recursive',
] as const satisfies readonly WatchMode[];
