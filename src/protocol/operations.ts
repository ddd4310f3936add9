/**
 * The operations, normalised: what every front door translates its requests into and what the
 * coordinator understands. Plain, serialisable data. Paths are validated, data decoded, durations in
 * milliseconds, permissions in bits.
 */
import type { FailedMultiResult } from './errors.ts';
import type {
  Acl,
  Identity,
  NodeKind,
  SessionId,
  Stat,
  WatchMode,
  ZnodePath,
  Zxid,
} from './model.ts';

/**
 * The condition on a data version: one of the alternatives must hold (an If-Match list).
 * `undefined` = no condition; `'exists'` = any version, but the znode must be there; an alternative
 * with `czxid` matches only that very life of the path.
 */
export type VersionCondition =
  'exists' | readonly { readonly version: number; readonly czxid?: number }[] | undefined;

export interface CreateOperation {
  readonly type: 'create';
  /** A validated path, or with `sequential` a prefix that may end with "/". */
  readonly path: string;
  readonly data: Uint8Array;
  readonly kind: NodeKind;
  readonly sequential: boolean;
  /** Only with kind `ttl`. */
  readonly ttlMs?: number;
  /** Makes missing parents in the same transaction. */
  readonly parents?: boolean;
  /** As the client gave it (scheme `auth` not yet expanded); absent = world:anyone:cdrwa. */
  readonly acl?: Acl;
  /**
   * In place of `acl`: the ACL that the parent has in this very transaction. With `parents` that of the
   * deepest ancestor there is, which the missing parents get too.
   */
  readonly inheritAcl?: boolean;
}

/** Create or replace, decided in one transaction. `acl` and `inheritAcl` only serve when it creates. */
export interface PutOperation {
  readonly type: 'put';
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly parents?: boolean;
  readonly acl?: Acl;
  readonly inheritAcl?: boolean;
}

export interface SetOperation {
  readonly type: 'set';
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly condition?: VersionCondition;
}

export interface DeleteOperation {
  readonly type: 'delete';
  readonly path: ZnodePath;
  readonly condition?: VersionCondition;
  readonly recursive?: boolean;
}

/** `condition.version` is compared with the aversion. */
export interface SetAclOperation {
  readonly type: 'setAcl';
  readonly path: ZnodePath;
  readonly acl: Acl;
  readonly condition?: VersionCondition;
}

/** Only inside a multi. `exists: false` = NODEEXISTS when the znode is there. */
export interface CheckOperation {
  readonly type: 'check';
  readonly path: ZnodePath;
  readonly condition?: VersionCondition;
  readonly exists?: boolean;
}

export type MultiMember = CreateOperation | SetOperation | DeleteOperation | CheckOperation;

export interface MultiOperation {
  readonly type: 'multi';
  readonly operations: readonly MultiMember[];
}

export interface CreateSessionOperation {
  readonly type: 'createSession';
  /** Already clamped, milliseconds. */
  readonly timeoutMs: number;
  /** SHA-256 of the secret's text, 32 bytes: only the hash is in the log. */
  readonly secretHash: Uint8Array;
}

/** Gives a live session to one more stream: whatever older ones still ask for it is refused. */
export interface AttachSessionOperation {
  readonly type: 'attachSession';
  readonly session: SessionId;
  /** As negotiated for this attachment and already clamped, milliseconds: the session's from now on. */
  readonly timeoutMs: number;
}

/** Ends a session; its ephemerals go in the same transaction. */
export interface CloseSessionOperation {
  readonly type: 'closeSession';
  readonly session: SessionId;
}

/** Housekeeping: removes a container or expired TTL znode, only if it is the very one judged. */
export interface ReapOperation {
  readonly type: 'reap';
  readonly path: ZnodePath;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
}

/** What goes through the log. */
export type WriteOperation =
  | CreateOperation
  | PutOperation
  | SetOperation
  | DeleteOperation
  | SetAclOperation
  | MultiOperation
  | CreateSessionOperation
  | AttachSessionOperation
  | CloseSessionOperation
  | ReapOperation;

export interface GetOperation {
  readonly type: 'get';
  readonly path: ZnodePath;
  /** Leaves a one-shot data watch, atomically with the read. */
  readonly watch?: boolean;
}

export interface ExistsOperation {
  readonly type: 'exists';
  readonly path: ZnodePath;
  readonly watch?: boolean;
}

export interface ChildrenOperation {
  readonly type: 'children';
  readonly path: ZnodePath;
  readonly watch?: boolean;
  readonly limit?: number;
  readonly after?: string;
  readonly with?: 'stat' | 'data';
}

export interface TreeOperation {
  readonly type: 'tree';
  readonly path: ZnodePath;
  readonly depth?: number;
  readonly limit?: number;
  /** Continue behind this path (`next` of the page before). */
  readonly after?: ZnodePath;
  /** Answer only the number of descendants. */
  readonly count?: boolean;
}

export interface AclOperation {
  readonly type: 'acl';
  readonly path: ZnodePath;
}

export type MultiReadMember = GetOperation | ExistsOperation | ChildrenOperation | AclOperation;

export interface MultiReadOperation {
  readonly type: 'multiRead';
  readonly operations: readonly MultiReadMember[];
}

export interface EphemeralsOperation {
  readonly type: 'ephemerals';
  /** Defaults to the stream's session. */
  readonly session?: SessionId;
  /** A plain string prefix, as ZooKeeper has it; empty or "/" = all. */
  readonly prefix?: string;
}

/** Judged against the replicated session table; answers how long it still lives. */
export interface SessionInfoOperation {
  readonly type: 'sessionInfo';
  readonly session: SessionId;
  /** Keeps it alive as its own request would: a heartbeat, also by a caller with super rights. */
  readonly touch?: boolean;
}

export interface WhoamiOperation {
  readonly type: 'whoami';
}

export interface SyncOperation {
  readonly type: 'sync';
}

/** Nothing but an answer in the stream's order. */
export interface PingOperation {
  readonly type: 'ping';
}

/** Answered from the local tree at one zxid. */
export type ReadOperation =
  | GetOperation
  | ExistsOperation
  | ChildrenOperation
  | TreeOperation
  | AclOperation
  | MultiReadOperation
  | EphemeralsOperation
  | SessionInfoOperation
  | WhoamiOperation
  | SyncOperation
  | PingOperation;

/**
 * `change` is internal to the process (long polls): it fires, without an ACL check and without being
 * used up, on any change of the znode, its ACL and its direct children, its creation and deletion.
 */
export type StreamWatchMode = WatchMode | 'change';

/** Registers a watch on the stream. */
export interface WatchOperation {
  readonly type: 'watch';
  readonly path: ZnodePath;
  readonly mode: StreamWatchMode;
  /** Events after all of this zxid are sent first, out of the ring. */
  readonly from?: Zxid;
  /** Answers with the present state of the path, atomically with the registration. */
  readonly initial?: boolean;
  /** Adds data or stat, as of the event, to NodeCreated and NodeDataChanged. */
  readonly with?: 'stat' | 'data';
}

export interface UnwatchOperation {
  readonly type: 'unwatch';
  readonly path: ZnodePath;
  /** Absent = all modes. */
  readonly mode?: WatchMode;
}

/** Adds identities to the stream. */
export interface IdentifyOperation {
  readonly type: 'identify';
  readonly identities: readonly Identity[];
}

/**
 * Binds the stream to a session: a new one, or a live one whose older stream is then told `moved`.
 * Watches after `resumeFrom` are replayed out of the ring (persistent modes) or compared with it
 * (one-shot modes, `DataTree.setWatches`).
 */
export interface AttachOperation {
  readonly type: 'attach';
  readonly session: 'none' | 'new' | { readonly id: SessionId; readonly secret: string };
  readonly timeoutMs?: number;
  readonly identities: readonly Identity[];
  readonly watches: readonly { readonly path: ZnodePath; readonly mode: WatchMode }[];
  readonly resumeFrom?: Zxid;
}

/** Opens a session that belongs to no stream (plain HTTP); the timeout is clamped. */
export interface NewSessionOperation {
  readonly type: 'newSession';
  readonly timeoutMs?: number;
}

/** Ends the stream's session, answered when that is done. */
export interface EndSessionOperation {
  readonly type: 'endSession';
}

export type StreamOperation =
  | WatchOperation
  | UnwatchOperation
  | IdentifyOperation
  | AttachOperation
  | NewSessionOperation
  | EndSessionOperation;

export type Operation = WriteOperation | ReadOperation | StreamOperation;

export type OperationType = Operation['type'];

// Results. `zxid` stands beside the result in the answer's envelope.

/** Of create, put, set. `created` tells create from replace. */
export interface WriteResult {
  readonly path: ZnodePath;
  readonly created: boolean;
  readonly sequence?: number;
  readonly stat: Stat;
}

export interface DataResult {
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly stat: Stat;
}

export interface StatResult {
  readonly path: ZnodePath;
  readonly stat: Stat;
}

export interface ChildEntry {
  readonly name: string;
  /** Absent without READ on the child, or when only names were asked. */
  readonly stat?: Stat;
  readonly data?: Uint8Array;
}

export interface ChildrenResult {
  readonly path: ZnodePath;
  /** Sorted bytewise. */
  readonly children: readonly ChildEntry[];
  readonly stat: Stat;
  /** The name for `after`; absent at the end. */
  readonly next?: string;
}

export interface TreeResult {
  readonly path: ZnodePath;
  readonly nodes: readonly StatResult[];
  readonly next?: ZnodePath;
  readonly truncated: boolean;
}

export interface CountResult {
  readonly path: ZnodePath;
  readonly descendants: number;
}

export interface AclResult {
  readonly path: ZnodePath;
  readonly acl: Acl;
  readonly stat: Stat;
}

/** One member of a successful multi; `stat` for create and set. */
export interface MultiMemberResult {
  readonly op: MultiMember['type'];
  readonly path: ZnodePath;
  readonly stat?: Stat;
  readonly sequence?: number;
}

export interface MultiResult {
  readonly results: readonly MultiMemberResult[];
}

export type MultiReadMemberResult =
  | { readonly op: 'get'; readonly code: 'OK'; readonly result: DataResult }
  | { readonly op: 'exists'; readonly code: 'OK'; readonly result: StatResult }
  | { readonly op: 'children'; readonly code: 'OK'; readonly result: ChildrenResult }
  | { readonly op: 'acl'; readonly code: 'OK'; readonly result: AclResult }
  | {
      readonly op: MultiReadMember['type'];
      readonly code: FailedMultiResult['code'];
      readonly path: ZnodePath;
    };

export interface MultiReadResult {
  readonly results: readonly MultiReadMemberResult[];
}

export interface SessionResult {
  readonly id: SessionId;
  /** 22 characters of base64url; shown once, never kept. */
  readonly secret: string;
  readonly timeoutMs: number;
}

export interface SessionInfoResult {
  readonly id: SessionId;
  readonly timeoutMs: number;
  readonly expiresInMs: number;
  readonly ephemerals: number;
  /** True while a stream is attached to it, on whatever node. */
  readonly connected: boolean;
}

export interface EphemeralsResult {
  readonly paths: readonly ZnodePath[];
}

export interface WhoamiResult {
  readonly identities: readonly Identity[];
  readonly session?: SessionId;
}

export interface IdentifyResult {
  readonly identities: readonly Identity[];
}

export interface WatchResult {
  /** With `initial`: the state at the answer's zxid; `stat` absent = the znode does not exist. */
  readonly initial?: { readonly path: ZnodePath; readonly stat?: Stat; readonly data?: Uint8Array };
}

export interface AttachResult {
  /** Absent with session `none`. `secret` only for a new session. */
  readonly session?: {
    readonly id: SessionId;
    readonly timeoutMs: number;
    readonly secret?: string;
  };
  readonly resumed: boolean;
}

/** Of delete, reap, closeSession, sync, ping, unwatch, endSession. */
export type EmptyResult = Readonly<Record<string, never>>;

export type Result =
  | WriteResult
  | DataResult
  | StatResult
  | ChildrenResult
  | TreeResult
  | CountResult
  | AclResult
  | MultiResult
  | MultiReadResult
  | SessionResult
  | SessionInfoResult
  | EphemeralsResult
  | WhoamiResult
  | IdentifyResult
  | WatchResult
  | AttachResult
  | EmptyResult;
