/**
 * Events as objects that all streams share: what is made of a change for one stream is given to every other
 * that asks for the same, so that the doors turn it into bytes once.
 */
import type { StreamEvent } from '../protocol/coordination.ts';
import type { EventType, Stat, Zxid } from '../protocol/model.ts';
import { parentPath } from '../protocol/path.ts';
import { decodeTransaction } from '../tree/index.ts';
import type { Change, CreateChange, DeleteChange, SetAclChange, SetChange } from '../tree/index.ts';
import type { LogRecord } from '../zab/index.ts';

/** A change that watches can see. */
export type ZnodeChange = CreateChange | SetChange | DeleteChange | SetAclChange;

export function isZnodeChange(change: Change): change is ZnodeChange {
  const { type } = change;
  return type === 'create' || type === 'set' || type === 'delete' || type === 'setAcl';
}

type Events = readonly StreamEvent[];

/** The events of one change, each an array of one event, by what a stream asks to be added. */
export class SharedEvents {
  readonly change: ZnodeChange;
  readonly #zxid: Zxid;
  readonly #time: number;
  #parent: Events | undefined;
  #plain: Events | undefined;
  #stat: Events | undefined;
  #data: Events | undefined;

  constructor(change: ZnodeChange, zxid: Zxid, time: number) {
    this.change = change;
    this.#zxid = zxid;
    this.#time = time;
  }

  of(type: EventType, asked: 'stat' | 'data' | undefined): Events {
    const { change } = this;
    const { path } = change;
    if (type === 'NodeChildrenChanged') {
      return (this.#parent ??= [{ type, path: parentPath(path) }]);
    }
    if (asked === undefined || (change.type !== 'create' && change.type !== 'set')) {
      return (this.#plain ??= [{ type, path }]);
    }
    this.#stat ??= [{ type, path, stat: statAfter(change, this.#zxid, this.#time) }];
    if (asked === 'stat') return this.#stat;
    return (this.#data ??= this.#stat.map((event) => ({ ...event, data: change.data })));
  }
}

/** Bytes of records whose events are kept for the next reader; a larger one is kept alone. */
const REPLAYED_BYTES_MAX = 8 * 1024 * 1024;

interface Replay {
  readonly bytes: number;
  readonly changes: readonly SharedEvents[];
}

/**
 * What the records read last by lagging streams hold: readers that resume together, or are kept up by the
 * same burst, go through the same records one after another.
 */
export class Replays {
  readonly #byZxid = new Map<Zxid, Replay>();
  #bytes = 0;

  /** The changes that watches can see, with the events made of them. */
  changesOf(record: LogRecord): readonly SharedEvents[] {
    const { zxid, payload } = record;
    const known = this.#byZxid.get(zxid);
    if (known !== undefined) return known.changes;
    const { time, changes } = decodeTransaction(payload);
    const made = changes.filter(isZnodeChange).map((change) => {
      return new SharedEvents(change, zxid, time);
    });
    this.#keep(zxid, { bytes: payload.length, changes: made });
    return made;
  }

  /** To be called when nobody lags any more. */
  clear(): void {
    this.#byZxid.clear();
    this.#bytes = 0;
  }

  #keep(zxid: Zxid, replay: Replay): void {
    for (const [oldest, { bytes }] of this.#byZxid) {
      if (this.#bytes + replay.bytes <= REPLAYED_BYTES_MAX) break;
      this.#byZxid.delete(oldest);
      this.#bytes -= bytes;
    }
    this.#byZxid.set(zxid, replay);
    this.#bytes += replay.bytes;
  }
}

/** The stat as of the change, from the record alone: a replay has no tree of that time. */
function statAfter(change: CreateChange | SetChange, zxid: Zxid, time: number): Stat {
  const { ephemeralOwner, kind } = change;
  const dataLength = change.data.length;
  const born = { czxid: zxid, pzxid: zxid, ctime: time, version: 0, cversion: 0, aversion: 0 };
  const before = change.type === 'set' ? change : { ...born, numChildren: 0 };
  const { czxid, pzxid, ctime, version, cversion, aversion, numChildren } = before;
  const stat = { czxid, mzxid: zxid, pzxid, ctime, mtime: time, version, cversion, aversion };
  const rest = { ephemeralOwner, dataLength, numChildren, kind };
  return kind === 'ttl' ? { ...stat, ...rest, ttlMs: change.ttlMs } : { ...stat, ...rest };
}
