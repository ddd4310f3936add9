/**
 * Reads of the tree at the zxid at which it is. A missing znode is told before a missing permission;
 * nothing is changed and no watch is set here.
 */
import { unreachable } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import { Perms, type Acl, type ZnodePath } from '../protocol/model.ts';
import type {
  AclOperation,
  AclResult,
  ChildEntry,
  ChildrenOperation,
  ChildrenResult,
  DataResult,
  ExistsOperation,
  GetOperation,
  MultiReadMember,
  MultiReadMemberResult,
  MultiReadOperation,
  MultiReadResult,
  StatResult,
} from '../protocol/operations.ts';
import { letters } from './draft.ts';
import { canRead, permits, type Who } from './permissions.ts';
import { noNode, type NodeId } from './rows.ts';
import type { Tree } from './tree.ts';

export interface Reader extends Who {
  readonly limits: Limits;
}

/** What a child or znode of an answer is taken to cost beside names and data, bytes of JSON. */
export const STAT_BYTES = 256;

/** @throws CoordinationError NONODE, NOAUTH */
export function readGet(tree: Tree, operation: GetOperation, reader: Reader): DataResult {
  const { path } = operation;
  const id = readable(tree, path, reader);
  return { path, data: tree.data(id), stat: tree.stat(id) };
}

/** @throws CoordinationError NONODE, NOAUTH */
export function readExists(tree: Tree, operation: ExistsOperation, reader: Reader): StatResult {
  const { path } = operation;
  return { path, stat: tree.stat(readable(tree, path, reader)) };
}

/**
 * READ or ADMIN is needed; without ADMIN the hashes of digest ids are masked (`user:x`).
 * @throws CoordinationError NONODE, NOAUTH
 */
export function readAcl(tree: Tree, operation: AclOperation, reader: Reader): AclResult {
  const { path } = operation;
  const id = existing(tree, path);
  const acl = tree.acl(tree.aclOf(id));
  if (!permits(acl, Perms.READ | Perms.ADMIN, reader)) throw noAuth(path, Perms.READ | Perms.ADMIN);
  const shown = permits(acl, Perms.ADMIN, reader) ? acl : mask(acl);
  return { path, acl: shown, stat: tree.stat(id) };
}

/**
 * Names sorted bytewise. A child without READ has its name only.
 * @throws CoordinationError NONODE, NOAUTH, BADARGUMENTS for the limit, TOOLARGE for what needs pages
 */
export function readChildren(
  tree: Tree,
  operation: ChildrenOperation,
  reader: Reader,
): ChildrenResult {
  const { path, after } = operation;
  checkPage(operation.limit, reader.limits);
  const id = readable(tree, path, reader);
  const available = after === undefined ? tree.numChildren(id) : tree.childrenAfter(id, after);
  const { childrenUnpagedMax, answerBytesMax } = reader.limits;
  if (operation.limit === undefined && available > childrenUnpagedMax) {
    throw tooLarge(
      `the ${String(available)} children of ${path} exceed ${limitText(reader.limits, 'childrenUnpagedMax')}`,
      path,
    );
  }
  const wanted = Math.min(available, operation.limit ?? available);
  const children: ChildEntry[] = [];
  const cursor = tree.children(id, after);
  let bytes = 0;
  while (children.length < wanted) {
    const child = cursor.next();
    const entry = childEntry(tree, { id: child, with: operation.with }, reader);
    bytes += entry.name.length + (entry.data?.length ?? 0) + (entry.stat ? STAT_BYTES : 0);
    if (bytes > answerBytesMax) {
      if (operation.limit !== undefined && children.length > 0) break;
      throw tooLarge(
        `the bytes of the answer exceed ${limitText(reader.limits, 'answerBytesMax')}`,
        path,
      );
    }
    children.push(entry);
  }
  const last = children.at(-1);
  const stat = tree.stat(id);
  return last !== undefined && children.length < available
    ? { path, children, stat, next: last.name }
    : { path, children, stat };
}

/** Every member answers for itself. @throws CoordinationError TOOLARGE when there are too many, or too much */
export function readMulti(
  tree: Tree,
  operation: MultiReadOperation,
  reader: Reader,
): MultiReadResult {
  const { multiOperationsMax, answerBytesMax } = reader.limits;
  if (operation.operations.length > multiOperationsMax) {
    throw new CoordinationError(
      'TOOLARGE',
      `operations: ${String(operation.operations.length)} operations exceed ${limitText(reader.limits, 'multiOperationsMax')}`,
    );
  }
  const results: MultiReadMemberResult[] = [];
  let bytes = 0;
  for (const member of operation.operations) {
    const result = readMember(tree, member, reader);
    results.push(result);
    bytes += sizeOf(result);
    if (bytes > answerBytesMax) {
      throw new CoordinationError(
        'TOOLARGE',
        `the bytes of the answer exceed ${limitText(reader.limits, 'answerBytesMax', 'divide it into several requests')}`,
      );
    }
  }
  return { results };
}

/** The node's id, for a caller who may READ it. @throws CoordinationError NONODE, NOAUTH */
export function readable(tree: Tree, path: ZnodePath, reader: Who): NodeId {
  const id = existing(tree, path);
  if (!canRead(tree, tree.aclOf(id), reader)) throw noAuth(path, Perms.READ);
  return id;
}

/** @throws CoordinationError BADARGUMENTS */
export function checkPage(limit: number | undefined, limits: Limits): void {
  if (limit === undefined) return;
  if (Number.isInteger(limit) && limit >= 1 && limit <= limits.pageEntriesMax) return;
  throw new CoordinationError(
    'BADARGUMENTS',
    `limit: ${String(limit)} is not a whole number from 1 to ${limitText(limits, 'pageEntriesMax')}`,
  );
}

function existing(tree: Tree, path: ZnodePath): NodeId {
  const id = tree.find(path);
  if (id === -1) throw new CoordinationError('NONODE', `${path} does not exist`, { path });
  return id;
}

function noAuth(path: ZnodePath, perms: number): CoordinationError {
  return new CoordinationError('NOAUTH', `the ACL of ${path} does not give ${letters(perms)}`, {
    path,
  });
}

function tooLarge(detail: string, path: ZnodePath): CoordinationError {
  return new CoordinationError('TOOLARGE', detail, { path });
}

function childEntry(
  tree: Tree,
  child: { readonly id: NodeId; readonly with: ChildrenOperation['with'] },
  reader: Who,
): ChildEntry {
  const { id } = child;
  const name = id === noNode ? '' : tree.name(id);
  if (child.with === undefined || !canRead(tree, tree.aclOf(id), reader)) return { name };
  const stat = tree.stat(id);
  return child.with === 'stat' ? { name, stat } : { name, stat, data: tree.data(id) };
}

function mask(acl: Acl): Acl {
  return acl.map((entry) => {
    if (entry.scheme !== 'digest') return entry;
    const colon = entry.id.indexOf(':');
    return { ...entry, id: `${colon === -1 ? entry.id : entry.id.slice(0, colon)}:x` };
  });
}

function readMember(tree: Tree, member: MultiReadMember, reader: Reader): MultiReadMemberResult {
  try {
    switch (member.type) {
      case 'get':
        return { op: 'get', code: 'OK', result: readGet(tree, member, reader) };
      case 'exists':
        return { op: 'exists', code: 'OK', result: readExists(tree, member, reader) };
      case 'children':
        return { op: 'children', code: 'OK', result: readChildren(tree, member, reader) };
      case 'acl':
        return { op: 'acl', code: 'OK', result: readAcl(tree, member, reader) };
      default:
        return unreachable(member);
    }
  } catch (error) {
    if (!(error instanceof CoordinationError)) throw error;
    return { op: member.type, code: error.code, path: member.path };
  }
}

/** What a member adds to the answer, bytes. */
function sizeOf(member: MultiReadMemberResult): number {
  if (member.code !== 'OK' || !('result' in member)) return STAT_BYTES;
  const { result } = member;
  if ('data' in result) return STAT_BYTES + result.data.length;
  if (!('children' in result)) return STAT_BYTES;
  let bytes = STAT_BYTES;
  for (const { name, stat, data } of result.children) {
    bytes += name.length + (stat ? STAT_BYTES : 0) + (data?.length ?? 0);
  }
  return bytes;
}
