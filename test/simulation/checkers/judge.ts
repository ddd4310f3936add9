/** What a write request does to a state, or why it is refused: ZooKeeper's rules for what the workload asks. */
import { Perms } from '../../../src/protocol/model.ts';
import type { Acl, Identity } from '../../../src/protocol/model.ts';
import type {
  CreateOperation,
  DeleteOperation,
  MultiMember,
  Operation,
  PutOperation,
  SetAclOperation,
  VersionCondition,
} from '../../../src/protocol/operations.ts';
import { Draft, split } from './history.ts';
import type { History, Node } from './history.ts';
import { openAcl, permits, storedAcl } from './permissions.ts';
import { Refused } from './refused.ts';

export interface Moment {
  /** The state that is judged against. */
  readonly base: number;
  /** Of the transaction, if there is one. */
  readonly zxid: number;
  readonly time: number;
}

export interface Judgement {
  readonly changed: ReadonlyMap<string, Node | undefined>;
  readonly result: object;
}

/** What is judged, and on whose behalf. */
export interface Judged {
  readonly operation: Operation;
  /** 0 for none. */
  readonly session: number;
  readonly identities: readonly Identity[];
}

/** @throws Refused */
export function judge(history: History, request: Judged, moment: Moment): Judgement {
  const judging = new Judge(new Draft(history, moment), request);
  const result = judging.run(request.operation);
  return { changed: judging.draft.changed, result };
}

const undeletable = new Set(['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']);

class Judge {
  readonly draft: Draft;
  readonly #session: number;
  readonly #identities: readonly Identity[];

  constructor(draft: Draft, { session, identities }: Judged) {
    this.draft = draft;
    this.#session = session;
    this.#identities = identities;
  }

  run(operation: Operation): object {
    if (this.#session !== 0 && !this.draft.isLive(this.#session)) {
      throw Refused.with('SESSIONEXPIRED');
    }
    switch (operation.type) {
      case 'create':
      case 'set':
        return this.#member(operation);
      case 'delete':
        this.#member(operation);
        return {};
      case 'put':
        return this.#put(operation);
      case 'setAcl':
        return this.#setAcl(operation);
      case 'multi':
        return { results: operation.operations.map((each, index) => this.#inMulti(each, index)) };
      case 'endSession':
        for (const path of this.draft.ephemerals(this.#session)) this.draft.remove(path);
        return {};
      default:
        throw new Error(`${operation.type} is not judged`);
    }
  }

  #inMulti(operation: MultiMember, index: number): object {
    const outcome = Refused.by((): object => this.#member(operation));
    if (outcome instanceof Refused) throw Refused.with(outcome.code, index);
    const result: Record<string, unknown> = { ...outcome };
    delete result['created'];
    return { op: operation.type, ...result };
  }

  #member(operation: MultiMember): object {
    switch (operation.type) {
      case 'create':
        return this.#create(operation);
      case 'set': {
        const { path, data, condition } = operation;
        const node = this.#existing(path, Perms.WRITE);
        requireVersion(condition, node, node.version);
        return this.#set(path, data);
      }
      case 'delete':
        return this.#delete(operation);
      case 'check': {
        const { path, exists, condition } = operation;
        if (exists === false) this.#requireAbsent(path);
        else {
          const node = this.#existing(path, Perms.READ);
          requireVersion(condition, node, node.version);
        }
        return { path };
      }
    }
  }

  #put(operation: PutOperation): object {
    const { path, data, acl } = operation;
    if (this.draft.get(path) === undefined) {
      return this.#create({ ...operation, type: 'create', kind: 'persistent', sequential: false });
    }
    this.#existing(path, Perms.WRITE);
    if ((acl ?? operation.inheritAcl) !== undefined) throw Refused.with('BADARGUMENTS');
    return this.#set(path, data);
  }

  #create(operation: CreateOperation): object {
    const { kind, data, sequential } = operation;
    if (kind === 'ephemeral' && this.#session === 0) throw Refused.with('SESSIONREQUIRED');
    const asked = this.#aclOf(operation.acl);
    const { parent } = split(operation.path);
    const missing: string[] = [];
    let ancestor = parent;
    for (; this.draft.get(ancestor) === undefined; ancestor = split(ancestor).parent) {
      if (operation.parents !== true) throw Refused.with('NONODE');
      missing.unshift(ancestor);
    }
    const above = this.#existing(ancestor, Perms.CREATE);
    const sequence = this.draft.get(parent)?.created ?? 0;
    const suffix = sequential ? String(sequence).padStart(10, '0') : '';
    const path = operation.path + suffix;
    if (this.draft.get(path) !== undefined) throw Refused.with('NODEEXISTS');
    if (above.kind === 'ephemeral') throw Refused.with('NOCHILDRENFOREPHEMERALS');
    const acl = operation.inheritAcl === true ? above.acl : asked;
    const plain = { data: new Uint8Array(0), kind: 'persistent', owner: 0, ttlMs: 0, acl } as const;
    for (const each of missing) this.draft.create(each, plain);
    const owner = kind === 'ephemeral' ? this.#session : 0;
    this.draft.create(path, { data, kind, owner, ttlMs: operation.ttlMs ?? 0, acl });
    const stat = this.draft.stat(path);
    return { path, created: true, ...(sequential && { sequence }), stat };
  }

  #aclOf(acl: Acl | undefined): Acl {
    return acl === undefined ? openAcl : storedAcl(acl, this.#identities);
  }

  #set(path: string, data: Uint8Array): object {
    this.draft.set(path, data);
    return { path, created: false, stat: this.draft.stat(path) };
  }

  #setAcl({ path, acl, condition }: SetAclOperation): object {
    const stored = this.#aclOf(acl);
    const node = this.#existing(path, Perms.ADMIN);
    requireVersion(condition, node, node.aversion);
    this.draft.setAcl(path, stored);
    return { path, stat: this.draft.stat(path) };
  }

  #delete({ path, condition, recursive }: DeleteOperation): object {
    if (undeletable.has(path)) throw Refused.with('BADARGUMENTS');
    this.#existing(split(path).parent, Perms.DELETE);
    const node = this.draft.get(path);
    if (node === undefined) throw Refused.with('NONODE');
    requireVersion(condition, node, node.version);
    if (node.children > 0 && recursive !== true) throw Refused.with('NOTEMPTY');
    this.#removeAll(path);
    return { path };
  }

  #removeAll(path: string): void {
    for (const name of this.draft.children(path)) {
      this.#existing(path, Perms.DELETE);
      this.#removeAll(`${path}/${name}`);
    }
    this.draft.remove(path);
  }

  #requireAbsent(path: string): void {
    if (this.draft.get(path) === undefined) return;
    this.#existing(path, Perms.READ);
    throw Refused.with('NODEEXISTS');
  }

  /** A missing znode is told before a missing permission. */
  #existing(path: string, perms: number): Node {
    const node = this.draft.get(path);
    if (node === undefined) throw Refused.with('NONODE');
    if (!permits(node.acl, perms, this.#identities)) throw Refused.with('NOAUTH');
    return node;
  }
}

function requireVersion(condition: VersionCondition, { czxid }: Node, actual: number): void {
  if (condition === undefined || condition === 'exists') return;
  const holds = condition.some(
    ({ version, czxid: life }) =>
      (version === -1 || version === actual) && (life === undefined || life === czxid),
  );
  if (!holds) throw Refused.with('BADVERSION');
}
