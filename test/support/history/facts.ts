/** What a run has seen beside the answers to its requests. */

export type ChangeType = 'NodeCreated' | 'NodeDataChanged' | 'NodeDeleted';

export interface Change {
  readonly type: ChangeType;
  readonly path: string;
  /** Of a creation or a replacement: as of then. */
  readonly data?: string;
  /** Session of an ephemeral that is created; 0 = none. */
  readonly owner?: number;
}

/** One transaction, as far as it touches the part of the tree that a run works on. */
export interface LedgerEntry {
  readonly zxid: number;
  readonly changes: readonly Change[];
}

/** Everything committed below the run's root after `from` up to `to`, as one node tells it. */
export interface Ledger {
  readonly node: number;
  readonly from: number;
  readonly to: number;
  readonly entries: readonly LedgerEntry[];
}

export interface WatchedEvents {
  readonly type: 'events';
  readonly zxid: number;
  readonly events: readonly { readonly type: string; readonly path: string }[];
}

/** Something that says: all up to here has been told. */
export interface WatchedPosition {
  readonly type: 'bookmark' | 'answer';
  readonly zxid: number;
}

/** One connection of a watcher, in the order of arrival. */
export interface WatchConnection {
  readonly node: number;
  /** It must be told everything after this. */
  readonly from: number;
  readonly seen: readonly (WatchedEvents | WatchedPosition)[];
}

/** A persistent-recursive watch, carried from connection to connection. */
export interface WatchLog {
  readonly client: string;
  readonly path: string;
  readonly connections: readonly WatchConnection[];
}

export interface SessionFact {
  readonly id: number;
  readonly client: string;
  /** Until then, on the client's clock, it has been promised to live, unless it is closed. */
  aliveUntilMs: number;
  /** Its client has closed it, at this zxid; `uncertain` = it has tried. */
  closed?: number | 'uncertain';
  /** Somebody was told that it is gone; with a position, it is gone there. */
  toldGone?: { readonly zxid?: number; readonly atMs: number };
}

/** A client has found its own znode to be the lowest of the lock's. */
export interface LockClaim {
  readonly client: string;
  readonly path: string;
  /** The fencing token. */
  readonly czxid: number;
  /** The position of the answer that made it the holder. */
  readonly heldAt: number;
}

export class Findings {
  readonly violations: string[] = [];
  /** Beyond so many nothing new is learnt. */
  static readonly max = 50;

  add(rule: string, text: string): void {
    if (this.violations.length < Findings.max) this.violations.push(`${rule}: ${text}`);
  }
}
