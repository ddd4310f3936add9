/**
 * The znode tree: committed transactions and nothing else (`DataTree`). Nodes are rows of numbers and
 * slots of bytes; there is no object for each znode, so a million of them neither burden the garbage
 * collector nor make anything stop while something grows.
 *
 * A node id is valid until the next `apply`.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Acl, SessionId, Stat, ZnodePath, Zxid } from '../protocol/model.ts';
import { openAcl, readOnlyAcl, type NumberedAcl } from './acl-table.ts';
import type { ChildCursor } from './child-lists.ts';
import { aclKey, type TreeDigest } from './digest.ts';
import { hashText, hashUnit, rootHash } from './hash.ts';
import { Loader } from './loader.ts';
import { rootNode } from './names.ts';
import { Field, noNode, Wide, type NodeId } from './rows.ts';
import { SnapshotWriter, type TreeSnapshot } from './snapshot.ts';
import { Store } from './store.ts';
import type {
  AclId,
  Change,
  CreateChange,
  DeleteChange,
  SetAclChange,
  SetChange,
  Transaction,
} from './transaction.ts';

/** A znode that housekeeping may remove, with what tells this very one from a later one at its path. */
export interface Reapable {
  readonly path: ZnodePath;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
}

export interface ReapOptions {
  /** Age, by mtime, at which a container that never had a child may go, milliseconds. */
  readonly containerNeverUsedMs: number;
  /** At most so many. */
  readonly limit: number;
}

interface Moment {
  readonly zxid: Zxid;
  readonly time: number;
}

const SLASH = 0x2f;
/** A name's length in UTF-8 has 16 bits of its row. */
const pathLengthCap = 21_845;

export class Tree {
  readonly limits: Limits;
  private store = makeFreshStore();
  private snapshot: SnapshotWriter | undefined;
  private loader: Loader | undefined;

  constructor(options: { readonly limits: Limits }) {
    this.limits = options.limits;
    assert(options.limits.pathLengthMax <= pathLengthCap, 'tree: paths longer than a row can say');
  }

  /** Zxid of the last transaction in the tree, 0 for none. */
  get appliedZxid(): Zxid {
    return this.store.appliedZxid;
  }

  /** Znodes, the four that are always there included. */
  get nodeCount(): number {
    return this.store.nodeCount;
  }

  /** Names, data and fixed costs of all znodes (`nodeOverheadBytes`), and the ACLs, bytes. */
  get byteCount(): number {
    return this.store.byteCount + this.store.acls.bytes;
  }

  /**
   * Applies the next committed transaction. Session changes are not the tree's, but the deletions that
   * stand beside a closeSession are.
   * @returns the ACLs that no znode has any more: their numbers are free now
   * @throws InvariantError when the transaction does not fit the tree: this replica has diverged
   */
  apply(zxid: Zxid, transaction: Transaction): readonly NumberedAcl[] {
    assert(zxid > this.store.appliedZxid, 'tree: transactions are applied in order');
    const moment = { zxid, time: transaction.time };
    for (const change of transaction.changes) this.applyChange(change, moment);
    this.store.appliedZxid = zxid;
    const forgotten = this.store.acls.forgetUnused();
    for (const { id, key } of forgotten) this.store.digest.subtractAcl(id, key);
    return forgotten;
  }

  /** Passes a zxid that holds no transaction (an epoch's record). */
  advanceTo(zxid: Zxid): void {
    assert(zxid >= this.store.appliedZxid, 'tree: transactions are applied in order');
    this.store.appliedZxid = zxid;
  }

  /** @returns the node's id, or −1 */
  find(path: string): NodeId {
    const id = this.store.find(path);
    return id === noNode ? -1 : id;
  }

  stat(id: NodeId): Stat {
    const { rows } = this.store;
    const numChildren = rows.get(id, Field.NUM_CHILDREN);
    const kind = rows.kind(id);
    const ownerOrTtl = rows.wide(id, Wide.OWNER_OR_TTL);
    const stat = {
      czxid: rows.wide(id, Wide.CZXID),
      mzxid: rows.wide(id, Wide.MZXID),
      pzxid: rows.wide(id, Wide.PZXID),
      ctime: rows.wide(id, Wide.CTIME),
      mtime: rows.wide(id, Wide.MTIME),
      version: rows.get(id, Field.VERSION),
      cversion: seenCversion(rows.wide(id, Wide.CVERSION), numChildren),
      aversion: rows.get(id, Field.AVERSION),
      ephemeralOwner: kind === 'ephemeral' ? ownerOrTtl : 0,
      dataLength: rows.get(id, Field.DATA_LENGTH),
      numChildren,
      kind,
    };
    return kind === 'ttl' ? { ...stat, ttlMs: ownerOrTtl } : stat;
  }

  /** The number of children ever created, from which sequence numbers are made. */
  rawCversion(id: NodeId): number {
    return this.store.rows.wide(id, Wide.CVERSION);
  }

  /** A copy. */
  data(id: NodeId): Uint8Array {
    const { rows, pool } = this.store;
    return pool.copy(rows.get(id, Field.DATA), rows.get(id, Field.DATA_LENGTH));
  }

  dataLength(id: NodeId): number {
    return this.store.rows.get(id, Field.DATA_LENGTH);
  }

  aclOf(id: NodeId): AclId {
    return this.store.rows.get(id, Field.ACL);
  }

  acl(id: AclId): Acl {
    return this.store.acls.acl(id);
  }

  /** The id of the interned ACL with this `aclKey`. */
  findAcl(key: string): AclId | undefined {
    return this.store.acls.find(key);
  }

  /** How many znodes have the ACL, 0 for a number that is free; unknown for the two that are always there. */
  aclUsers(id: AclId): number {
    return this.store.acls.users(id);
  }

  /** True for a number that means an ACL. */
  hasAcl(id: AclId): boolean {
    return this.store.acls.has(id);
  }

  /** Distinct ACLs of the znodes, the two that are always there included. */
  get aclCount(): number {
    return this.store.acls.size;
  }

  path(id: NodeId): ZnodePath {
    return this.store.names.path(id);
  }

  name(id: NodeId): string {
    return this.store.names.name(id);
  }

  numChildren(id: NodeId): number {
    return this.store.rows.get(id, Field.NUM_CHILDREN);
  }

  descendants(id: NodeId): number {
    return this.store.rows.get(id, Field.DESCENDANTS);
  }

  /** The children in bytewise order, those behind the name `after` if it is given. */
  children(id: NodeId, after?: string): ChildCursor {
    return this.store.children.cursor(id, after);
  }

  childrenAfter(id: NodeId, after: string): number {
    return this.store.children.countAfter(id, after);
  }

  /** Sorted bytewise. */
  ephemeralsOf(session: SessionId): ZnodePath[] {
    const paths = this.store.ephemerals.of(session).map((id) => this.path(id));
    return paths.sort();
  }

  ephemeralCount(session: SessionId): number {
    return this.store.ephemerals.count(session);
  }

  digest(): TreeDigest {
    return this.store.digest.value();
  }

  /** Containers and TTL znodes that may go (`zookeeper-semantics` of containers: never one with children). */
  reapable(nowMs: number, options: ReapOptions): Reapable[] {
    const { rows, housekeeping } = this.store;
    const ids = housekeeping.reapable(nowMs, options.containerNeverUsedMs, options.limit);
    return ids.map((id) => ({
      path: this.path(id),
      czxid: rows.wide(id, Wide.CZXID),
      mzxid: rows.wide(id, Wide.MZXID),
    }));
  }

  /** Starts a snapshot of the state as it is now; one at a time. */
  beginSnapshot(): TreeSnapshot {
    assert(this.snapshot === undefined, 'tree: one snapshot at a time');
    assert(this.loader === undefined, 'tree: no snapshot while loading');
    const snapshot = new SnapshotWriter(this.store, () => {
      this.snapshot = undefined;
    });
    this.snapshot = snapshot;
    return snapshot;
  }

  /**
   * Takes the next chunk of a snapshot. The state stays as it was until `finishLoad`.
   * @throws Error when the chunk is malformed; the load is then over
   */
  loadChunk(bytes: Uint8Array): void {
    this.loader ??= new Loader();
    try {
      this.loader.add(bytes);
    } catch (error) {
      this.loader = undefined;
      throw error;
    }
  }

  /**
   * Replaces the state by the one that the chunks hold.
   * @param expected the position that the snapshot stands for, at or after the tree's last transaction
   * @returns its digest, which equals the one that the snapshot carries
   * @throws Error when the snapshot is incomplete, contradicts itself or is of a later zxid
   */
  finishLoad(expected: { readonly zxid: Zxid }): TreeDigest {
    const { loader } = this;
    this.loader = undefined;
    if (loader === undefined) throw new Error('tree snapshot: no chunks');
    this.snapshot?.abort();
    this.store = loader.finish(expected.zxid);
    return this.digest();
  }

  private applyChange(change: Change, moment: Moment): void {
    switch (change.type) {
      case 'create':
        this.applyCreate(change, moment);
        return;
      case 'set':
        this.applySet(change, moment);
        return;
      case 'delete':
        this.applyDelete(change, moment);
        return;
      case 'setAcl':
        this.applySetAcl(change);
        return;
      case 'defineAcl':
        this.store.digest.addAcl(change.id, this.store.acls.define(change.id, change.acl));
        return;
      case 'createSession':
      case 'attachSession':
      case 'closeSession':
        return;
      default:
        return unreachable(change);
    }
  }

  private applyCreate(change: CreateChange, { zxid, time }: Moment): void {
    const { store } = this;
    const { path } = change;
    const slash = path.lastIndexOf('/');
    const parentHash = hashText(rootHash, path, { start: 0, end: slash });
    const parent = slash === 0 ? rootNode : store.index.find(parentHash, path, slash);
    assert(parent !== noNode, 'apply create: the parent is missing');
    const hash = hashText(hashUnit(parentHash, SLASH), path, {
      start: slash + 1,
      end: path.length,
    });
    assert(store.index.find(hash, path, path.length) === noNode, 'apply create: the znode exists');
    this.beforeChange(parent);
    const id = store.addNode({
      parent,
      path,
      name: path.slice(slash + 1),
      hash,
      kind: change.kind,
      acl: change.acl,
      data: change.data,
      ownerOrTtl: change.kind === 'ttl' ? change.ttlMs : change.ephemeralOwner,
      zxid,
      time,
    });
    this.snapshot?.created(id);
    store.children.insert(parent, id);
    store.countDescendants(parent, 1);
    if (change.parentCversion > store.rows.wide(parent, Wide.CVERSION)) {
      store.rows.setWide(parent, Wide.CVERSION, change.parentCversion);
    }
    store.rows.setWide(parent, Wide.PZXID, zxid);
    this.afterChange(parent);
    this.afterChange(id);
  }

  private applySet(change: SetChange, { zxid, time }: Moment): void {
    const { store } = this;
    const id = this.existing(change.path);
    assert(store.rows.wide(id, Wide.CZXID) === change.czxid, 'apply set: another znode');
    this.beforeChange(id);
    store.setData(id, change.data);
    store.rows.set(id, Field.VERSION, change.version);
    store.rows.setWide(id, Wide.MZXID, zxid);
    store.rows.setWide(id, Wide.MTIME, time);
    this.afterChange(id);
  }

  private applyDelete(change: DeleteChange, { zxid }: Moment): void {
    const { store } = this;
    const id = this.existing(change.path);
    assert(id !== rootNode, 'apply delete: the root');
    const parent = store.rows.get(id, Field.PARENT);
    this.beforeChange(id);
    this.beforeChange(parent);
    store.children.remove(parent, id);
    store.countDescendants(parent, -1);
    store.removeNode(id);
    store.rows.setWide(parent, Wide.PZXID, zxid);
    this.afterChange(parent);
  }

  private applySetAcl(change: SetAclChange): void {
    const { rows } = this.store;
    const id = this.existing(change.path);
    this.beforeChange(id);
    this.store.setAcl(id, change.acl);
    rows.set(id, Field.AVERSION, change.aversion);
    this.afterChange(id);
  }

  private existing(path: ZnodePath): NodeId {
    const id = this.store.find(path);
    assert(id !== noNode, 'apply: the znode is missing');
    return id;
  }

  private beforeChange(id: NodeId): void {
    this.snapshot?.beforeChange(id);
    this.store.housekeeping.leave(id);
    this.store.digest.subtract(id);
  }

  private afterChange(id: NodeId): void {
    this.store.housekeeping.enter(id);
    this.store.digest.add(id);
  }
}

/** As clients see it: one up for each child created and for each deleted (`DataNode.copyStat`). */
export function seenCversion(rawCversion: number, numChildren: number): number {
  return 2 * rawCversion - numChildren;
}

/** The four nodes that every tree has from the start (`DataTree`'s constructor). */
function makeFreshStore(): Store {
  const store = new Store();
  const add = (parent: NodeId, path: string, acl: AclId): NodeId => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const hash = hashText(rootHash, path, { start: 0, end: parent === noNode ? 0 : path.length });
    const id = store.addNode({
      parent,
      path: path as ZnodePath,
      name,
      hash,
      kind: 'persistent',
      acl,
      data: new Uint8Array(0),
      ownerOrTtl: 0,
      zxid: 0,
      time: 0,
    });
    if (parent !== noNode) {
      store.children.insert(parent, id);
      store.countDescendants(parent, 1);
    }
    return id;
  };
  const root = add(noNode, '/', openAcl);
  assert(root === rootNode, 'tree: the root is the first row');
  const own = add(root, '/zookeeper', openAcl);
  const config = add(own, '/zookeeper/config', readOnlyAcl);
  const quota = add(own, '/zookeeper/quota', openAcl);
  // A version that no condition can name: only a reconfiguration may change this node.
  store.rows.set(config, Field.VERSION, -1);
  for (const id of [root, own, config, quota]) store.digest.add(id);
  for (const id of [openAcl, readOnlyAcl]) {
    store.digest.addAcl(id, aclKey(store.acls.acl(id)));
  }
  return store;
}
