/** Everything that takes znodes away: delete, recursive delete, the end of a session, housekeeping. */
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import { Perms, type ZnodePath } from '../protocol/model.ts';
import type { DeleteOperation, ReapOperation } from '../protocol/operations.ts';
import { childPath, nameOf, parentPath, reservedPaths } from '../protocol/path.ts';
import { nodeBytes, type Draft } from './draft.ts';
import { checkVersion, existing } from './judge.ts';
import type { Outstanding, Znode } from './outstanding.ts';
import { noNode } from './rows.ts';

/** Order of checks: reserved path, parent, DELETE on the parent, existence, version, children. */
export function judgeDelete(draft: Draft, operation: DeleteOperation): void {
  const { path } = operation;
  if (reservedPaths.has(path)) {
    throw new CoordinationError('BADARGUMENTS', `${path} cannot be deleted`, { path });
  }
  const parent = draft.find(parentPath(path));
  if (parent === undefined) {
    throw new CoordinationError('NONODE', `${path} does not exist`, { path });
  }
  draft.authorize(parent, Perms.DELETE);
  const node = existing(draft, path);
  checkVersion(draft, node, { condition: operation.condition, counter: 'version' });
  if (operation.recursive === true) deleteBelow(draft, node);
  else if (node.numChildren > 0) {
    throw new CoordinationError('NOTEMPTY', `${path} has children`, { path });
  }
  removeNode(draft, parent, node);
}

/** Only the very znode that housekeeping judged, and only if it is still one that may go. */
export function judgeReap(draft: Draft, operation: ReapOperation): void {
  const node = existing(draft, operation.path);
  const { path, kind } = node;
  const same = node.czxid === operation.czxid && node.mzxid === operation.mzxid;
  if (!same || (kind !== 'container' && kind !== 'ttl')) {
    throw new CoordinationError('BADVERSION', `${path} is not the znode that was judged`, { path });
  }
  if (node.numChildren > 0) {
    throw new CoordinationError('NOTEMPTY', `${path} has children`, { path });
  }
  removeNode(draft, existing(draft, parentPath(path)), node);
}

/** Deletes what the draft's session owns, whatever the ACLs say: the explicit list, sorted. */
export function deleteEphemerals(draft: Draft, outstanding: Outstanding, session: number): void {
  const paths = [...outstanding.ephemeralCandidates(session)].sort();
  for (const path of paths) {
    const node = draft.find(path);
    if (node?.ephemeralOwner !== session) continue;
    removeNode(draft, existing(draft, parentPath(path)), node);
  }
}

/** Deletes all descendants, children before their parents, with DELETE needed on every parent. */
function deleteBelow(draft: Draft, top: Znode): void {
  const paths = descendants(draft, top);
  // A parent's path is a prefix of its children's, so it stands before them in this order.
  paths.sort().reverse();
  for (const path of paths) {
    const node = existing(draft, path);
    const parent = existing(draft, parentPath(path));
    draft.authorize(parent, Perms.DELETE);
    removeNode(draft, parent, node);
  }
}

/** Paths below `top` when everything outstanding is applied; TOOLARGE when they are too many. */
function descendants(draft: Draft, top: Znode): ZnodePath[] {
  const { transactionPathsMax } = draft.limits;
  const prefix = `${top.path}/`;
  const touched = draft.statesBelow((path) => path.startsWith(prefix));
  const paths: ZnodePath[] = [];
  for (const path of touched) if (draft.find(path) !== undefined) paths.push(path);
  const { tree } = draft;
  const pending = [{ id: tree.find(top.path), path: top.path }];
  // Bounded also by what is being deleted already, which the tree still holds.
  const visitedMax = transactionPathsMax + touched.size;
  let visited = 0;
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    if (parent.id === -1) continue;
    const children = tree.children(parent.id);
    for (let id = children.next(); id !== noNode; id = children.next()) {
      visited += 1;
      if (visited > visitedMax) throw tooMany(top.path, draft.limits);
      const path = childPath(parent.path, tree.name(id));
      if (!touched.has(path)) paths.push(path);
      if (tree.numChildren(id) > 0) pending.push({ id, path });
    }
  }
  if (paths.length >= transactionPathsMax) throw tooMany(top.path, draft.limits);
  return paths;
}

function tooMany(path: ZnodePath, limits: Pick<Limits, 'transactionPathsMax'>): CoordinationError {
  const instead = 'delete the subtrees below it one by one first';
  return new CoordinationError(
    'TOOLARGE',
    `the znodes of ${path} and below it exceed ${limitText(limits, 'transactionPathsMax', instead)}`,
    { path },
  );
}

function removeNode(draft: Draft, parent: Znode, node: Znode): void {
  const { path, acl } = node;
  draft.grow(-1, -nodeBytes(nameOf(path), node.dataLength));
  draft.countAcl(acl, -1);
  node.exists = false;
  node.ephemeralOwner = 0;
  node.changed = true;
  parent.numChildren -= 1;
  parent.pzxid = draft.zxid;
  parent.changed = true;
  draft.emit({ type: 'delete', path, acl, parentAcl: parent.acl }, 0);
}
