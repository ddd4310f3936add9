/** A reader of events and what it must be told: worked out from the records, by ZooKeeper's rules alone. */
import type {
  CoordinatorAnswer,
  EventsAnswer,
  StreamEvent,
} from '../../../src/protocol/coordination.ts';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type { Change } from '../../../src/tree/index.ts';
import { fail, same } from './fail.ts';
import type { Ledger } from './ledger.ts';

export type WatcherMode = 'persistent' | 'persistent-recursive';

export interface WatcherOptions {
  readonly stream: number;
  readonly mode: WatcherMode;
  readonly path: ZnodePath;
  /** It has been told everything up to here. */
  readonly from: number;
}

const names = { create: 'NodeCreated', set: 'NodeDataChanged', delete: 'NodeDeleted' } as const;

/** What a watch is told of one change, by someone who may read everything. */
function eventsOf(
  change: Change,
  { mode, path: watched }: Pick<WatcherOptions, 'mode' | 'path'>,
): readonly StreamEvent[] {
  if (change.type !== 'create' && change.type !== 'set' && change.type !== 'delete') return [];
  const { type, path } = change;
  const event = { type: names[type], path };
  if (mode === 'persistent-recursive') {
    const isBelow = watched === '/' || path === watched || path.startsWith(`${watched}/`);
    return isBelow ? [event] : [];
  }
  if (path === watched) return [event];
  const parent = path.slice(0, path.lastIndexOf('/')) || '/';
  if (parent !== watched || type === 'set') return [];
  return [{ type: 'NodeChildrenChanged', path: watched }];
}

export class Watcher {
  readonly options: WatcherOptions;
  /** Its socket is full, or was and it has not caught up: its events come late. */
  isSlow = false;
  #toldUpTo: number;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.#toldUpTo = options.from;
  }

  /** What it must be told of the record at `zxid`. */
  expected(ledger: Ledger, zxid: number): readonly StreamEvent[] {
    return ledger.changesAt(zxid).flatMap((change) => eventsOf(change, this.options));
  }

  take(answer: CoordinatorAnswer, ledger: Ledger): void {
    if (answer.type === 'gone') {
      this.#toldUpTo = answer.currentZxid;
      return;
    }
    if (answer.type !== 'events') return;
    const { zxid, events }: EventsAnswer = answer;
    if (zxid <= this.#toldUpTo) fail(`events of ${zxid} after those of ${this.#toldUpTo}`);
    this.caughtUp(ledger, zxid - 1);
    same(events, this.expected(ledger, zxid), `events of ${zxid} on stream ${answer.stream}`);
    this.#toldUpTo = zxid;
  }

  /** That it was told of everything up to `zxid`. */
  caughtUp(ledger: Ledger, zxid: number): void {
    for (let at = this.#toldUpTo + 1; at <= zxid; at += 1) {
      const missed = this.expected(ledger, at);
      if (missed.length > 0) same([], missed, `events of ${at} that were never sent`);
    }
    this.#toldUpTo = Math.max(this.#toldUpTo, zxid);
  }
}
