/** What a read must answer from the state at a zxid, or why it is refused: ZooKeeper's rules once more, naively. */
import { Perms } from '../../../src/protocol/model.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type {
  ChildrenOperation,
  MultiReadMember,
  Operation,
  TreeOperation,
  WatchOperation,
} from '../../../src/protocol/operations.ts';
import type { Commits } from './commits.ts';
import { statOf } from './history.ts';
import type { Node } from './history.ts';
import { masked, permits } from './permissions.ts';
import { Refused } from './refused.ts';

export interface View {
  readonly zxid: number;
  readonly identities: readonly Identity[];
  /** 0 for none. */
  readonly session: number;
}

/** @throws Refused */
export function readAt(commits: Commits, operation: Operation, view: View): object {
  return new Reading(commits, view).run(operation);
}

/** Pages end early where most of what they look at may not be read. */
const VISITS_PER_ENTRY = 4;

class Reading {
  readonly #commits: Commits;
  readonly #view: View;

  constructor(commits: Commits, view: View) {
    this.#commits = commits;
    this.#view = view;
  }

  run(operation: Operation): object {
    switch (operation.type) {
      case 'get':
      case 'exists':
      case 'children':
      case 'acl':
        return this.#member(operation);
      case 'multiRead':
        return { results: operation.operations.map((each) => this.#inMulti(each)) };
      case 'tree':
        return this.#tree(operation);
      case 'ephemerals':
        return { paths: this.#ephemerals() };
      case 'sessionInfo':
        return this.#sessionInfo(operation.session);
      case 'whoami':
        return this.#whoami();
      case 'watch':
        return operation.initial === true ? { initial: this.#present(operation) } : {};
      case 'sync':
      case 'ping':
        return {};
      default:
        throw new Error(`${operation.type} is no read`);
    }
  }

  #inMulti(member: MultiReadMember): object {
    const op = member.type;
    const result = Refused.by((): object => this.#member(member));
    if (result instanceof Refused) return { op, code: result.code, path: member.path };
    return { op, code: 'OK', result };
  }

  #member(operation: MultiReadMember): object {
    const { path, type } = operation;
    if (type === 'acl') return this.#acl(path);
    const node = this.#readable(path);
    const stat = statOf(node);
    if (type === 'exists') return { path, stat };
    return type === 'get' ? { path, data: node.data, stat } : this.#children(operation, node);
  }

  #acl(path: string): object {
    const node = this.#existing(path);
    const { identities } = this.#view;
    if (!permits(node.acl, Perms.READ | Perms.ADMIN, identities)) throw Refused.with('NOAUTH');
    const acl = permits(node.acl, Perms.ADMIN, identities) ? node.acl : masked(node.acl);
    return { path, acl, stat: statOf(node) };
  }

  #children({ path, limit, after, with: added }: ChildrenOperation, node: Node): object {
    const names = this.#names(path).filter((name) => after === undefined || name > after);
    const page = names.slice(0, limit);
    const children = page.map((name) => ({ name, ...this.#entry(childPath(path, name), added) }));
    const last = page.at(-1);
    const isMore = last !== undefined && page.length < names.length;
    return { path, children, stat: statOf(node), ...(isMore && { next: last }) };
  }

  #entry(path: string, added: 'stat' | 'data' | undefined): object {
    const node = this.#at(path);
    if (added === undefined || node === undefined || !this.#mayRead(node)) return {};
    const stat = statOf(node);
    return added === 'stat' ? { stat } : { stat, data: node.data };
  }

  #count({ path }: TreeOperation): object {
    this.#readable(path);
    return { path, descendants: this.#descendants(path) };
  }

  #descendants(path: string): number {
    return this.#names(path).reduce(
      (sum, name) => sum + 1 + this.#descendants(childPath(path, name)),
      0,
    );
  }

  /** Itself first, each before its children; what may not be read is left out, with all below it. */
  #tree(operation: TreeOperation): object {
    if (operation.count === true) return this.#count(operation);
    const { path, depth = Infinity, limit = 1000 } = operation;
    const nodes = [{ path, stat: statOf(this.#readable(path)) }];
    let last = path;
    let visits = 0;
    for (const { at, node } of this.#below(path, depth)) {
      const isFull = nodes.length >= limit || visits >= limit * VISITS_PER_ENTRY;
      if (isFull) return { path, nodes, next: last, truncated: true };
      visits += 1;
      last = at as typeof path;
      if (this.#mayRead(node)) nodes.push({ path: last, stat: statOf(node) });
    }
    return { path, nodes, truncated: false };
  }

  *#below(path: string, depth: number): Generator<{ readonly at: string; readonly node: Node }> {
    if (depth === 0) return;
    for (const name of this.#names(path)) {
      const at = childPath(path, name);
      const node = this.#at(at);
      if (node === undefined) continue;
      yield { at, node };
      if (this.#mayRead(node)) yield* this.#below(at, depth - 1);
    }
  }

  #ephemerals(): readonly string[] {
    const { session, zxid } = this.#view;
    if (session === 0) throw Refused.with('SESSIONREQUIRED');
    return this.#commits.history.ephemeralsAt(session, zxid);
  }

  /** What can be said for certain: how long it lives is promised, and checked when it ends. */
  #sessionInfo(id: number): object {
    const { zxid } = this.#view;
    const { history } = this.#commits;
    if (!history.isLiveAt(id, zxid)) throw Refused.with('SESSIONEXPIRED');
    const ephemerals = history.ephemeralsAt(id, zxid).length;
    return { id, timeoutMs: this.#commits.timeoutAt(id, zxid), ephemerals };
  }

  #whoami(): object {
    const { identities, session } = this.#view;
    return { identities, ...(session !== 0 && { session }) };
  }

  #present({ path, with: added }: WatchOperation): object {
    if (this.#at(path) === undefined) return { path };
    const node = this.#readable(path);
    const stat = statOf(node);
    return added === 'data' ? { path, stat, data: node.data } : { path, stat };
  }

  #readable(path: string): Node {
    const node = this.#existing(path);
    if (!this.#mayRead(node)) throw Refused.with('NOAUTH');
    return node;
  }

  #existing(path: string): Node {
    const node = this.#at(path);
    if (node === undefined) throw Refused.with('NONODE');
    return node;
  }

  #mayRead(node: Node): boolean {
    return permits(node.acl, Perms.READ, this.#view.identities);
  }

  #at(path: string): Node | undefined {
    return this.#commits.history.at(path, this.#view.zxid);
  }

  #names(path: string): string[] {
    return this.#commits.history.childrenAt(path, this.#view.zxid);
  }
}

function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}
