/**
 * A reference model of the znode tree, as naive as it can be: a map from path to node, every request
 * judged and applied at once on a copy of the whole map. Written from ZooKeeper's rules, not from the
 * product's code, so that the two agree only where both are right.
 */
import type { ErrorCode, FailedMultiResult } from '../../src/protocol/errors.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Acl, Identity, NodeKind, Stat } from '../../src/protocol/model.ts';
import type {
  CreateOperation,
  MultiMember,
  ReapOperation,
  SetAclOperation,
  VersionCondition,
  WriteOperation,
} from '../../src/protocol/operations.ts';

export interface ModelNode {
  data: Uint8Array;
  acl: Acl;
  kind: NodeKind;
  owner: number;
  ttlMs: number;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  aversion: number;
  /** Children ever created. */
  created: number;
}

export interface ModelCaller {
  readonly identities: readonly Identity[];
  readonly session: number;
}

export interface ModelMoment {
  readonly zxid: number;
  readonly time: number;
}

/** A refusal. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly extra: Record<string, unknown>;

  constructor(code: ErrorCode, extra: Record<string, unknown> = {}) {
    super(code);
    this.code = code;
    this.extra = extra;
  }
}

const everybody = (perms: number): Acl => [{ scheme: 'world', id: 'anyone', perms }];
const reserved = ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota'];

export class Model {
  nodes = new Map<string, ModelNode>();
  sessions = new Set<number>();
  acls: string[] = [JSON.stringify(everybody(31)), JSON.stringify(everybody(1))];
  private readonly limits: Limits;
  private readonly superIdentity: Identity;
  private caller: ModelCaller = { identities: [], session: 0 };
  private moment: ModelMoment = { zxid: 0, time: 0 };
  private touched = 0;

  constructor(limits: Limits, superIdentity: Identity) {
    this.limits = limits;
    this.superIdentity = superIdentity;
    for (const path of reserved) {
      this.nodes.set(path, this.makeNode({ acl: everybody(31), kind: 'persistent' }));
    }
    const config = this.node('/zookeeper/config');
    config.acl = everybody(1);
    config.version = -1;
  }

  /** Judges and applies. @returns the result @throws Refusal, with nothing changed */
  run(operation: WriteOperation, caller: ModelCaller, moment: ModelMoment): unknown {
    const before = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    const sessions = new Set(this.sessions);
    const acls = [...this.acls];
    this.caller = caller;
    this.moment = moment;
    this.touched = 0;
    try {
      const result = this.dispatch(operation);
      if (operation.type !== 'closeSession') this.checkTouched();
      this.acls = this.usedAcls();
      return result;
    } catch (error) {
      this.nodes = before;
      this.sessions = sessions;
      this.acls = acls;
      throw error;
    }
  }

  stat(path: string): Stat {
    const node = this.node(path);
    const children = this.children(path).length;
    return {
      czxid: node.czxid,
      mzxid: node.mzxid,
      pzxid: node.pzxid,
      ctime: node.ctime,
      mtime: node.mtime,
      version: node.version,
      cversion: 2 * node.created - children,
      aversion: node.aversion,
      ephemeralOwner: node.owner,
      dataLength: node.data.length,
      numChildren: children,
      kind: node.kind,
      ...(node.kind === 'ttl' ? { ttlMs: node.ttlMs } : {}),
    };
  }

  /** Names, sorted. */
  children(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.nodes.keys()]
      .filter(
        (key) => key !== '/' && key.startsWith(prefix) && !key.slice(prefix.length).includes('/'),
      )
      .map((key) => key.slice(prefix.length))
      .sort();
  }

  ephemerals(session: number): string[] {
    return [...this.nodes]
      .filter(([, node]) => node.owner === session)
      .map(([path]) => path)
      .sort();
  }

  private dispatch(operation: WriteOperation): unknown {
    if (operation.type === 'multi') return this.multi(operation.operations);
    this.checkForm(operation);
    switch (operation.type) {
      case 'createSession':
        if (this.sessions.size >= this.limits.sessionsMax) throw new Refusal('QUOTAEXCEEDED');
        this.sessions.add(this.moment.zxid);
        return {};
      case 'attachSession':
        this.live(operation.session);
        return {};
      case 'closeSession': {
        this.live(operation.session);
        this.sessions.delete(operation.session);
        for (const path of this.ephemerals(operation.session)) this.remove(path);
        return {};
      }
      case 'reap':
        return this.reap(operation);
      case 'setAcl':
        return this.setAcl(operation);
      case 'put': {
        this.liveCaller();
        if (!this.nodes.has(operation.path)) {
          return this.create({
            ...operation,
            type: 'create',
            kind: 'persistent',
            sequential: false,
          });
        }
        this.need(operation.path, 2);
        if (operation.acl !== undefined || operation.inheritAcl === true) {
          throw new Refusal('BADARGUMENTS');
        }
        return this.set(operation.path, operation.data, undefined);
      }
      default:
        this.liveCaller();
        return operation.type === 'delete' ? (this.member(operation), {}) : this.member(operation);
    }
  }

  private reap({ path, czxid, mzxid }: ReapOperation): object {
    const node = this.existing(path);
    const same = node.czxid === czxid && node.mzxid === mzxid;
    if (!same || !['container', 'ttl'].includes(node.kind)) throw new Refusal('BADVERSION');
    if (this.children(path).length > 0) throw new Refusal('NOTEMPTY');
    this.remove(path);
    return {};
  }

  private setAcl({ path, acl: given, condition }: SetAclOperation): object {
    this.liveCaller();
    const acl = this.fix(given);
    const node = this.existing(path);
    this.need(path, 16);
    if (path === '/zookeeper/config') throw new Refusal('BADARGUMENTS');
    this.version(path, condition, node.aversion);
    this.intern(acl);
    node.acl = acl;
    node.aversion = bump(node.aversion);
    this.touched += 1;
    return { path, stat: this.stat(path) };
  }

  private multi(operations: readonly MultiMember[]): unknown {
    if (operations.length > this.limits.multiOperationsMax) throw new Refusal('TOOLARGE');
    const results: unknown[] = [];
    const wrapped = (index: number, action: () => void): void => {
      try {
        action();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const failed: FailedMultiResult[] = operations.map(({ type, path }, at) => ({
          op: type,
          path,
          code: at < index ? 'OK' : at === index ? error.code : 'RUNTIMEINCONSISTENCY',
        }));
        throw new Refusal(error.code, { ...error.extra, failedIndex: index, results: failed });
      }
    };
    for (const [index, operation] of operations.entries()) {
      wrapped(index, () => {
        this.checkForm(operation);
      });
    }
    this.liveCaller();
    for (const [index, operation] of operations.entries()) {
      wrapped(index, () => {
        const result = this.member(operation) as Record<string, unknown>;
        delete result['created'];
        results.push({ op: operation.type, ...result });
        this.checkTouched();
      });
    }
    return { results };
  }

  private member(operation: MultiMember): object {
    switch (operation.type) {
      case 'create':
        return this.create(operation);
      case 'set':
        this.existing(operation.path);
        this.need(operation.path, 2);
        return this.set(operation.path, operation.data, operation.condition);
      case 'delete':
        return this.delete(operation.path, operation.condition, operation.recursive === true);
      case 'check': {
        const { path } = operation;
        if (operation.exists === false && !this.nodes.has(path)) return { path };
        const node = this.existing(path);
        this.need(path, 1);
        if (operation.exists === false) throw new Refusal('NODEEXISTS');
        this.version(path, operation.condition, node.version);
        return { path };
      }
    }
  }

  private create(operation: CreateOperation): object {
    const { session } = this.caller;
    if (operation.kind === 'ephemeral' && session === 0) throw new Refusal('SESSIONREQUIRED');
    const asked = this.askedAcl(operation);
    const given = operation.path;
    const parent = given === '/' ? '/' : above(given);
    const ancestor = this.ancestor(parent, operation.parents === true);
    this.need(ancestor, 4);
    const sequence = this.nodes.get(parent)?.created ?? 0;
    const path = operation.sequential ? given + String(sequence).padStart(10, '0') : given;
    if (this.nodes.has(path)) throw new Refusal('NODEEXISTS', this.seen(path));
    if (this.node(ancestor).kind === 'ephemeral') throw new Refusal('NOCHILDRENFOREPHEMERALS');
    const acl = operation.inheritAcl === true ? this.node(ancestor).acl : asked;
    this.intern(acl);
    const missing: string[] = [];
    for (let at = parent; !this.nodes.has(at); at = above(at)) missing.unshift(at);
    for (const at of missing) this.add(at, this.makeNode({ acl, kind: 'persistent' }));
    const { data, kind, ttlMs } = operation;
    const owner = kind === 'ephemeral' ? session : 0;
    this.add(path, { ...this.makeNode({ acl, kind }), data, owner, ttlMs: ttlMs ?? 0 });
    const stat = this.stat(path);
    return { path, created: true, ...(operation.sequential ? { sequence } : {}), stat };
  }

  private askedAcl({ acl }: CreateOperation): Acl {
    return acl === undefined ? everybody(31) : this.fix(acl);
  }

  private ancestor(parent: string, parents: boolean): string {
    let at = parent;
    while (!this.nodes.has(at)) {
      if (!parents) throw new Refusal('NONODE', { path: parent, parentMissing: true });
      at = above(at);
    }
    return at;
  }

  private set(path: string, data: Uint8Array, condition: VersionCondition): object {
    const node = this.existing(path);
    if (path === '/zookeeper/config') throw new Refusal('BADARGUMENTS');
    this.version(path, condition, node.version);
    node.data = data;
    node.version = bump(node.version);
    node.mzxid = this.moment.zxid;
    node.mtime = this.moment.time;
    this.touched += 1;
    return { path, created: false, stat: this.stat(path) };
  }

  private delete(path: string, condition: VersionCondition, recursive: boolean): object {
    if (reserved.includes(path)) throw new Refusal('BADARGUMENTS');
    if (!this.nodes.has(above(path))) throw new Refusal('NONODE', { path });
    this.need(above(path), 8);
    const node = this.existing(path);
    this.version(path, condition, node.version);
    const below = [...this.nodes.keys()]
      .filter((key) => key.startsWith(`${path}/`))
      .sort()
      .reverse();
    if (below.length > 0 && !recursive) throw new Refusal('NOTEMPTY');
    if (below.length >= this.limits.transactionPathsMax) throw new Refusal('TOOLARGE');
    for (const key of below) {
      this.need(above(key), 8);
      this.remove(key);
    }
    this.remove(path);
    return { path };
  }

  private add(path: string, node: ModelNode): void {
    if (this.nodes.size >= this.limits.treeNodesMax) throw new Refusal('QUOTAEXCEEDED');
    this.nodes.set(path, node);
    const parent = this.node(above(path));
    parent.created += 1;
    parent.pzxid = this.moment.zxid;
    this.touched += 1;
    if (this.touched > this.limits.transactionPathsMax) throw new Refusal('TOOLARGE');
  }

  private remove(path: string): void {
    this.nodes.delete(path);
    this.node(above(path)).pzxid = this.moment.zxid;
    this.touched += 1;
  }

  private checkTouched(): void {
    if (this.touched > this.limits.transactionPathsMax) throw new Refusal('TOOLARGE');
  }

  private checkForm(operation: { readonly type: string }): void {
    const { data, kind, sequential, ttlMs } = operation as Partial<CreateOperation>;
    if (data !== undefined && data.length > this.limits.znodeDataBytesMax) {
      throw new Refusal('TOOLARGE');
    }
    if (operation.type !== 'create') return;
    if (kind === 'container' && sequential === true) throw new Refusal('BADARGUMENTS');
    if (kind === 'ttl') {
      if (ttlMs === undefined || ttlMs < 1 || ttlMs > 1_099_511_627_775) {
        throw new Refusal('BADARGUMENTS');
      }
    } else if (ttlMs !== undefined) throw new Refusal('BADARGUMENTS');
  }

  private liveCaller(): void {
    if (this.caller.session !== 0) this.live(this.caller.session);
  }

  private live(session: number): void {
    if (!this.sessions.has(session)) throw new Refusal('SESSIONEXPIRED');
  }

  private version(path: string, condition: VersionCondition, version: number): void {
    if (condition === undefined || condition === 'exists') return;
    const { czxid } = this.node(path);
    const holds = condition.some(
      (one) =>
        (one.version === -1 || one.version === version) &&
        (one.czxid === undefined || one.czxid === czxid),
    );
    if (holds) return;
    throw new Refusal('BADVERSION', {
      path,
      ...(this.allowed(path, 1) ? { current: { version, czxid } } : {}),
    });
  }

  /** What a refusal tells of a znode that is there, to those who may read it. */
  private seen(path: string): Record<string, unknown> {
    const { version, czxid } = this.node(path);
    return this.allowed(path, 1) ? { current: { version, czxid } } : {};
  }

  private need(path: string, perms: number): void {
    if (!this.allowed(path, perms)) throw new Refusal('NOAUTH', { path });
  }

  private allowed(path: string, perms: number): boolean {
    const { identities } = this.caller;
    const { scheme, id } = this.superIdentity;
    if (identities.some((one) => one.scheme === scheme && one.id === id)) return true;
    return this.node(path).acl.some((entry) => {
      if ((entry.perms & perms) === 0) return false;
      if (entry.scheme === 'world') return true;
      return identities.some((one) => {
        if (one.scheme !== entry.scheme) return false;
        // The programs use one range only.
        return entry.scheme === 'ip' ? one.id.startsWith('10.') : one.id === entry.id;
      });
    });
  }

  /** Knows the schemes that the programs use. */
  private fix(acl: Acl): Acl {
    if (acl.length === 0) throw new Refusal('INVALIDACL');
    const fixed: Acl[number][] = [];
    for (const entry of acl) {
      if (!['world', 'auth', 'digest', 'ip'].includes(entry.scheme))
        throw new Refusal('INVALIDACL');
      const expanded =
        entry.scheme === 'auth'
          ? this.caller.identities
              .filter(({ scheme }) => scheme === 'digest')
              .map(({ scheme, id }) => ({ scheme, id, perms: entry.perms }))
          : [entry];
      if (expanded.length === 0) throw new Refusal('INVALIDACL');
      for (const one of expanded) {
        if (!fixed.some((known) => JSON.stringify(known) === JSON.stringify(one))) fixed.push(one);
      }
    }
    return fixed;
  }

  /** The two that are always there and those of the znodes. */
  private usedAcls(): string[] {
    const own = [...this.nodes.values()].map(({ acl }) => JSON.stringify(acl));
    return [
      ...new Set([everybody(31), everybody(1)].map((acl) => JSON.stringify(acl)).concat(own)),
    ];
  }

  private intern(acl: Acl): void {
    const key = JSON.stringify(acl);
    if (this.acls.includes(key)) return;
    if (this.acls.length >= this.limits.aclsMax) throw new Refusal('QUOTAEXCEEDED');
    this.acls.push(key);
  }

  private existing(path: string): ModelNode {
    const node = this.nodes.get(path);
    if (node === undefined) throw new Refusal('NONODE', { path });
    return node;
  }

  private node(path: string): ModelNode {
    const node = this.nodes.get(path);
    if (node === undefined) throw new Error(`the model has no ${path}`);
    return node;
  }

  private makeNode({ acl, kind }: { acl: Acl; kind: NodeKind }): ModelNode {
    const { zxid, time } = this.moment;
    return {
      data: new Uint8Array(0),
      acl,
      kind,
      owner: 0,
      ttlMs: 0,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: time,
      mtime: time,
      version: 0,
      aversion: 0,
      created: 0,
    };
  }
}

function above(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function bump(version: number): number {
  const next = version === 2_147_483_647 ? -2_147_483_648 : version + 1;
  return next === -1 ? 0 : next;
}
