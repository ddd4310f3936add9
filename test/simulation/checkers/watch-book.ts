/** What the watches of one stream must be told, worked out from committed transactions by ZooKeeper's rules alone. */
import type { StreamEvent } from '../../../src/protocol/coordination.ts';
import type { EventType, WatchMode, ZnodePath } from '../../../src/protocol/model.ts';
import type { Change } from '../../../src/tree/index.ts';
import { split } from './history.ts';
import type { Commits } from './commits.ts';

const kinds = { create: 'NodeCreated', set: 'NodeDataChanged', delete: 'NodeDeleted' } as const;

interface Watch {
  readonly path: string;
  readonly mode: WatchMode;
}

export class WatchBook {
  #watches: Watch[] = [];

  get size(): number {
    return this.#watches.length;
  }

  /** Those that outlive their first event. */
  get persistent(): readonly Watch[] {
    return this.#watches.filter(({ mode }) => !isOneShot(mode));
  }

  add(path: string, mode: WatchMode): void {
    const isKnown = this.#watches.some((watch) => watch.path === path && watch.mode === mode);
    if (!isKnown) this.#watches.push({ path, mode });
  }

  /** @returns whether there was one */
  remove(path: string, mode: WatchMode | undefined): boolean {
    const before = this.#watches.length;
    this.#watches = this.#watches.filter(
      (watch) => watch.path !== path || (mode !== undefined && watch.mode !== mode),
    );
    return this.#watches.length < before;
  }

  /** The events of one transaction, in their order; one-shot watches are used up by them. */
  take(commits: Commits, zxid: number): readonly StreamEvent[] {
    if (this.#watches.length === 0) return [];
    const changes = commits.at(zxid)?.transaction?.changes ?? [];
    return changes.flatMap((change) => this.#eventsOf(change));
  }

  #eventsOf(change: Change): StreamEvent[] {
    if (change.type !== 'create' && change.type !== 'set' && change.type !== 'delete') return [];
    const { type, path } = change;
    const events: StreamEvent[] = [];
    const own: WatchMode[] = ['data', 'exists', 'persistent', 'persistent-recursive'];
    if (type === 'delete') own.push('children');
    const isTold = this.#fire(path, own) || this.#isBelowRecursive(path);
    if (isTold) events.push(eventOf(kinds[type], path));
    if (type === 'set' || path === '/') return events;
    const { parent } = split(path);
    if (this.#fire(parent, ['children', 'persistent'])) {
      events.push(eventOf('NodeChildrenChanged', parent));
    }
    return events;
  }

  #fire(path: string, modes: readonly WatchMode[]): boolean {
    const fired = this.#watches.filter(
      (watch) => watch.path === path && modes.includes(watch.mode),
    );
    const spent = new Set(fired.filter(({ mode }) => isOneShot(mode)));
    if (spent.size > 0) this.#watches = this.#watches.filter((watch) => !spent.has(watch));
    return fired.length > 0;
  }

  #isBelowRecursive(path: string): boolean {
    return this.#watches.some(
      ({ path: watched, mode }) =>
        mode === 'persistent-recursive' && (watched === '/' || path.startsWith(`${watched}/`)),
    );
  }
}

export function isOneShot(mode: WatchMode): boolean {
  return mode === 'data' || mode === 'exists' || mode === 'children';
}

function eventOf(type: EventType, path: string): StreamEvent {
  return { type, path: path as ZnodePath };
}
