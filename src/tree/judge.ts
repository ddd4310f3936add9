/**
 * One operation of a write, judged in ZooKeeper's order of checks and added to a draft
 * (`PrepRequestProcessor.pRequest2Txn`).
 */
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import { sequenceMax } from '../protocol/limits.ts';
import type { Limits } from '../protocol/limits.ts';
import { Perms, type ZnodePath } from '../protocol/model.ts';
import type {
  CheckOperation,
  CreateOperation,
  PutOperation,
  SetAclOperation,
  SetOperation,
  StatResult,
  VersionCondition,
  WriteResult,
} from '../protocol/operations.ts';
import { nameOf, parentPath, pathProblem, rootPath } from '../protocol/path.ts';
import { openAcl } from './acl-table.ts';
import { nodeBytes, type Draft } from './draft.ts';
import { statOf, type Znode } from './outstanding.ts';
import type { AclId } from './transaction.ts';

const configPath = '/zookeeper/config';
const noData = new Uint8Array(0);

/**
 * Order of checks: session, ACL, parent, CREATE, final path, existence, ephemeral parent, room. An inherited
 * ACL needs no more than CREATE: a client that may not read the parent's ACL may not read the copy either.
 */
export function judgeCreate(draft: Draft, operation: CreateOperation): WriteResult {
  const { data, kind, ttlMs = 0 } = operation;
  if (kind === 'ephemeral' && draft.session === 0) throw sessionRequired();
  const acl = operation.acl === undefined ? undefined : draft.fixAcl(operation.acl);
  const parentAt = parentOf(operation.path);
  const parent = draft.find(parentAt);
  const ancestor = parent ?? deepestAncestor(draft, parentAt, operation.parents === true);
  draft.authorize(ancestor, Perms.CREATE);
  const sequence = operation.sequential ? nextSequence(parent) : undefined;
  const path = finalPath(draft, operation.path, sequence);
  if (parent !== undefined) refuseExisting(draft, path);
  if (ancestor.kind === 'ephemeral') {
    throw new CoordinationError(
      'NOCHILDRENFOREPHEMERALS',
      `${ancestor.path} is ephemeral and cannot have children`,
      { path },
    );
  }
  const given = acl === undefined ? openAcl : draft.intern(acl);
  const aclId = operation.inheritAcl === true ? ancestor.acl : given;
  if (kind === 'ephemeral') draft.growEphemerals();
  const under = parent ?? createMissing(draft, { ancestor, missing: parentAt, acl: aclId });
  const stat = statOf(addChild(draft, under, { path, data, kind, ttlMs, acl: aclId }));
  return sequence === undefined
    ? { path, created: true, stat }
    : { path, created: true, sequence, stat };
}

/** Creates, or replaces without a condition. */
export function judgePut(draft: Draft, operation: PutOperation): WriteResult {
  const node = draft.find(operation.path);
  if (node === undefined) {
    return judgeCreate(draft, {
      ...operation,
      type: 'create',
      kind: 'persistent',
      sequential: false,
    });
  }
  draft.authorize(node, Perms.WRITE);
  if (operation.acl !== undefined || operation.inheritAcl === true) {
    throw new CoordinationError(
      'BADARGUMENTS',
      `acl: ${node.path} exists, and replacing its data does not change its ACL`,
      { path: node.path },
    );
  }
  return { path: node.path, created: false, stat: statOf(replaceData(draft, node, operation)) };
}

/** Order of checks: existence, WRITE, room, version. */
export function judgeSet(draft: Draft, operation: SetOperation): WriteResult {
  const node = existing(draft, operation.path);
  draft.authorize(node, Perms.WRITE);
  const stat = statOf(replaceData(draft, node, operation));
  return { path: node.path, created: false, stat };
}

/** Order of checks: ACL, existence, ADMIN, aversion. */
export function judgeSetAcl(draft: Draft, operation: SetAclOperation): StatResult {
  const acl = draft.fixAcl(operation.acl);
  const node = existing(draft, operation.path);
  draft.authorize(node, Perms.ADMIN);
  refuseConfig(node);
  checkVersion(draft, node, { condition: operation.condition, counter: 'aversion' });
  const { path } = node;
  const before = node.acl;
  node.acl = draft.intern(acl);
  draft.countAcl(before, -1);
  draft.countAcl(node.acl, 1);
  node.aversion = nextVersion(node.aversion);
  node.changed = true;
  draft.emit({ type: 'setAcl', path, acl: node.acl, aversion: node.aversion }, 0);
  return { path, stat: statOf(node) };
}

/** Order of checks: existence, READ, absence asked for, version. */
export function judgeCheck(draft: Draft, operation: CheckOperation): void {
  if (operation.exists === false) {
    const node = draft.find(operation.path);
    if (node === undefined) return;
    draft.authorize(node, Perms.READ);
    throw new CoordinationError('NODEEXISTS', `${node.path} exists`, { path: node.path });
  }
  const node = existing(draft, operation.path);
  draft.authorize(node, Perms.READ);
  checkVersion(draft, node, { condition: operation.condition, counter: 'version' });
}

/** @throws CoordinationError NODEEXISTS, with the version that is there for those who may READ */
function refuseExisting(draft: Draft, path: ZnodePath): void {
  const node = draft.find(path);
  if (node === undefined) return;
  const { version, czxid } = node;
  const fields = draft.mayRead(node) ? { path, current: { version, czxid } } : { path };
  throw new CoordinationError('NODEEXISTS', `${path} exists`, fields);
}

/** @throws CoordinationError NONODE */
export function existing(draft: Draft, path: ZnodePath): Znode {
  const node = draft.find(path);
  if (node === undefined) throw new CoordinationError('NONODE', `${path} does not exist`, { path });
  return node;
}

/** @throws CoordinationError BADVERSION, with the current version for those who may READ */
export function checkVersion(
  draft: Draft,
  node: Znode,
  asked: { readonly condition: VersionCondition; readonly counter: 'version' | 'aversion' },
): void {
  const { condition, counter } = asked;
  const version = node[counter];
  if (condition === undefined || condition === 'exists') return;
  const { path, czxid } = node;
  for (const alternative of condition) {
    const sameLife = alternative.czxid === undefined || alternative.czxid === czxid;
    // −1 is ZooKeeper's "any version"; no znode that may be changed ever has it.
    if (sameLife && (alternative.version === version || alternative.version === -1)) return;
  }
  const detail = `${path} has another version`;
  if (!draft.mayRead(node)) throw new CoordinationError('BADVERSION', detail, { path });
  const current = { version, czxid };
  const known =
    `${detail}: it is at ${counter} ${version}, of the znode created at zxid ${czxid}` +
    otherCounter(node, condition, counter);
  throw new CoordinationError('BADVERSION', known, { path, current });
}

/** Whose ETag it may be that was given: those of `/children` and `/acl` have the same form. */
function otherCounter(
  node: Znode,
  condition: readonly { readonly version: number; readonly czxid?: number }[],
  counter: 'version' | 'aversion',
): string {
  const counters = {
    version: node.version,
    cversion: 2 * node.cversion - node.numChildren,
    aversion: node.aversion,
  };
  const names = (['version', 'cversion', 'aversion'] as const).filter((name) => name !== counter);
  const given = condition.filter(({ czxid }) => czxid === node.czxid);
  const meant = names.find((name) => given.some(({ version }) => version === counters[name]));
  return meant === undefined
    ? ''
    : `; the ETag that was given has its ${meant}, not its ${counter}`;
}

/** Versions have 32 bits and skip −1, which means "any" (`checkAndIncVersion`). */
export function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}

function replaceData(
  draft: Draft,
  node: Znode,
  operation: { readonly data: Uint8Array; readonly condition?: VersionCondition },
): Znode {
  const { data, condition } = operation;
  refuseConfig(node);
  draft.grow(0, data.length - node.dataLength);
  checkVersion(draft, node, { condition, counter: 'version' });
  node.version = nextVersion(node.version);
  node.mzxid = draft.zxid;
  node.mtime = draft.time;
  node.dataLength = data.length;
  node.changed = true;
  const { path, version, acl, czxid, ctime, pzxid, aversion, numChildren } = node;
  const { kind, ephemeralOwner, ttlMs } = node;
  const cversion = 2 * node.cversion - numChildren;
  const own = { path, data, version, acl, czxid, ctime, pzxid, cversion, aversion, numChildren };
  draft.emit({ type: 'set', ...own, kind, ephemeralOwner, ttlMs }, data.length);
  return node;
}

/** Only a reconfiguration writes it; super rights do not suffice (ZooKeeper relies on its ACL alone). */
function refuseConfig(node: Znode): void {
  if (node.path !== configPath) return;
  throw new CoordinationError('BADARGUMENTS', `${node.path} is changed by reconfiguration only`, {
    path: node.path,
  });
}

interface ChildToCreate {
  readonly path: ZnodePath;
  readonly data: Uint8Array;
  readonly kind: CreateOperation['kind'];
  readonly ttlMs: number;
  readonly acl: AclId;
}

function addChild(draft: Draft, parent: Znode, child: ChildToCreate): Znode {
  const { path, data, kind, ttlMs, acl } = child;
  draft.grow(1, nodeBytes(nameOf(path), data.length));
  const { zxid, time } = draft;
  const ephemeralOwner = kind === 'ephemeral' ? draft.session : 0;
  const node: Znode = {
    path,
    exists: true,
    changed: true,
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctime: time,
    mtime: time,
    version: 0,
    cversion: 0,
    aversion: 0,
    acl,
    numChildren: 0,
    kind,
    ephemeralOwner,
    ttlMs,
    dataLength: data.length,
  };
  draft.nodes.set(path, node);
  draft.countAcl(acl, 1);
  parent.cversion += 1;
  parent.numChildren += 1;
  parent.pzxid = zxid;
  parent.changed = true;
  const parentAcl = parent.acl;
  const parentCversion = parent.cversion;
  draft.emit(
    { type: 'create', path, data, kind, ephemeralOwner, ttlMs, acl, parentAcl, parentCversion },
    data.length,
  );
  return node;
}

/** Creates the parents from below `ancestor` down to `missing`. @returns the last */
function createMissing(
  draft: Draft,
  chain: { readonly ancestor: Znode; readonly missing: ZnodePath; readonly acl: AclId },
): Znode {
  let parent = chain.ancestor;
  const { missing, acl } = chain;
  let end = parent.path === rootPath ? 0 : parent.path.length;
  while (end < missing.length) {
    const slash = missing.indexOf('/', end + 1);
    end = slash === -1 ? missing.length : slash;
    const path = missing.slice(0, end) as ZnodePath;
    parent = addChild(draft, parent, { path, data: noData, kind: 'persistent', ttlMs: 0, acl });
    draft.checkSize();
  }
  return parent;
}

/** @throws CoordinationError NONODE of the parent, unless parents are to be made */
function deepestAncestor(draft: Draft, parent: ZnodePath, parents: boolean): Znode {
  if (!parents) {
    throw new CoordinationError('NONODE', `the parent ${parent} does not exist`, {
      path: parent,
      parentMissing: true,
    });
  }
  let path = parent;
  for (;;) {
    path = parentPath(path);
    const node = draft.find(path);
    if (node !== undefined) return node;
  }
}

function sessionRequired(): CoordinationError {
  return new CoordinationError(
    'SESSIONREQUIRED',
    'an ephemeral znode belongs to a session, and the request has none',
  );
}

/** The parent of a path or sequential prefix; the root is its own. */
function parentOf(path: string): ZnodePath {
  const slash = path.lastIndexOf('/');
  return (slash <= 0 ? '/' : path.slice(0, slash)) as ZnodePath;
}

/**
 * QUOTAEXCEEDED, because what is used up is the parent's supply of numbers: the request is well-formed,
 * and only another parent will serve it.
 */
function nextSequence(parent: Znode | undefined): number {
  const sequence = parent?.cversion ?? 0;
  if (sequence <= sequenceMax) return sequence;
  throw new CoordinationError(
    'QUOTAEXCEEDED',
    `${parent?.path ?? ''} has used up its sequence numbers, which end at ${String(sequenceMax)}`,
    { path: parent?.path ?? '' },
  );
}

/** The path with its suffix, checked as a whole. */
function finalPath(draft: Draft, given: string, sequence: number | undefined): ZnodePath {
  if (sequence === undefined) return given as ZnodePath;
  const path = `${given}${String(sequence).padStart(10, '0')}`;
  const problem = pathProblem(path) ?? lengthProblem(path, draft.limits);
  if (problem !== undefined) throw new CoordinationError('BADARGUMENTS', `path: ${problem}`);
  return path as ZnodePath;
}

/** What is wrong with the length of a path, or undefined. */
export function lengthProblem(
  path: string,
  limits: Pick<Limits, 'pathLengthMax'>,
): string | undefined {
  if (path.length <= limits.pathLengthMax) return undefined;
  return `${String(path.length)} characters exceed ${limitText(limits, 'pathLengthMax')}`;
}
