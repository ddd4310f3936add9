/**
 * Who watches what on this node, and which change fires what: the trigger table of ZooKeeper's
 * `DataTree` and `WatchManager`, for streams instead of connections.
 *
 * ZooKeeper keeps a data table and a child table; here one entry per stream and path holds a mask of
 * modes, which answers the same questions: `data`, `exists`, `persistent` and `persistent-recursive`
 * are what stands in the data table, `children` and `persistent` what stands in the child table.
 * A path with one watcher, by far the most frequent, holds a packed number; from two on, a map.
 *
 * The watches of a stream that ends are over at once. What they took is given back in slices (`sweep`), since one
 * stream may have a million of them.
 */
import { assert } from '../protocol/assert.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { EventType, ZnodePath } from '../protocol/model.ts';
import type { StreamWatchMode } from '../protocol/operations.ts';
import { parentPath } from '../protocol/path.ts';
import { pathHash, ShardedMap } from './sharded-map.ts';
import { WatchClients } from './watch-clients.ts';

/** What a committed change does to the znode at `path`. */
export type ChangeKind = 'create' | 'delete' | 'set' | 'setAcl';

export interface WatchTrigger {
  readonly kind: ChangeKind;
  readonly path: ZnodePath;
}

/** Receives one event, or the wake-up of a `change` watch. It must not change the table. */
export type EmitWatch = (stream: number, type: EventType | 'change', path: ZnodePath) => void;

const DATA = 1;
const EXISTS = 2;
const CHILDREN = 4;
const PERSISTENT = 8;
const RECURSIVE = 16;
const CHANGE = 32;
const MASKS = 64;

const bitOf: Readonly<Record<StreamWatchMode, number>> = {
  data: DATA,
  exists: EXISTS,
  children: CHILDREN,
  persistent: PERSISTENT,
  'persistent-recursive': RECURSIVE,
  change: CHANGE,
};

/** What one change means for the watches of one path. */
interface Rule {
  readonly type: EventType;
  /** Modes that get the event. */
  readonly fires: number;
  /** Modes that are used up by it. */
  readonly consumes: number;
}

const DATA_TABLE = DATA | EXISTS | PERSISTENT | RECURSIVE;

/** For watches of the changed path. A delete reaches the child table too, once for both tables. */
const ownRules: Readonly<Record<ChangeKind, Rule | undefined>> = {
  create: { type: 'NodeCreated', fires: DATA_TABLE, consumes: DATA | EXISTS },
  set: { type: 'NodeDataChanged', fires: DATA_TABLE, consumes: DATA | EXISTS },
  delete: {
    type: 'NodeDeleted',
    fires: DATA_TABLE | CHILDREN,
    consumes: DATA | EXISTS | CHILDREN,
  },
  setAcl: undefined,
};

/** For watches of its parent, when a child comes or goes. */
const parentRule: Rule = {
  type: 'NodeChildrenChanged',
  fires: CHILDREN | PERSISTENT,
  consumes: CHILDREN,
};

/** One watcher as `stream * 64 + mask`, or many by stream. */
type Watchers = number | Map<number, number>;

/** The one path that a stream watches, or all of them. */
type StreamPaths = ZnodePath | ShardedMap<ZnodePath, true>;

/** A stream that has ended, and those of its paths that `#byPath` still has. */
interface Ended {
  readonly stream: number;
  readonly paths: Iterator<ZnodePath>;
  /** Above 0. */
  left: number;
}

interface Firing {
  readonly emit: EmitWatch;
  readonly skip: ((stream: number) => boolean) | undefined;
  /** Streams that have got this trigger's event, as far as somebody else might give it to them again. */
  readonly told: Set<number> | undefined;
}

/** The watched path in question, and what the change means for its watches. */
interface Target {
  readonly path: ZnodePath;
  readonly rule: Rule | undefined;
  readonly firing: Firing;
}

export class WatchTable {
  readonly #byPath = new ShardedMap<ZnodePath, Watchers>(pathHash);
  readonly #byStream = new Map<number, StreamPaths>();
  /** Oldest first. */
  readonly #ended = new Fifo<Ended>();
  readonly #clients = new WatchClients();
  #count = 0;
  #unswept = 0;
  /** Those of ended streams included, until they are swept. */
  #recursiveCount = 0;
  #firing = false;

  /** Watched paths, each counted once per stream, whatever the number of modes. */
  get count(): number {
    return this.#count;
  }

  /** Watched paths of ended streams that still take memory. */
  get unswept(): number {
    return this.#unswept;
  }

  /** Whose watches they are. */
  get clients(): Pick<WatchClients, 'size' | 'heldBy' | 'clientsOf'> {
    return this.#clients;
  }

  /** Counts the watches of a stream, which has none yet, as those of its clients too. */
  addStream(stream: number, clients: readonly string[]): void {
    this.#clients.opened(stream, clients);
  }

  /** Watched paths of one stream. */
  countOf(stream: number): number {
    const paths = this.#byStream.get(stream);
    if (paths === undefined) return 0;
    return typeof paths === 'string' ? 1 : paths.size;
  }

  /** True when the stream watches the path, in this mode or in any. */
  has(stream: number, path: ZnodePath, mode?: StreamWatchMode): boolean {
    const mask = this.#maskOf(stream, path);
    return (mode === undefined ? mask : mask & bitOf[mode]) !== 0;
  }

  /** @returns false when the stream watched the path in this mode already */
  add(stream: number, path: ZnodePath, mode: StreamWatchMode): boolean {
    assert(Number.isSafeInteger(stream) && stream >= 0, `not a stream: ${String(stream)}`);
    const mask = this.#maskOf(stream, path);
    const bit = bitOf[mode];
    if ((mask & bit) !== 0) return false;
    if (mask === 0) this.#addPath(stream, path);
    this.#setMask(stream, path, { from: mask, to: mask | bit });
    return true;
  }

  /**
   * Removes one mode, or without `mode` all of them.
   * @returns false when there was nothing to remove (NOWATCHER)
   */
  remove(stream: number, path: ZnodePath, mode?: StreamWatchMode): boolean {
    const mask = this.#maskOf(stream, path);
    const bits = mode === undefined ? mask : mask & bitOf[mode];
    if (bits === 0) return false;
    this.#setMask(stream, path, { from: mask, to: mask & ~bits });
    return true;
  }

  /** Ends all watches of a stream that has ended; its number is never given again. Their room is `unswept`. */
  removeStream(stream: number): void {
    const paths = this.#byStream.get(stream);
    const count = this.countOf(stream);
    this.#clients.ended(stream, count);
    if (paths === undefined) return;
    this.#byStream.delete(stream);
    this.#count -= count;
    this.#unswept += count;
    const each = typeof paths === 'string' ? [paths].values() : paths.keys();
    this.#ended.push({ stream, paths: each, left: count });
  }

  /** Gives the room of up to `pathsMax` watched paths of ended streams back. */
  sweep(pathsMax: number): void {
    assert(!this.#firing, 'emit must not change the table');
    for (let swept = 0; swept < pathsMax; swept++) {
      const ended = this.#ended.peek();
      const next = ended?.paths.next();
      if (ended === undefined || next?.done !== false) return;
      this.#sweepPath(ended.stream, next.value);
      ended.left -= 1;
      if (ended.left === 0) this.#ended.shift();
    }
  }

  /**
   * Fires what a committed change fires: at most one event per type, path and stream, however many
   * registrations overlap; standard watches are used up, persistent ones stay. For streams that `skip`
   * names nothing happens at all: they get it later, through `triggerFor`.
   */
  trigger(change: WatchTrigger, emit: EmitWatch, skip?: (stream: number) => boolean): void {
    if (this.#count === 0) return;
    assert(!this.#firing, 'emit must not trigger watches');
    this.#firing = true;
    const { kind, path } = change;
    const rule = ownRules[kind];
    const told = rule !== undefined && this.#recursiveCount > 0 ? new Set<number>() : undefined;
    this.#fireAll(path, rule, { emit, skip, told });
    if (rule !== undefined && told !== undefined) {
      this.#fireAncestors({ path, type: rule.type }, { emit, skip, told });
    }
    if (changesChildren(kind) && path !== '/') {
      this.#fireAll(parentPath(path), parentRule, { emit, skip, told: undefined });
    }
    this.#firing = false;
  }

  /** The same for one stream alone: a lagging cursor or a resumed session that is replayed. */
  triggerFor(stream: number, change: WatchTrigger, emit: EmitWatch): void {
    if (!this.#byStream.has(stream)) return;
    assert(!this.#firing, 'emit must not trigger watches');
    this.#firing = true;
    const { kind, path } = change;
    const rule = ownRules[kind];
    const told = new Set<number>();
    const firing: Firing = { emit, skip: undefined, told };
    this.#fireOne(stream, { path, rule, firing });
    if (rule !== undefined && this.#recursiveCount > 0) {
      for (let at = path; at !== '/' && !told.has(stream);) {
        at = parentPath(at);
        if ((this.#maskOf(stream, at) & RECURSIVE) === 0) continue;
        told.add(stream);
        emit(stream, rule.type, path);
      }
    }
    if (changesChildren(kind) && path !== '/') {
      this.#fireOne(stream, { path: parentPath(path), rule: parentRule, firing });
    }
    this.#firing = false;
  }

  #fireAll(path: ZnodePath, rule: Rule | undefined, firing: Firing): void {
    const watchers = this.#byPath.get(path);
    if (watchers === undefined) return;
    const target = { path, rule, firing };
    if (typeof watchers === 'number') {
      this.#fireOne(Math.floor(watchers / MASKS), target);
      return;
    }
    for (const [stream, mask] of watchers) {
      if (this.#isOver(stream)) continue;
      const rest = fire(stream, mask, target);
      if (rest === mask) continue;
      if (rest !== 0) {
        watchers.set(stream, rest);
        continue;
      }
      watchers.delete(stream);
      this.#removePath(stream, path);
    }
    this.#shrink(path, watchers);
  }

  #fireOne(stream: number, target: Target): void {
    if (this.#isOver(stream)) return;
    const mask = this.#maskOf(stream, target.path);
    const rest = fire(stream, mask, target);
    if (rest !== mask) this.#setMask(stream, target.path, { from: mask, to: rest });
  }

  /** Recursive watches of the path's ancestors; those of the path itself have fired with it. */
  #fireAncestors(
    event: { readonly path: ZnodePath; readonly type: EventType },
    firing: Firing & { readonly told: Set<number> },
  ): void {
    for (let at = event.path; at !== '/';) {
      at = parentPath(at);
      const watchers = this.#byPath.get(at);
      if (watchers === undefined) continue;
      for (const [stream, mask] of typeof watchers === 'number' ? [unpack(watchers)] : watchers) {
        if ((mask & RECURSIVE) === 0 || firing.told.has(stream)) continue;
        if (this.#isOver(stream)) continue;
        if (firing.skip?.(stream) === true) continue;
        firing.told.add(stream);
        firing.emit(stream, event.type, event.path);
      }
    }
  }

  /** True for a stream that has ended and has not been swept. */
  #isOver(stream: number): boolean {
    return this.#unswept > 0 && !this.#byStream.has(stream);
  }

  #sweepPath(stream: number, path: ZnodePath): void {
    this.#recursiveCount -= (this.#maskOf(stream, path) & RECURSIVE) / RECURSIVE;
    this.#removeWatcher(stream, path);
    this.#unswept -= 1;
  }

  #maskOf(stream: number, path: ZnodePath): number {
    const watchers = this.#byPath.get(path);
    if (watchers === undefined) return 0;
    if (typeof watchers !== 'number') return watchers.get(stream) ?? 0;
    return Math.floor(watchers / MASKS) === stream ? watchers % MASKS : 0;
  }

  #setMask(
    stream: number,
    path: ZnodePath,
    mask: { readonly from: number; readonly to: number },
  ): void {
    this.#recursiveCount += ((mask.to & RECURSIVE) - (mask.from & RECURSIVE)) / RECURSIVE;
    if (mask.to === 0) {
      this.#removeWatcher(stream, path);
      this.#removePath(stream, path);
      return;
    }
    const watchers = this.#byPath.get(path);
    if (watchers === undefined) {
      this.#byPath.set(path, stream * MASKS + mask.to);
    } else if (typeof watchers !== 'number') {
      watchers.set(stream, mask.to);
    } else if (Math.floor(watchers / MASKS) === stream) {
      this.#byPath.set(path, stream * MASKS + mask.to);
    } else {
      this.#byPath.set(path, new Map([unpack(watchers), [stream, mask.to]]));
    }
  }

  #removeWatcher(stream: number, path: ZnodePath): void {
    const watchers = this.#byPath.get(path);
    if (typeof watchers === 'number' || watchers === undefined) {
      this.#byPath.delete(path);
      return;
    }
    watchers.delete(stream);
    this.#shrink(path, watchers);
  }

  /** A map with one watcher becomes a number again, one without any is dropped. */
  #shrink(path: ZnodePath, watchers: ReadonlyMap<number, number>): void {
    if (watchers.size > 1) return;
    if (watchers.size === 0) this.#byPath.delete(path);
    for (const [stream, mask] of watchers) this.#byPath.set(path, stream * MASKS + mask);
  }

  #addPath(stream: number, path: ZnodePath): void {
    this.#count += 1;
    this.#clients.count(stream, 1);
    const paths = this.#byStream.get(stream);
    if (paths === undefined) {
      this.#byStream.set(stream, path);
    } else if (typeof paths !== 'string') {
      paths.set(path, true);
    } else {
      const both = new ShardedMap<ZnodePath, true>(pathHash);
      both.set(paths, true);
      both.set(path, true);
      this.#byStream.set(stream, both);
    }
  }

  #removePath(stream: number, path: ZnodePath): void {
    this.#count -= 1;
    this.#clients.count(stream, -1);
    const paths = this.#byStream.get(stream);
    assert(paths !== undefined, 'a watcher is known by its stream');
    if (typeof paths === 'string') {
      this.#byStream.delete(stream);
      return;
    }
    paths.delete(path);
    if (paths.size === 0) this.#byStream.delete(stream);
  }
}

/**
 * What a standard watch that a client sets again after a gap has missed since `relativeZxid`
 * (`DataTree.setWatches`); undefined = nothing, arm it. `stat` is absent when the znode is.
 * Persistent modes are never compared: they are replayed out of the ring.
 */
export function compareOneShot(
  mode: 'data' | 'exists' | 'children',
  stat: { readonly mzxid: number; readonly pzxid: number } | undefined,
  relativeZxid: number,
): EventType | undefined {
  switch (mode) {
    case 'data':
      if (stat === undefined) return 'NodeDeleted';
      return stat.mzxid > relativeZxid ? 'NodeDataChanged' : undefined;
    case 'exists':
      return stat === undefined ? undefined : 'NodeCreated';
    case 'children':
      if (stat === undefined) return 'NodeDeleted';
      return stat.pzxid > relativeZxid ? 'NodeChildrenChanged' : undefined;
  }
}

/** The watches of one stream on one path. @returns the modes that are left */
function fire(stream: number, mask: number, { path, rule, firing }: Target): number {
  const fires = rule !== undefined && (mask & rule.fires) !== 0;
  const changes = (mask & CHANGE) !== 0;
  if (!fires && !changes) return mask;
  if (firing.skip?.(stream) === true) return mask;
  if (fires) {
    firing.told?.add(stream);
    firing.emit(stream, rule.type, path);
  }
  if (changes) firing.emit(stream, 'change', path);
  return fires ? mask & ~rule.consumes : mask;
}

function changesChildren(kind: ChangeKind): boolean {
  return kind === 'create' || kind === 'delete';
}

function unpack(watcher: number): [number, number] {
  return [Math.floor(watcher / MASKS), watcher % MASKS];
}
