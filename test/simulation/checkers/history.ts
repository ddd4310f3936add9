/**
 * The tree as it was at every zxid, as naively as it can be kept: for each path all that ever stood there. Written
 * from ZooKeeper's rules and apart from the product, so that the two agree only where both are right.
 */
import type { Acl, NodeKind, Stat } from '../../../src/protocol/model.ts';
import { violated } from '../world/world.ts';
import { openAcl, readOnlyAcl } from './permissions.ts';

export interface Node {
  readonly data: Uint8Array;
  readonly kind: NodeKind;
  readonly owner: number;
  readonly ttlMs: number;
  readonly acl: Acl;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly aversion: number;
  /** Children ever created, and those that are there. */
  readonly created: number;
  readonly children: number;
}

interface Version {
  readonly zxid: number;
  /** Undefined: nothing stands there from this zxid on. */
  readonly node: Node | undefined;
}

const none = new Uint8Array(0);

const reserved: readonly (readonly [path: string, children: number, version: number])[] = [
  ['/', 1, 0],
  ['/zookeeper', 2, 0],
  ['/zookeeper/config', 0, -1],
  ['/zookeeper/quota', 0, 0],
];

export class History {
  readonly #versions = new Map<string, Version[]>();
  /** By parent: the paths that stood there. */
  readonly #children = new Map<string, Roll>();
  readonly #sessions = new Map<number, { closed: number }>();
  /** By session: the paths that it owned. */
  readonly #owned = new Map<number, Roll>();

  constructor() {
    const nothing = { data: none, kind: 'persistent', owner: 0, ttlMs: 0, aversion: 0 } as const;
    const zero = { czxid: 0, mzxid: 0, pzxid: 0, ctime: 0, mtime: 0, created: 0 };
    for (const [path, children, version] of reserved) {
      const acl = path === '/zookeeper/config' ? readOnlyAcl : openAcl;
      this.write(0, path, { ...nothing, ...zero, acl, children, version });
    }
  }

  at(path: string, zxid: number): Node | undefined {
    const versions = this.#versions.get(path);
    if (versions === undefined) return undefined;
    for (let index = versions.length - 1; index >= 0; index -= 1) {
      const version = versions[index];
      if (version !== undefined && version.zxid <= zxid) return version.node;
    }
    return undefined;
  }

  /** Names, sorted. */
  childrenAt(path: string, zxid: number): string[] {
    const start = path === '/' ? 1 : path.length + 1;
    const paths = this.#children.get(path)?.at(zxid) ?? [];
    return paths.map((child) => child.slice(start));
  }

  /** Paths of a session's ephemerals, sorted. */
  ephemeralsAt(session: number, zxid: number): string[] {
    return this.#owned.get(session)?.at(zxid) ?? [];
  }

  isLiveAt(session: number, zxid: number): boolean {
    const closed = this.#sessions.get(session)?.closed ?? 0;
    return session <= zxid && closed > zxid;
  }

  /** When the session was closed; Infinity while it lives, 0 when it never was. */
  closedAt(session: number): number {
    return this.#sessions.get(session)?.closed ?? 0;
  }

  write(zxid: number, path: string, node: Node | undefined): void {
    let versions = this.#versions.get(path);
    if (versions === undefined) this.#versions.set(path, (versions = []));
    const before = versions.at(-1)?.node;
    versions.push({ zxid, node });
    if (path === '/') return;
    const { parent } = split(path);
    if (before === undefined) rollOf(this.#children, parent).enter(path, zxid);
    if (node === undefined) rollOf(this.#children, parent).leave(path, zxid);
    const [former, owner] = [before?.owner ?? 0, node?.owner ?? 0];
    if (former === owner) return;
    if (former !== 0) rollOf(this.#owned, former).leave(path, zxid);
    if (owner !== 0) rollOf(this.#owned, owner).enter(path, zxid);
  }

  openSession(zxid: number): void {
    this.#sessions.set(zxid, { closed: Infinity });
  }

  closeSession(session: number, zxid: number): void {
    const known = this.#sessions.get(session);
    if (known?.closed !== Infinity)
      violated(`session ${session} is closed at ${zxid} and not open`);
    this.#sessions.set(session, { closed: zxid });
  }
}

/** What one transaction, or one request that is judged, changes on top of the state at a zxid. */
export class Draft {
  readonly #history: History;
  readonly #base: number;
  readonly #zxid: number;
  readonly #time: number;
  readonly changed = new Map<string, Node | undefined>();

  /** @param at the state before, and what stands in the stats of what changes */
  constructor(history: History, at: { base: number; zxid: number; time: number }) {
    this.#history = history;
    this.#base = at.base;
    this.#zxid = at.zxid;
    this.#time = at.time;
  }

  get(path: string): Node | undefined {
    return this.changed.has(path) ? this.changed.get(path) : this.#history.at(path, this.#base);
  }

  children(path: string): string[] {
    const names = new Set(this.#history.childrenAt(path, this.#base));
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const [changed, node] of this.changed) {
      if (changed === '/' || split(changed).parent !== path) continue;
      const name = changed.slice(prefix.length);
      if (node === undefined) names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  isLive(session: number): boolean {
    return this.#history.isLiveAt(session, this.#base);
  }

  ephemerals(session: number): string[] {
    return this.#history.ephemeralsAt(session, this.#base);
  }

  create(path: string, given: Pick<Node, 'data' | 'kind' | 'owner' | 'ttlMs' | 'acl'>): void {
    const { parent } = split(path);
    const above = this.get(parent) ?? violated(`${path} is created without a parent`);
    const zxid = this.#zxid;
    const time = this.#time;
    const born = { czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: time, mtime: time };
    const { data, kind, owner, ttlMs, acl } = given;
    const counts = { version: 0, aversion: 0, created: 0, children: 0 };
    this.changed.set(path, { data, kind, owner, ttlMs, acl, ...born, ...counts });
    const { created, children } = above;
    const next = { created: created + 1, children: children + 1, pzxid: zxid };
    this.changed.set(parent, { ...above, ...next });
  }

  set(path: string, data: Uint8Array): void {
    const node = this.get(path) ?? violated(`${path} is set and is not there`);
    const version = node.version + 1;
    this.changed.set(path, { ...node, data, version, mzxid: this.#zxid, mtime: this.#time });
  }

  setAcl(path: string, acl: Acl): void {
    const node = this.get(path) ?? violated(`${path} gets an ACL and is not there`);
    this.changed.set(path, { ...node, acl, aversion: node.aversion + 1 });
  }

  remove(path: string): void {
    if (this.get(path) === undefined) violated(`${path} is deleted and is not there`);
    const { parent } = split(path);
    const above = this.get(parent) ?? violated(`${path} has no parent`);
    this.changed.set(path, undefined);
    this.changed.set(parent, { ...above, children: above.children - 1, pzxid: this.#zxid });
  }

  stat(path: string): Stat {
    return statOf(this.get(path) ?? violated(`${path} has no stat`));
  }
}

export function statOf(node: Node): Stat {
  const { czxid, mzxid, pzxid, ctime, mtime, version, aversion, kind, ttlMs } = node;
  return {
    ...{ czxid, mzxid, pzxid, ctime, mtime, version },
    cversion: 2 * node.created - node.children,
    aversion,
    ephemeralOwner: node.owner,
    dataLength: node.data.length,
    numChildren: node.children,
    kind,
    ...(kind === 'ttl' && { ttlMs }),
  };
}

export function split(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: slash <= 0 ? '/' : path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Who belonged to something at every zxid. Whoever has left is looked at only by who asks for so old a state. */
class Roll {
  /** By path: since which zxid. */
  readonly #present = new Map<string, number>();
  /** In the order in which they left. */
  readonly #left: { readonly path: string; readonly from: number; readonly until: number }[] = [];

  enter(path: string, zxid: number): void {
    this.#present.set(path, zxid);
  }

  leave(path: string, zxid: number): void {
    const from = this.#present.get(path);
    if (from === undefined) return;
    this.#present.delete(path);
    this.#left.push({ path, from, until: zxid });
  }

  /** Paths, sorted. */
  at(zxid: number): string[] {
    const paths: string[] = [];
    for (const [path, from] of this.#present) if (from <= zxid) paths.push(path);
    for (let index = this.#left.length - 1; index >= 0; index -= 1) {
      const former = this.#left[index];
      if (former === undefined || former.until <= zxid) break;
      if (former.from <= zxid) paths.push(former.path);
    }
    return paths.sort();
  }
}

function rollOf<Key>(rolls: Map<Key, Roll>, key: Key): Roll {
  let roll = rolls.get(key);
  if (roll === undefined) rolls.set(key, (roll = new Roll()));
  return roll;
}
