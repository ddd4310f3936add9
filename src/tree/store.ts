/** The parts of which a tree consists, and the growth and loss of single nodes in all of them at once. */
import { assert } from '../protocol/assert.ts';
import type { NodeKind, ZnodePath } from '../protocol/model.ts';
import { AclTable } from './acl-table.ts';
import { BytePool } from './byte-pool.ts';
import { ChildLists } from './child-lists.ts';
import { DigestSum } from './digest.ts';
import { Ephemerals } from './ephemerals.ts';
import { hashBytes, hashPath } from './hash.ts';
import { Housekeeping } from './housekeeping.ts';
import { Names, rootNode } from './names.ts';
import { PathIndex } from './path-index.ts';
import { Field, KindNumber, noNode, packNameInfo, Rows, Wide, type NodeId } from './rows.ts';
import type { AclId } from './transaction.ts';

/** What a znode costs beside its name and data, bytes: its row, its place in the index and in its parent. */
export const nodeOverheadBytes = 128;

export interface NewNode {
  readonly parent: NodeId;
  readonly path: ZnodePath;
  readonly name: string;
  readonly hash: number;
  readonly kind: NodeKind;
  readonly acl: AclId;
  readonly data: Uint8Array;
  /** The owner of an ephemeral, the milliseconds of a TTL znode, else 0. */
  readonly ownerOrTtl: number;
  readonly zxid: number;
  readonly time: number;
}

export class Store {
  readonly rows = new Rows();
  readonly pool = new BytePool();
  readonly names = new Names(this.rows, this.pool);
  readonly index = new PathIndex(this.rows, this.names);
  readonly children = new ChildLists(this.rows, this.pool, this.names);
  readonly acls = new AclTable();
  readonly ephemerals = new Ephemerals();
  readonly housekeeping = new Housekeeping(this.rows);
  readonly digest = new DigestSum(this.rows);
  nodeCount = 0;
  byteCount = 0;
  appliedZxid = 0;

  /** The node at `path`, or 0. */
  find(path: string): NodeId {
    return path.length === 1 ? rootNode : this.index.find(hashPath(path), path, path.length);
  }

  /** Adds a node with a fresh stat to all parts but its parent's list and the digest. */
  addNode(node: NewNode): NodeId {
    const { rows } = this;
    const id = rows.allocate();
    const name = this.names.store(node.name);
    rows.set(id, Field.PARENT, node.parent);
    rows.set(id, Field.NAME, name.handle);
    rows.set(id, Field.NAME_INFO, packNameInfo({ ...name, kind: node.kind }));
    rows.set(id, Field.PATH_HASH, node.hash);
    rows.set(id, Field.ACL, node.acl);
    rows.setWide(id, Wide.CZXID, node.zxid);
    rows.setWide(id, Wide.MZXID, node.zxid);
    rows.setWide(id, Wide.PZXID, node.zxid);
    rows.setWide(id, Wide.CTIME, node.time);
    rows.setWide(id, Wide.MTIME, node.time);
    rows.setWide(id, Wide.OWNER_OR_TTL, node.ownerOrTtl);
    this.acls.use(node.acl);
    this.putData(id, node.data);
    this.index.insert(id);
    if (node.kind === 'ephemeral') this.ephemerals.add(node.ownerOrTtl, id);
    this.nodeCount += 1;
    this.byteCount += nodeOverheadBytes + name.bytes + node.data.length;
    return id;
  }

  /** Takes a childless node out of all parts but its parent's list and the digest. */
  removeNode(id: NodeId): void {
    const { rows, pool } = this;
    assert(rows.get(id, Field.NUM_CHILDREN) === 0, 'tree: only a childless node can go');
    this.index.remove(id);
    this.acls.release(rows.get(id, Field.ACL));
    if (rows.kindNumber(id) === KindNumber.ephemeral) {
      this.ephemerals.remove(rows.wide(id, Wide.OWNER_OR_TTL), id);
    }
    const nameBytes = rows.nameBytes(id);
    const dataLength = rows.get(id, Field.DATA_LENGTH);
    pool.free(rows.get(id, Field.NAME), nameBytes);
    pool.free(rows.get(id, Field.DATA), dataLength);
    rows.free(id);
    this.nodeCount -= 1;
    this.byteCount -= nodeOverheadBytes + nameBytes + dataLength;
  }

  /** Replaces the data of a node. */
  setData(id: NodeId, data: Uint8Array): void {
    this.byteCount += data.length - this.rows.get(id, Field.DATA_LENGTH);
    this.putData(id, data);
  }

  /** Gives a node another ACL. */
  setAcl(id: NodeId, acl: AclId): void {
    this.acls.release(this.rows.get(id, Field.ACL));
    this.acls.use(acl);
    this.rows.set(id, Field.ACL, acl);
  }

  /** Counts `change` descendants at a node and all above it. */
  countDescendants(from: NodeId, change: 1 | -1): void {
    for (let at = from; at !== noNode; at = this.rows.get(at, Field.PARENT)) {
      this.rows.add(at, Field.DESCENDANTS, change);
    }
  }

  private putData(id: NodeId, data: Uint8Array): void {
    const { rows, pool } = this;
    const length = rows.get(id, Field.DATA_LENGTH);
    let handle = rows.get(id, Field.DATA);
    if (!pool.sameSlot(length, data.length)) {
      pool.free(handle, length);
      handle = pool.allocate(data.length);
      rows.set(id, Field.DATA, handle);
    }
    rows.set(id, Field.DATA_LENGTH, data.length);
    rows.set(id, Field.DATA_HASH, handle === 0 ? 0 : this.writeData(handle, data));
  }

  /** @returns the hash of the data */
  private writeData(handle: number, data: Uint8Array): number {
    const bytes = this.pool.bytes(handle);
    const byte = this.pool.byteOffset(handle);
    bytes.set(data, byte);
    const word = this.pool.wordOffset(handle);
    return hashBytes(this.pool.words(handle), bytes, { word, byte, length: data.length });
  }
}
