/**
 * What the guarantees are stated in: a client of the product as every front door lets one be. A door that
 * cannot say something (a stream's order, say) has a part of its own in the files that need it.
 */
import type { EventType, Stat, WatchMode } from '../../src/protocol/model.ts';

export type { EventType, Stat, WatchMode } from '../../src/protocol/model.ts';

export interface WireAclEntry {
  readonly scheme: string;
  readonly id: string;
  readonly perms: string;
}

/** What all successful answers have. */
export interface Positioned {
  readonly zxid: number;
}

export interface Created extends Positioned {
  readonly path: string;
  readonly name: string;
  readonly created: boolean;
  readonly sequence?: number;
  readonly stat: Stat;
}

export interface Changed extends Positioned {
  readonly path: string;
  readonly stat: Stat;
}

export interface Put extends Changed {
  readonly created: boolean;
}

export interface Read extends Positioned {
  readonly path: string;
  readonly data: string;
  readonly encoding: 'utf8' | 'base64';
  readonly stat: Stat;
}

export interface Child {
  readonly name: string;
  readonly stat?: Stat;
  readonly data?: string;
}

export interface Children<T = string> extends Positioned {
  readonly path: string;
  readonly children: readonly T[];
  readonly stat: Stat;
  readonly next?: string;
}

export interface Subtree extends Positioned {
  readonly path: string;
  readonly nodes: readonly { readonly path: string; readonly stat: Stat }[];
  readonly next?: string;
  readonly truncated: boolean;
}

export interface AclRead extends Positioned {
  readonly path: string;
  readonly acl: readonly WireAclEntry[];
  readonly stat: Stat;
}

export interface MemberResult {
  readonly op: string;
  readonly path: string;
  readonly code: string;
  readonly stat?: Stat;
  readonly sequence?: number;
  readonly data?: string;
  readonly children?: readonly string[];
  readonly acl?: readonly WireAclEntry[];
}

export interface MultiResult extends Positioned {
  readonly results: readonly MemberResult[];
}

export interface CreateFields {
  readonly data?: string;
  readonly encoding?: 'utf8' | 'base64';
  readonly ephemeral?: boolean;
  readonly sequential?: boolean;
  readonly container?: boolean;
  readonly ttlMs?: number;
  readonly acl?: readonly WireAclEntry[];
  readonly inheritAcl?: boolean;
}

/** Of every write. */
export interface WriteOptions {
  readonly idempotencyKey?: string;
  readonly acks?: number | 'all';
}

export interface CreateOptions extends CreateFields, WriteOptions {
  readonly parents?: boolean;
}

/** ZooKeeper's version check, or the stronger one of a version and a czxid. */
export interface Condition {
  readonly version?: number;
  readonly ifMatch?: string;
}

export interface DeleteOptions extends Condition, WriteOptions {
  readonly recursive?: boolean;
}

/** Of every read. */
export interface ReadOptions {
  readonly consistency?: 'linearizable' | 'local';
  readonly minZxid?: number;
}

export interface ChildrenOptions extends ReadOptions {
  readonly limit?: number;
  readonly after?: string;
}

export interface SubtreeOptions extends ReadOptions {
  readonly depth?: number;
  readonly limit?: number;
  readonly after?: string;
}

export type Member =
  | ({ readonly op: 'create'; readonly path: string } & CreateFields)
  | ({ readonly op: 'set'; readonly path: string; readonly data?: string } & Condition)
  | ({ readonly op: 'delete'; readonly path: string } & Condition)
  | ({ readonly op: 'check'; readonly path: string; readonly exists?: false } & Condition);

export interface ReadMember {
  readonly op: 'get' | 'children' | 'exists' | 'acl';
  readonly path: string;
}

export interface Session {
  readonly id: number;
  readonly token: string;
  readonly timeoutMs: number;
}

export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

export interface Whoami extends Positioned {
  readonly identities: readonly Identity[];
  readonly session?: number;
}

export interface SeenEvent {
  readonly type: EventType;
  readonly path: string;
  readonly zxid: number;
}

export interface WatchOptions {
  /** After all of this zxid, out of what the node has kept. */
  readonly from?: number;
}

/** One watch, on a stream of its own. */
export interface Watcher {
  /** The next event. */
  next(): Promise<SeenEvent>;
  /** The events not taken yet, once all up to `zxid` are sure to have been sent. */
  upTo(zxid: number): Promise<readonly SeenEvent[]>;
  close(): void;
}

/** One caller. */
export interface Client {
  /** Absent for a caller without a session. */
  readonly session?: Session;
  create(path: string, options?: CreateOptions): Promise<Created>;
  put(path: string, data: string, options?: WriteOptions): Promise<Put>;
  set(path: string, data: string, options?: Condition & WriteOptions): Promise<Changed>;
  delete(path: string, options?: DeleteOptions): Promise<Positioned>;
  get(path: string, options?: ReadOptions): Promise<Read>;
  exists(path: string, options?: ReadOptions): Promise<Changed>;
  children(path: string, options?: ChildrenOptions): Promise<Children>;
  childrenWith(
    path: string,
    added: 'stat' | 'data',
    options?: ChildrenOptions,
  ): Promise<Children<Child>>;
  tree(path: string, options?: SubtreeOptions): Promise<Subtree>;
  count(path: string): Promise<{ readonly path: string; readonly descendants: number }>;
  acl(path: string): Promise<AclRead>;
  setAcl(
    path: string,
    acl: readonly WireAclEntry[],
    options?: Pick<Condition, 'version'> & WriteOptions,
  ): Promise<Changed>;
  multi(operations: readonly Member[], options?: WriteOptions): Promise<MultiResult>;
  multiRead(operations: readonly ReadMember[]): Promise<MultiResult>;
  sync(): Promise<Positioned>;
  whoami(): Promise<Whoami>;
  /** Paths of the ephemerals of its session. */
  ephemerals(): Promise<readonly string[]>;
  /** Leaves one watch, as the same caller; resolves when it is set. */
  watch(path: string, mode: WatchMode, options?: WatchOptions): Promise<Watcher>;
  /** Ends its session. */
  endSession(): Promise<void>;
  /** Falls silent; the session is left to the node. */
  leave(): void;
}

export interface ClientOptions {
  /** Opens a session, or goes on with one by its token. */
  readonly session?: string;
  readonly timeoutMs?: number;
  /** `user:password`. */
  readonly credential?: string;
}
