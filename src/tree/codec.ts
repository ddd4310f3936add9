/**
 * The bytes of a transaction in its log record: a format byte, then the fields in order. Integers take 7
 * bits a byte, texts are UTF-8 with their length before them.
 */
import { unreachable } from '../protocol/assert.ts';
import type { ZnodePath } from '../protocol/model.ts';
import { aclIdMax, readAcl, readKind, writeAcl, writeKind } from './snapshot-format.ts';
import type {
  Change,
  CreateChange,
  IdempotencyRecord,
  SetChange,
  Transaction,
} from './transaction.ts';
import { ByteReader, ByteWriter } from './wire.ts';

// 1 had no attachments of sessions in the log, 2 forgot no ACL and knew no owners of idempotency keys.
const FORMAT = 3;

const Tag = {
  defineAcl: 1,
  create: 2,
  set: 3,
  delete: 4,
  setAcl: 5,
  createSession: 6,
  closeSession: 7,
  attachSession: 8,
} as const satisfies Record<Change['type'], number>;

// One for the process: encoding is synchronous and never nested.
const shared = new ByteWriter();

export function encodeTransaction(transaction: Transaction): Uint8Array {
  const writer = shared;
  writer.clear();
  writer.byte(FORMAT);
  writer.number(transaction.time);
  writer.number(transaction.session);
  writer.number(transaction.changes.length);
  for (const change of transaction.changes) writeChange(writer, change);
  const { idempotency } = transaction;
  writer.byte(idempotency === undefined ? 0 : 1);
  if (idempotency !== undefined) {
    writer.text(idempotency.key);
    writer.text(idempotency.owner);
    writer.text(idempotency.fingerprint);
    writer.bytes(idempotency.result);
  }
  return writer.take();
}

/** Why the bytes of a transaction are of another version, without reading on; undefined where they are not. */
export function formatProblem(bytes: Uint8Array): string | undefined {
  const [format] = bytes;
  return format === FORMAT ? undefined : `format ${String(format)} is not known to this version`;
}

/**
 * The data of the changes share the memory of `bytes`.
 * @throws Error when the bytes are no transaction of a known format
 */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const reader = new ByteReader(bytes, 'transaction');
  reader.byte();
  const problem = formatProblem(bytes);
  if (problem !== undefined) throw reader.malformed(problem);
  const time = reader.number();
  const session = reader.number();
  const changes: Change[] = [];
  for (let left = reader.number(); left > 0; left--) changes.push(readChange(reader));
  const idempotency = readIdempotency(reader);
  if (!reader.atEnd) throw reader.malformed('bytes behind the end');
  return idempotency === undefined
    ? { time, session, changes }
    : { time, session, changes, idempotency };
}

function writeChange(writer: ByteWriter, change: Change): void {
  writer.byte(Tag[change.type]);
  switch (change.type) {
    case 'defineAcl':
      writer.number(change.id);
      writeAcl(writer, change.acl);
      return;
    case 'create':
      writeCreate(writer, change);
      return;
    case 'set':
      writeSet(writer, change);
      return;
    case 'delete':
      writer.text(change.path);
      writer.number(change.acl);
      writer.number(change.parentAcl);
      return;
    case 'setAcl':
      writer.text(change.path);
      writer.number(change.acl);
      writer.signed(change.aversion);
      return;
    case 'createSession':
      writer.number(change.timeoutMs);
      writer.bytes(change.secretHash);
      return;
    case 'attachSession':
      writer.number(change.session);
      writer.number(change.timeoutMs);
      return;
    case 'closeSession':
      writer.number(change.session);
      return;
    default:
      unreachable(change);
  }
}

function writeCreate(writer: ByteWriter, change: CreateChange): void {
  writer.text(change.path);
  writer.bytes(change.data);
  writeKind(writer, change.kind);
  writer.number(change.ephemeralOwner);
  writer.number(change.ttlMs);
  writer.number(change.acl);
  writer.number(change.parentAcl);
  writer.number(change.parentCversion);
}

function writeSet(writer: ByteWriter, change: SetChange): void {
  writer.text(change.path);
  writer.bytes(change.data);
  writer.signed(change.version);
  writer.number(change.acl);
  writer.number(change.czxid);
  writer.number(change.ctime);
  writer.number(change.pzxid);
  // Below 0 as long as a node has only children that no transaction created, as the root has.
  writer.byte(change.cversion < 0 ? 1 : 0);
  writer.number(Math.abs(change.cversion));
  writer.signed(change.aversion);
  writer.number(change.numChildren);
  writeKind(writer, change.kind);
  writer.number(change.ephemeralOwner);
  writer.number(change.ttlMs);
}

function readChange(reader: ByteReader): Change {
  const tag = reader.byte();
  switch (tag) {
    case Tag.defineAcl:
      return { type: 'defineAcl', id: readAclId(reader), acl: readAcl(reader) };
    case Tag.create:
      return readCreate(reader);
    case Tag.set:
      return readSet(reader);
    case Tag.delete:
      return {
        type: 'delete',
        path: readPath(reader),
        acl: readAclId(reader),
        parentAcl: readAclId(reader),
      };
    case Tag.setAcl:
      return {
        type: 'setAcl',
        path: readPath(reader),
        acl: readAclId(reader),
        aversion: reader.signed(),
      };
    case Tag.createSession:
      return { type: 'createSession', timeoutMs: reader.number(), secretHash: reader.bytes() };
    case Tag.attachSession:
      return { type: 'attachSession', session: reader.number(), timeoutMs: reader.number() };
    case Tag.closeSession:
      return { type: 'closeSession', session: reader.number() };
    default:
      throw reader.malformed(`unknown change ${String(tag)}`);
  }
}

function readCreate(reader: ByteReader): CreateChange {
  return {
    type: 'create',
    path: readPath(reader),
    data: reader.bytes(),
    kind: readKind(reader),
    ephemeralOwner: reader.number(),
    ttlMs: reader.number(),
    acl: readAclId(reader),
    parentAcl: readAclId(reader),
    parentCversion: reader.number(),
  };
}

function readSet(reader: ByteReader): SetChange {
  return {
    type: 'set',
    path: readPath(reader),
    data: reader.bytes(),
    version: reader.signed(),
    acl: readAclId(reader),
    czxid: reader.number(),
    ctime: reader.number(),
    pzxid: reader.number(),
    cversion: readSignedWide(reader),
    aversion: reader.signed(),
    numChildren: reader.number(),
    kind: readKind(reader),
    ephemeralOwner: reader.number(),
    ttlMs: reader.number(),
  };
}

function readIdempotency(reader: ByteReader): IdempotencyRecord | undefined {
  const there = reader.byte();
  if (there > 1) throw reader.malformed('neither with nor without an idempotency key');
  if (there === 0) return undefined;
  const [key, owner, fingerprint] = [reader.text(), reader.text(), reader.text()];
  return { key, owner, fingerprint, result: reader.bytes() };
}

function readAclId(reader: ByteReader): number {
  return reader.numberUpTo(aclIdMax);
}

function readSignedWide(reader: ByteReader): number {
  const sign = reader.byte();
  if (sign > 1) throw reader.malformed('neither positive nor negative');
  const value = reader.number();
  return sign === 1 ? -value : value;
}

/** Prep has validated it, and the record's checksum has guarded it since. */
function readPath(reader: ByteReader): ZnodePath {
  const path = reader.text();
  if (!path.startsWith('/')) throw reader.malformed('a path does not start with "/"');
  return path as ZnodePath;
}
