/**
 * The chunks of a tree's snapshot. Each starts with a byte that tells what it holds:
 *
 *   1  header: format, zxid, znodes, limit of node ids, ACLs, digest
 *   2  ACLs in the order of their ids, each of a znode or always there: id, entries
 *   3  znodes, in any order: id, the parent's id (0 for the root), name, stat, data
 *
 * The header comes first. Ids are those of the writing process and only tie children to parents.
 */
import type { Acl, AclEntry, NodeKind } from '../protocol/model.ts';
import type { TreeDigest } from './digest.ts';
import { KindNumber, Field, Wide, kindOfNumber, type NodeId } from './rows.ts';
import type { Store } from './store.ts';
import type { ByteReader, ByteWriter } from './wire.ts';

export const ChunkKind = { header: 1, acls: 2, nodes: 3 } as const;

// 1 had ACLs of no znode, and none was ever forgotten.
const FORMAT = 2;
const INT32_MAX = 0x7fff_ffff;
/** The greatest number of an ACL: it has 32 bits of a row, with their sign. */
export const aclIdMax = INT32_MAX;

export interface SnapshotHeader {
  readonly zxid: number;
  readonly nodes: number;
  /** All ids are below it. */
  readonly idLimit: number;
  readonly acls: number;
  readonly digest: TreeDigest;
}

export interface NodeRecord {
  readonly id: number;
  readonly parent: number;
  readonly kind: NodeKind;
  /** UTF-8; shares the memory of the chunk, as `data` does. */
  readonly name: Uint8Array;
  readonly acl: number;
  readonly version: number;
  readonly aversion: number;
  readonly cversion: number;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly ownerOrTtl: number;
  readonly data: Uint8Array;
}

export function writeHeader(writer: ByteWriter, header: SnapshotHeader): void {
  writer.byte(ChunkKind.header);
  writer.byte(FORMAT);
  writer.number(header.zxid);
  writer.number(header.nodes);
  writer.number(header.idLimit);
  writer.number(header.acls);
  writer.number(header.digest.high);
  writer.number(header.digest.low);
}

/** The header behind its kind byte. @throws Error */
export function readHeader(reader: ByteReader): SnapshotHeader {
  const format = reader.byte();
  if (format !== FORMAT) throw reader.malformed(`unknown format ${String(format)}`);
  const header = {
    zxid: reader.number(),
    nodes: reader.numberUpTo(INT32_MAX),
    idLimit: reader.numberUpTo(INT32_MAX),
    acls: reader.numberUpTo(INT32_MAX),
    digest: { high: reader.numberUpTo(0xffff_ffff), low: reader.numberUpTo(0xffff_ffff) },
  };
  if (header.nodes === 0 || header.nodes >= header.idLimit) {
    throw reader.malformed('the number of znodes and the limit of ids contradict each other');
  }
  return header;
}

export function writeAcl(writer: ByteWriter, acl: Acl): void {
  writer.number(acl.length);
  for (const { scheme, id, perms } of acl) {
    writer.text(scheme);
    writer.text(id);
    writer.byte(perms);
  }
}

/** @throws Error */
export function readAcl(reader: ByteReader): Acl {
  const acl: AclEntry[] = [];
  for (let left = reader.number(); left > 0; left--) {
    acl.push({ scheme: reader.text(), id: reader.text(), perms: reader.byte() });
  }
  return acl;
}

export function writeNode(writer: ByteWriter, store: Store, id: NodeId): void {
  const { rows, pool } = store;
  const name = rows.get(id, Field.NAME);
  const data = rows.get(id, Field.DATA);
  writer.number(id);
  writer.number(rows.get(id, Field.PARENT));
  writer.byte(rows.kindNumber(id));
  if (name === 0) writer.number(0);
  else writer.slice(pool.bytes(name), pool.byteOffset(name), rows.nameBytes(id));
  writer.number(rows.get(id, Field.ACL));
  writer.signed(rows.get(id, Field.VERSION));
  writer.signed(rows.get(id, Field.AVERSION));
  writer.number(rows.wide(id, Wide.CVERSION));
  writer.number(rows.wide(id, Wide.CZXID));
  writer.number(rows.wide(id, Wide.MZXID));
  writer.number(rows.wide(id, Wide.PZXID));
  writer.number(rows.wide(id, Wide.CTIME));
  writer.number(rows.wide(id, Wide.MTIME));
  writer.number(rows.wide(id, Wide.OWNER_OR_TTL));
  if (data === 0) writer.number(0);
  else writer.slice(pool.bytes(data), pool.byteOffset(data), rows.get(id, Field.DATA_LENGTH));
}

/** @throws Error */
export function readNode(reader: ByteReader): NodeRecord {
  return {
    id: reader.numberUpTo(INT32_MAX),
    parent: reader.numberUpTo(INT32_MAX),
    kind: readKind(reader),
    name: reader.bytes(),
    acl: reader.numberUpTo(INT32_MAX),
    version: reader.signed(),
    aversion: reader.signed(),
    cversion: reader.number(),
    czxid: reader.number(),
    mzxid: reader.number(),
    pzxid: reader.number(),
    ctime: reader.number(),
    mtime: reader.number(),
    ownerOrTtl: reader.number(),
    data: reader.bytes(),
  };
}

/** A kind as its number. @throws Error */
export function readKind(reader: ByteReader): NodeKind {
  const number = reader.byte();
  const kind = kindOfNumber(number);
  if (kind === undefined) throw reader.malformed(`unknown kind ${String(number)}`);
  return kind;
}

export function writeKind(writer: ByteWriter, kind: NodeKind): void {
  writer.byte(KindNumber[kind]);
}
