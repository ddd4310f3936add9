/**
 * The watches that a client believes to have, kept as ZooKeeper's own client keeps them
 * (`ZKWatchManager`), to name them again after a reconnect.
 */
import type { ObservedEvent } from './observation.ts';
import type { WatchSets } from './zookeeper-wire.ts';

export class WatchBook {
  readonly #data = new Set<string>();
  readonly #exists = new Set<string>();
  readonly #children = new Set<string>();
  readonly #persistent = new Set<string>();
  readonly #recursive = new Set<string>();

  /** After a read that asked for a watch; `found` = the read succeeded. */
  read(type: 'get' | 'exists' | 'children', path: string, found: boolean): void {
    if (type === 'exists') (found ? this.#data : this.#exists).add(path);
    else if (found) (type === 'get' ? this.#data : this.#children).add(path);
  }

  add(mode: 'persistent' | 'persistent-recursive', path: string): void {
    (mode === 'persistent' ? this.#persistent : this.#recursive).add(path);
  }

  remove(kind: 'any' | 'data' | 'children', path: string): void {
    if (kind !== 'children') {
      this.#data.delete(path);
      this.#exists.delete(path);
    }
    if (kind !== 'data') this.#children.delete(path);
    if (kind === 'any') {
      this.#persistent.delete(path);
      this.#recursive.delete(path);
    }
  }

  /** One-shot watches that `event` has used up. */
  consume({ type, path }: ObservedEvent): void {
    if (type === 'NodeChildrenChanged' || type === 'NodeDeleted') this.#children.delete(path);
    if (type === 'NodeChildrenChanged') return;
    this.#data.delete(path);
    this.#exists.delete(path);
  }

  sets(): WatchSets {
    return {
      data: [...this.#data],
      exists: [...this.#exists],
      children: [...this.#children],
      persistent: [...this.#persistent],
      recursive: [...this.#recursive],
    };
  }
}
