/**
 * Builds a tree out of the chunks of a snapshot, in bulk: rows as they come, then parents, sorted
 * children, hashes and the digest in one go. Whatever does not fit together is an Error that says what.
 */
import { pathProblem } from '../protocol/path.ts';
import { rootNode } from './names.ts';
import { Field, KindNumber, noNode, packNameInfo, Wide, type NodeId } from './rows.ts';
import {
  aclIdMax,
  ChunkKind,
  readAcl,
  readHeader,
  readNode,
  type NodeRecord,
  type SnapshotHeader,
} from './snapshot-format.ts';
import { NameSorter } from './sort-by-name.ts';
import { nodeOverheadBytes, Store } from './store.ts';
import { decodeText } from './text.ts';
import { ByteReader } from './wire.ts';
import { aclKey } from './digest.ts';

const MAP_PAGE_BITS = 14;
const MAP_PAGE_MASK = (1 << MAP_PAGE_BITS) - 1;

export class Loader {
  private readonly store = new Store();
  private header: SnapshotHeader | undefined;
  /** From an id in the snapshot to the id here, by pages. */
  private readonly ids: (Int32Array | undefined)[] = [];
  private aclsLoaded = 0;
  private lastAcl = -1;
  private loaded = 0;
  private rootLoaded = false;

  constructor() {
    // The root has a fixed row, but may come at any place of the snapshot.
    this.store.rows.allocate();
  }

  /** @throws Error when the chunk is malformed */
  add(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes, 'tree snapshot');
    const kind = reader.byte();
    if (kind === ChunkKind.header) this.addHeader(reader);
    else if (this.header === undefined) throw reader.malformed('the header is not the first chunk');
    else if (kind === ChunkKind.acls) this.addAcls(reader, this.header);
    else if (kind === ChunkKind.nodes) this.addNodes(reader, this.header);
    else throw reader.malformed(`unknown chunk kind ${String(kind)}`);
  }

  /** @throws Error when the whole is incomplete or contradicts itself */
  finish(zxid: number): Store {
    const { header, store } = this;
    if (header === undefined) throw broken('it has no header');
    // The positions since its last transaction may be records that hold none.
    if (header.zxid > zxid) {
      throw broken(`it is of zxid ${String(header.zxid)}, later than ${String(zxid)}`);
    }
    if (!this.rootLoaded || this.loaded !== header.nodes || this.aclsLoaded !== header.acls) {
      throw broken('it is incomplete');
    }
    if (store.acls.forgetUnused().length > 0) throw broken('no znode has one of its ACLs');
    this.resolveParents();
    this.linkAll(header.nodes);
    this.account();
    store.appliedZxid = zxid;
    const digest = store.digest.value();
    if (digest.high !== header.digest.high || digest.low !== header.digest.low) {
      throw broken('its content does not have its digest');
    }
    return store;
  }

  private addHeader(reader: ByteReader): void {
    if (this.header !== undefined) throw reader.malformed('a second header');
    this.header = readHeader(reader);
    if (!reader.atEnd) throw reader.malformed('bytes behind the header');
  }

  private addAcls(reader: ByteReader, header: SnapshotHeader): void {
    const { acls, digest } = this.store;
    while (!reader.atEnd) {
      const id = reader.numberUpTo(aclIdMax);
      const acl = readAcl(reader);
      if (id <= this.lastAcl) throw reader.malformed('an ACL is out of order');
      if (this.aclsLoaded === header.acls) throw reader.malformed('more ACLs than announced');
      this.lastAcl = id;
      this.aclsLoaded += 1;
      const known = acls.find(aclKey(acl));
      // The first ones are in every table from the start.
      if (known === undefined && !acls.has(id)) acls.define(id, acl);
      else if (known !== id) throw reader.malformed('an ACL is not the one of its id');
      digest.addAcl(id, aclKey(acl));
    }
  }

  private addNodes(reader: ByteReader, header: SnapshotHeader): void {
    while (!reader.atEnd) {
      const record = readNode(reader);
      if (record.id === 0 || record.id >= header.idLimit || record.parent >= header.idLimit) {
        throw reader.malformed('a node id is out of range');
      }
      if (!this.store.acls.has(record.acl)) throw reader.malformed('a znode has an unknown ACL');
      if (this.loaded === header.nodes) throw reader.malformed('more znodes than announced');
      const problem = nameProblem(record);
      if (problem !== undefined) throw reader.malformed(problem);
      this.addNode(reader, record);
    }
  }

  private addNode(reader: ByteReader, record: NodeRecord): void {
    const isRoot = record.parent === 0;
    if (isRoot && this.rootLoaded) throw reader.malformed('a second root');
    const { rows, pool } = this.store;
    const id = isRoot ? rootNode : rows.allocate();
    if (!this.map(record.id, id)) throw reader.malformed('a node id is there twice');
    if (isRoot) this.rootLoaded = true;
    const { name, kind, data } = record;
    rows.set(id, Field.PARENT, record.parent);
    rows.set(id, Field.NAME, pool.store(name));
    rows.set(
      id,
      Field.NAME_INFO,
      packNameInfo({ bytes: name.length, kind, ascii: isAsciiBytes(name) }),
    );
    rows.set(id, Field.ACL, record.acl);
    this.store.acls.use(record.acl);
    rows.set(id, Field.VERSION, record.version);
    rows.set(id, Field.AVERSION, record.aversion);
    rows.setWide(id, Wide.CVERSION, record.cversion);
    rows.setWide(id, Wide.CZXID, record.czxid);
    rows.setWide(id, Wide.MZXID, record.mzxid);
    rows.setWide(id, Wide.PZXID, record.pzxid);
    rows.setWide(id, Wide.CTIME, record.ctime);
    rows.setWide(id, Wide.MTIME, record.mtime);
    rows.setWide(id, Wide.OWNER_OR_TTL, record.ownerOrTtl);
    this.store.setData(id, data);
    this.store.byteCount += nodeOverheadBytes + name.length;
    this.loaded += 1;
  }

  /** Turns the parents' ids of the snapshot into ids of this store and counts children. */
  private resolveParents(): void {
    const { rows } = this.store;
    for (let id = rootNode + 1; id < rows.limit; id++) {
      const parent = this.mapped(rows.get(id, Field.PARENT));
      if (parent === noNode) throw broken('a znode has no parent');
      if (rows.kindNumber(parent) === KindNumber.ephemeral) {
        throw broken('an ephemeral znode has children');
      }
      rows.set(id, Field.PARENT, parent);
      rows.add(parent, Field.NUM_CHILDREN, 1);
    }
  }

  /** Sorts and links the children of each node, from the root downwards. */
  private linkAll(nodes: number): void {
    const { store } = this;
    const { rows } = store;
    const sorter = new NameSorter(store);
    const { sorted, starts } = this.groupByParent();
    store.index.reserve(nodes);
    rows.set(rootNode, Field.PATH_HASH, store.names.hashRoot());
    store.index.insert(rootNode);
    // Parents come before their children in it, and whoever hangs in a cycle is never in it.
    const order = new Int32Array(nodes);
    order[0] = rootNode;
    let known = 1;
    for (let at = 0; at < known; at++) {
      const parent = order[at] ?? noNode;
      const start = starts[parent] ?? 0;
      const end = start + rows.get(parent, Field.NUM_CHILDREN);
      if (end === start) continue;
      if (sorter.sort(sorted, start, end) !== noNode) throw broken('two znodes have one path');
      const hash = rows.get(parent, Field.PATH_HASH);
      for (let index = start; index < end; index++) {
        const child = sorted[index] ?? noNode;
        rows.set(child, Field.PATH_HASH, store.names.hashBelow(hash, child));
        store.index.insert(child);
        order[known] = child;
        known += 1;
      }
      store.children.build(parent, sorted, { start, end });
    }
    if (known !== nodes) throw broken('some znodes do not hang below the root');
    for (let at = nodes - 1; at > 0; at--) {
      const id = order[at] ?? noNode;
      const below = rows.get(id, Field.DESCENDANTS) + 1;
      rows.add(rows.get(id, Field.PARENT), Field.DESCENDANTS, below);
    }
    store.nodeCount = nodes;
  }

  /** All nodes but the root, those of one parent together, and where each parent's begin. */
  private groupByParent(): { readonly sorted: Int32Array; readonly starts: Int32Array } {
    const { rows } = this.store;
    const starts = new Int32Array(rows.limit);
    let at = 0;
    for (let id = rootNode; id < rows.limit; id++) {
      starts[id] = at;
      at += rows.get(id, Field.NUM_CHILDREN);
    }
    const sorted = new Int32Array(at);
    const next = starts.slice();
    for (let id = rootNode + 1; id < rows.limit; id++) {
      const parent = rows.get(id, Field.PARENT);
      const position = next[parent] ?? 0;
      sorted[position] = id;
      next[parent] = position + 1;
    }
    return { sorted, starts };
  }

  private account(): void {
    const { rows, digest, housekeeping, ephemerals } = this.store;
    for (let id: NodeId = rootNode; id < rows.limit; id++) {
      if (rows.kindNumber(id) === KindNumber.ephemeral) {
        ephemerals.add(rows.wide(id, Wide.OWNER_OR_TTL), id);
      }
      housekeeping.enter(id);
      digest.add(id);
    }
  }

  /** @returns false when the id is known already */
  private map(from: number, to: NodeId): boolean {
    const page = (this.ids[from >>> MAP_PAGE_BITS] ??= new Int32Array(1 << MAP_PAGE_BITS));
    if (page[from & MAP_PAGE_MASK] !== 0) return false;
    page[from & MAP_PAGE_MASK] = to;
    return true;
  }

  private mapped(id: number): NodeId {
    return this.ids[id >>> MAP_PAGE_BITS]?.[id & MAP_PAGE_MASK] ?? noNode;
  }
}

function broken(problem: string): Error {
  return new Error(`tree snapshot: ${problem}`);
}

function isAsciiBytes(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte > 0x7f) return false;
  }
  return true;
}

/** What is wrong with a record's name, or undefined. */
function nameProblem({ name, parent }: NodeRecord): string | undefined {
  if (parent === 0) return name.length === 0 ? undefined : 'the root has a name';
  if (name.length === 0) return 'a znode without a name';
  if (isPlain(name)) return undefined;
  if (name.length > 0xffff) return 'a name is too long';
  try {
    const text = decodeText(name, 0, name.length);
    return text.includes('/') ? 'a name contains "/"' : pathProblem(`/${text}`);
  } catch {
    return 'a name is no UTF-8';
  }
}

/** True for names that need no closer look: letters, digits, "-" and "_" at most. */
function isPlain(name: Uint8Array): boolean {
  if (name.length > 4096) return false;
  for (const byte of name) {
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const digit = byte >= 0x30 && byte <= 0x39;
    if (!letter && !digit && byte !== 0x2d && byte !== 0x5f) return false;
  }
  return true;
}
