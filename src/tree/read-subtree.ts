/** Reads of a whole subtree: its znodes in pages, and their number. */
import { CoordinationError } from '../protocol/errors.ts';
import type { ZnodePath } from '../protocol/model.ts';
import type { CountResult, StatResult, TreeOperation, TreeResult } from '../protocol/operations.ts';
import { childPath, isWithin } from '../protocol/path.ts';
import type { ChildCursor } from './child-lists.ts';
import { canRead } from './permissions.ts';
import { checkPage, readable, STAT_BYTES, type Reader } from './reads.ts';
import { noNode } from './rows.ts';
import type { Tree } from './tree.ts';

/** Znodes looked at for each one that a page may hold, lest unreadable ones make a page endless. */
const VISITS_PER_ENTRY = 4;

interface Level {
  readonly path: ZnodePath;
  readonly children: ChildCursor;
}

/**
 * The znodes in pre-order, siblings bytewise, the path itself first. A znode without READ and all below
 * it are left out; READ on the path itself is needed.
 * @throws CoordinationError NONODE, NOAUTH, BADARGUMENTS for depth, limit or after
 */
export function readTree(tree: Tree, operation: TreeOperation, reader: Reader): TreeResult {
  const { path, after } = operation;
  checkPage(operation.limit, reader.limits);
  const depth = depthOf(operation);
  const limit = operation.limit ?? reader.limits.subtreePageDefault;
  const top = readable(tree, path, reader);
  const nodes: StatResult[] = [];
  let levels: Level[] = [];
  if (after === undefined) {
    nodes.push({ path, stat: tree.stat(top) });
    if (depth > 0) levels.push({ path, children: tree.children(top) });
  } else levels = resume(tree, { path, after, depth }, reader);
  const visitsMax = limit * VISITS_PER_ENTRY;
  const { answerBytesMax } = reader.limits;
  let bytes = 0;
  let last: ZnodePath = after ?? path;
  for (let visits = 0; ; visits++) {
    const visit = step(tree, levels);
    if (visit === undefined) return { path, nodes, truncated: false };
    if (nodes.length >= limit || visits >= visitsMax || bytes >= answerBytesMax) {
      return { path, nodes, next: last, truncated: true };
    }
    last = visit.path;
    if (!canRead(tree, tree.aclOf(visit.id), reader)) continue;
    nodes.push({ path: visit.path, stat: tree.stat(visit.id) });
    bytes += visit.path.length + STAT_BYTES;
    if (levels.length < depth && tree.numChildren(visit.id) > 0) {
      levels.push({ path: visit.path, children: tree.children(visit.id) });
    }
  }
}

/** READ on the path is needed, as ZooKeeper has it, and on nothing below. */
export function readCount(tree: Tree, operation: TreeOperation, reader: Reader): CountResult {
  const { path } = operation;
  return { path, descendants: tree.descendants(readable(tree, path, reader)) };
}

/** The next znode in pre-order; levels that are exhausted go. */
function step(
  tree: Tree,
  levels: Level[],
): { readonly path: ZnodePath; readonly id: number } | undefined {
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const id = level.children.next();
    if (id !== noNode) return { path: childPath(level.path, tree.name(id)), id };
    levels.pop();
  }
  return undefined;
}

/** Where the walk stands right behind `after`, which need not exist any more. */
function resume(
  tree: Tree,
  at: { readonly path: ZnodePath; readonly after: ZnodePath; readonly depth: number },
  reader: Reader,
): Level[] {
  const { path, after, depth } = at;
  if (!isWithin(after, path)) {
    throw new CoordinationError('BADARGUMENTS', `after: must be ${path} or below it`);
  }
  const levels: Level[] = [];
  const names = after === path ? [] : after.slice(path === '/' ? 1 : path.length + 1).split('/');
  let parent = path;
  for (let index = 0; index <= names.length && levels.length < depth; index++) {
    const id = tree.find(parent);
    if (id === -1 || !canRead(tree, tree.aclOf(id), reader)) break;
    const name = names[index];
    levels.push({ path: parent, children: tree.children(id, name) });
    if (name === undefined) break;
    parent = childPath(parent, name);
  }
  return levels;
}

function depthOf({ depth }: TreeOperation): number {
  if (depth === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(depth) && depth >= 0) return depth;
  throw new CoordinationError('BADARGUMENTS', 'depth: must be a whole number, 0 or more');
}
