/** What a write request does to a state, or why it is refused: ZooKeeper's rules for what the workload asks. */
import type { ErrorCode } from '../../../src/protocol/errors.ts';
import type {
  CreateOperation,
  DeleteOperation,
  MultiMember,
  Operation,
  VersionCondition,
} from '../../../src/protocol/operations.ts';
import { Draft, split } from './history.ts';
import type { History, Node } from './history.ts';

export class Refused extends Error {
  readonly code: ErrorCode;
  /** Of a multi. */
  readonly failedIndex: number | undefined;

  private constructor(code: ErrorCode, failedIndex?: number) {
    super(code);
    this.code = code;
    this.failedIndex = failedIndex;
  }

  /** One object for each: they are many, and the stack that an error takes along is dear. */
  static with(code: ErrorCode, failedIndex?: number): Refused {
    const key = `${code}/${failedIndex ?? ''}`;
    let refused = all.get(key);
    if (refused === undefined) all.set(key, (refused = new Refused(code, failedIndex)));
    return refused;
  }
}

const all = new Map<string, Refused>();

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

/** @throws Refused */
export function judge(
  history: History,
  request: { readonly operation: Operation; readonly session: number },
  moment: Moment,
): Judgement {
  const judging = new Judge(new Draft(history, moment), request.session);
  const result = judging.run(request.operation);
  return { changed: judging.draft.changed, result };
}

const undeletable = new Set(['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']);

class Judge {
  readonly draft: Draft;
  readonly #session: number;

  constructor(draft: Draft, session: number) {
    this.draft = draft;
    this.#session = session;
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
        return this.draft.get(operation.path) === undefined
          ? this.#create({ ...operation, type: 'create', kind: 'persistent', sequential: false })
          : this.#set(operation.path, operation.data);
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
    try {
      const result: Record<string, unknown> = { ...this.#member(operation) };
      delete result['created'];
      return { op: operation.type, ...result };
    } catch (error) {
      if (error instanceof Refused) throw Refused.with(error.code, index);
      throw error;
    }
  }

  #member(operation: MultiMember): object {
    switch (operation.type) {
      case 'create':
        return this.#create(operation);
      case 'set':
        this.#check(operation.path, operation.condition);
        return this.#set(operation.path, operation.data);
      case 'delete':
        return this.#delete(operation);
      case 'check': {
        const { path, exists, condition } = operation;
        if (exists !== false) this.#check(path, condition);
        else if (this.draft.get(path) !== undefined) throw Refused.with('NODEEXISTS');
        return { path };
      }
    }
  }

  #create(operation: CreateOperation): object {
    const { kind, data, sequential } = operation;
    if (kind === 'ephemeral' && this.#session === 0) throw Refused.with('SESSIONREQUIRED');
    const { parent } = split(operation.path);
    const missing: string[] = [];
    let ancestor = parent;
    for (; this.draft.get(ancestor) === undefined; ancestor = split(ancestor).parent) {
      if (operation.parents !== true) throw Refused.with('NONODE');
      missing.unshift(ancestor);
    }
    const sequence = this.draft.get(parent)?.created ?? 0;
    const suffix = sequential ? String(sequence).padStart(10, '0') : '';
    const path = operation.path + suffix;
    if (this.draft.get(path) !== undefined) throw Refused.with('NODEEXISTS');
    if (this.draft.get(ancestor)?.kind === 'ephemeral')
      throw Refused.with('NOCHILDRENFOREPHEMERALS');
    const plain = { data: new Uint8Array(0), kind: 'persistent', owner: 0, ttlMs: 0 } as const;
    for (const each of missing) this.draft.create(each, plain);
    const owner = kind === 'ephemeral' ? this.#session : 0;
    this.draft.create(path, { data, kind, owner, ttlMs: operation.ttlMs ?? 0 });
    const stat = this.draft.stat(path);
    return { path, created: true, ...(sequential && { sequence }), stat };
  }

  #set(path: string, data: Uint8Array): object {
    this.draft.set(path, data);
    return { path, created: false, stat: this.draft.stat(path) };
  }

  #delete({ path, condition, recursive }: DeleteOperation): object {
    if (undeletable.has(path)) throw Refused.with('BADARGUMENTS');
    if (this.draft.get(split(path).parent) === undefined) throw Refused.with('NONODE');
    this.#check(path, condition);
    if (this.draft.children(path).length > 0 && recursive !== true) throw Refused.with('NOTEMPTY');
    this.#removeAll(path);
    return { path };
  }

  #removeAll(path: string): void {
    for (const name of this.draft.children(path)) this.#removeAll(`${path}/${name}`);
    this.draft.remove(path);
  }

  #check(path: string, condition: VersionCondition): void {
    const node = this.draft.get(path);
    if (node === undefined) throw Refused.with('NONODE');
    if (condition === undefined || condition === 'exists') return;
    const holds = condition.some(
      ({ version, czxid }) =>
        (version === -1 || version === node.version) &&
        (czxid === undefined || czxid === node.czxid),
    );
    if (!holds) throw Refused.with('BADVERSION');
  }
}
