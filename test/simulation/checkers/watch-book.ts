/** What the watches of one stream must be told, worked out from committed transactions by ZooKeeper's rules alone. */
import type { StreamEvent } from '../../../src/protocol/coordination.ts';
import { Perms } from '../../../src/protocol/model.ts';
import type { EventType, Identity, WatchMode, ZnodePath } from '../../../src/protocol/model.ts';
import type { Change, Transaction } from '../../../src/tree/index.ts';
import { Draft, split } from './history.ts';
import type { Commits } from './commits.ts';
import { permits } from './permissions.ts';

const kinds = { create: 'NodeCreated', set: 'NodeDataChanged', delete: 'NodeDeleted' } as const;

export interface Watch {
  readonly path: ZnodePath;
  readonly mode: WatchMode;
}

interface Armed {
  /** It is told of what comes after this zxid. */
  since: number;
  /** What ZooKeeper's client sets again after a gap: an `exists` that has found its znode watches the data. */
  readonly again: WatchMode;
}

type ZnodeChange = Extract<Change, { type: 'create' | 'set' | 'delete' }>;

/** Events of one stream that came in the place of those that it has missed (ZooKeeper's setWatches). */
export interface CatchUp {
  readonly zxid: number;
  readonly events: readonly StreamEvent[];
}

export class WatchBook {
  readonly #byPath = new Map<string, Map<WatchMode, Armed>>();
  readonly #spent = new Set<string>();
  /** Told together, behind what persistent watches have missed; undefined when there is nothing, or no more. */
  missed: CatchUp | undefined;
  /** What is added to events of creations and changes. */
  with: 'stat' | 'data' | undefined;

  get size(): number {
    return this.#byPath.size;
  }

  /** What is to be set again by who resumes. */
  get all(): readonly Watch[] {
    const watches = new Map<string, Watch>();
    for (const [path, armed] of this.#byPath) {
      for (const { again: mode } of armed.values()) {
        watches.set(`${mode} ${path}`, { path: path as ZnodePath, mode });
      }
    }
    return [...watches.values()];
  }

  /** @param again what it is set again as, after a gap */
  add({ path, mode }: Watch, since: number, again: WatchMode = mode): void {
    let armed = this.#byPath.get(path);
    if (armed === undefined) this.#byPath.set(path, (armed = new Map<WatchMode, Armed>()));
    if (!armed.has(mode)) armed.set(mode, { since, again });
  }

  /** @returns whether there was one */
  remove(path: string, mode: WatchMode | undefined): boolean {
    if (mode === undefined) return this.#byPath.delete(path);
    const armed = this.#byPath.get(path);
    const isThere = armed?.delete(mode) === true;
    if (armed?.size === 0) this.#byPath.delete(path);
    return isThere;
  }

  /** What lies before is not told any more; nothing of it has used up a watch. */
  skipTo(zxid: number): void {
    for (const armed of this.#byPath.values()) {
      for (const each of armed.values()) each.since = Math.max(each.since, zxid);
    }
  }

  /** True for a path whose one-shot watch was used up. */
  wasUsedUp(path: string): boolean {
    return this.#spent.has(path);
  }

  /** What a resumed stream sets again: persistent modes from where it was, the others compared with the state. */
  resume(
    commits: Commits,
    watches: readonly Watch[],
    at: { from: number; zxid: number; identities: readonly Identity[] },
  ): void {
    const events: StreamEvent[] = [];
    for (const watch of watches) {
      const { path, mode } = watch;
      if (!isOneShot(mode)) {
        this.add(watch, at.from);
        continue;
      }
      const node = commits.history.at(path, at.zxid);
      const type = missedBy(mode, node, at.from);
      if (type === undefined) this.add(watch, at.zxid);
      else if (node === undefined || permits(node.acl, Perms.READ, at.identities)) {
        events.push({ type, path });
      }
    }
    if (events.length > 0) this.missed = { zxid: at.zxid, events };
  }

  /** The events of one transaction, in their order; one-shot watches are used up by them. */
  take(commits: Commits, zxid: number, identities: readonly Identity[]): readonly StreamEvent[] {
    if (this.#byPath.size === 0) return [];
    const transaction = commits.at(zxid)?.transaction;
    if (transaction === undefined) return [];
    const { with: added } = this;
    const states = added && statesOf({ commits, zxid, transaction, added });
    const events: StreamEvent[] = [];
    for (const change of transaction.changes) {
      if (!isZnodeChange(change)) continue;
      const at = events.length;
      this.#addEvents(events, change, { zxid, mayRead });
      const state = states?.(change);
      const event = events[at];
      if (state === undefined || event?.path !== change.path) continue;
      events[at] = { ...event, ...state };
    }
    return events;

    function mayRead(acl: number): boolean {
      return permits(commits.aclAt(acl, zxid), Perms.READ, identities);
    }
  }

  #addEvents(
    events: StreamEvent[],
    change: ZnodeChange,
    { zxid, mayRead }: { zxid: number; mayRead: (acl: number) => boolean },
  ): void {
    const { type, path } = change;
    const own = type === 'delete' ? ownModes : ownModesOfLiving;
    const isTold = this.#fire(path, own, zxid) || this.#isBelowRecursive(path, zxid);
    if (type !== 'set' && path !== '/') {
      const { parent } = split(path);
      const isParentTold = this.#fire(parent, ['children', 'persistent'], zxid);
      const { parentAcl } = change;
      if (isTold && mayRead(change.acl)) events.push(eventOf(kinds[type], path));
      if (isParentTold && mayRead(parentAcl)) events.push(eventOf('NodeChildrenChanged', parent));
    } else if (isTold && mayRead(change.acl)) events.push(eventOf(kinds[type], path));
  }

  #fire(path: string, modes: readonly WatchMode[], zxid: number): boolean {
    const armed = this.#byPath.get(path);
    if (armed === undefined) return false;
    let fires = false;
    for (const mode of modes) {
      if ((armed.get(mode)?.since ?? Infinity) >= zxid) continue;
      fires = true;
      if (!isOneShot(mode)) continue;
      armed.delete(mode);
      this.#spent.add(path);
    }
    if (armed.size === 0) this.#byPath.delete(path);
    return fires;
  }

  #isBelowRecursive(path: string, zxid: number): boolean {
    for (let at = path; at !== '/';) {
      at = split(at).parent;
      const watch = this.#byPath.get(at)?.get('persistent-recursive');
      if (watch !== undefined && watch.since < zxid) return true;
    }
    return false;
  }
}

const ownModesOfLiving: readonly WatchMode[] = [
  ...(['data', 'exists', 'persistent', 'persistent-recursive'] as const),
];
const ownModes: readonly WatchMode[] = [...ownModesOfLiving, 'children'];

export function isOneShot(mode: WatchMode): boolean {
  return mode === 'data' || mode === 'exists' || mode === 'children';
}

/** What a watch would have been told since `from`; undefined: nothing, it is armed again. */
function missedBy(
  mode: WatchMode,
  node: { readonly mzxid: number; readonly pzxid: number } | undefined,
  from: number,
): EventType | undefined {
  if (mode === 'exists') return node === undefined ? undefined : 'NodeCreated';
  if (node === undefined) return 'NodeDeleted';
  if (mode === 'children') return node.pzxid > from ? 'NodeChildrenChanged' : undefined;
  return node.mzxid > from ? 'NodeDataChanged' : undefined;
}

/** Stat and data as of each change of a transaction, asked for in its order. */
function statesOf({
  commits,
  zxid,
  transaction,
  added,
}: {
  readonly commits: Commits;
  readonly zxid: number;
  readonly transaction: Transaction;
  readonly added: 'stat' | 'data';
}): (change: ZnodeChange) => object | undefined {
  const draft = new Draft(commits.history, { base: zxid - 1, zxid, time: transaction.time });
  return (change) => {
    const { path, type } = change;
    if (type === 'delete') {
      draft.remove(path);
      return undefined;
    }
    if (type === 'set') draft.set(path, change.data);
    else {
      const acl = commits.aclAt(change.acl, zxid);
      draft.create(path, { ...change, owner: change.ephemeralOwner, acl });
    }
    const stat = draft.stat(path);
    return added === 'data' ? { stat, data: change.data } : { stat };
  };
}

function isZnodeChange(change: Change): change is ZnodeChange {
  return change.type === 'create' || change.type === 'set' || change.type === 'delete';
}

function eventOf(type: EventType, path: string): StreamEvent {
  return { type, path: path as ZnodePath };
}
