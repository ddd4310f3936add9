/**
 * The watches that a client believes to have, kept as ZooKeeper's own client keeps them
 * (`ZKWatchManager`), to name them again after a reconnect.
 */
import type { ObservedEvent } from './observation.ts';
import type { WatchSets } from './zookeeper-wire.ts';

const NONODE = -101;

export class WatchBook {
  readonly #data = new Set<string>();
  readonly #exists = new Set<string>();
  readonly #children = new Set<string>();
  readonly #persistent = new Set<string>();
  readonly #recursive = new Set<string>();

  /** After a read that asked for a watch and was answered with `code`. */
  read(type: 'get' | 'exists' | 'children', path: string, code: number): void {
    if (code === 0) (type === 'children' ? this.#children : this.#data).add(path);
    else if (code === NONODE && type === 'exists') this.#exists.add(path);
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
