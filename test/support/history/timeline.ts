/** The state of the run's part of the tree at every zxid, worked out from what was committed. */
import { Findings } from './facts.ts';
import type { Change, LedgerEntry } from './facts.ts';

export interface NodeState {
  readonly data: string;
  readonly czxid: number;
  readonly mzxid: number;
  readonly version: number;
  readonly owner: number;
  readonly numChildren: number;
  /** Children that it ever had: the number that the next sequential one gets. */
  readonly everCreated: number;
}

interface Moment {
  readonly zxid: number;
  /** Undefined = there is none from here on. */
  readonly state: NodeState | undefined;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

export class Timeline {
  readonly #moments = new Map<string, Moment[]>();
  readonly #children = new Map<string, Set<string>>();
  readonly #entries = new Map<number, LedgerEntry>();
  readonly #root: string;
  /** The zxid at which the run's root was made. */
  readonly first: number;

  /** @param root the znode that the run has made for itself: nothing above it is known */
  constructor(root: string, entries: readonly LedgerEntry[], findings: Findings) {
    this.#root = root;
    this.first = entries[0]?.zxid ?? 0;
    let last = 0;
    for (const entry of entries) {
      if (entry.zxid <= last) findings.add('ledger', `zxid ${entry.zxid} follows ${last}`);
      last = entry.zxid;
      this.#entries.set(entry.zxid, entry);
      for (const change of entry.changes) {
        const problem = this.#take(entry.zxid, change);
        if (problem !== undefined) {
          findings.add('ledger', `${change.type} of ${change.path} at ${entry.zxid}: ${problem}`);
        }
      }
    }
  }

  get entries(): Iterable<LedgerEntry> {
    return this.#entries.values();
  }

  entry(zxid: number): LedgerEntry | undefined {
    return this.#entries.get(zxid);
  }

  /** What is at `path` after the transaction `zxid`. */
  at(path: string, zxid: number): NodeState | undefined {
    const moments = this.#moments.get(path) ?? [];
    let low = 0;
    let high = moments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((moments[middle]?.zxid ?? 0) <= zxid) low = middle + 1;
      else high = middle;
    }
    return moments[low - 1]?.state;
  }

  /** Names of the children after the transaction `zxid`, sorted. */
  childrenAt(path: string, zxid: number): readonly string[] {
    const names = [...(this.#children.get(path) ?? [])];
    return names.filter((name) => this.at(`${path}/${name}`, zxid) !== undefined).sort();
  }

  /** The zxid of the deletion of the znode that was at `path` at `zxid`; Infinity when it is still there. */
  deletedAfter(path: string, zxid: number): number {
    const moments = this.#moments.get(path) ?? [];
    return (
      moments.find((moment) => moment.zxid > zxid && moment.state === undefined)?.zxid ?? Infinity
    );
  }

  /** Paths of all ephemerals of a session at `zxid`. */
  ephemeralsOf(owner: number, zxid: number): readonly string[] {
    const paths = this.#owned.get(owner) ?? new Set();
    return [...paths].filter((path) => this.at(path, zxid)?.owner === owner);
  }

  get owners(): Iterable<number> {
    return this.#owned.keys();
  }

  readonly #owned = new Map<number, Set<string>>();

  #take(zxid: number, { type, path, data = '', owner = 0 }: Change): string | undefined {
    const before = this.at(path, zxid);
    if (type === 'NodeCreated') {
      if (before !== undefined) return 'it was there';
      const problem = this.#family(zxid, path, 1);
      const fresh = { version: 0, numChildren: 0, everCreated: 0 };
      this.#put(path, zxid, { ...fresh, data, owner, czxid: zxid, mzxid: zxid });
      if (owner !== 0) setOf(this.#owned, owner).add(path);
      return problem;
    }
    if (before === undefined) return 'it was not there';
    if (type === 'NodeDataChanged') {
      this.#put(path, zxid, { ...before, data, mzxid: zxid, version: before.version + 1 });
      return undefined;
    }
    this.#put(path, zxid, undefined);
    if (before.numChildren > 0) return `it had ${before.numChildren} children`;
    return this.#family(zxid, path, -1);
  }

  /** A child comes or goes. */
  #family(zxid: number, path: string, step: 1 | -1): string | undefined {
    if (path === this.#root) return undefined;
    const parent = parentOf(path);
    const state = this.at(parent, zxid);
    if (state === undefined) return 'its parent was not there';
    setOf(this.#children, parent).add(path.slice(parent.length + 1));
    const everCreated = state.everCreated + (step === 1 ? 1 : 0);
    this.#put(parent, zxid, { ...state, everCreated, numChildren: state.numChildren + step });
    return undefined;
  }

  #put(path: string, zxid: number, state: NodeState | undefined): void {
    let moments = this.#moments.get(path);
    if (moments === undefined) this.#moments.set(path, (moments = []));
    if (moments.at(-1)?.zxid === zxid) moments.pop();
    moments.push({ zxid, state });
  }
}

function setOf<Key>(sets: Map<Key, Set<string>>, key: Key): Set<string> {
  let set = sets.get(key);
  if (set === undefined) sets.set(key, (set = new Set()));
  return set;
}
