/** What a step shows from outside, in one form for every target. */
import type { ActionType, Slot, Step } from './program.ts';

export interface ObservedStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** In the target's own numbering; "0" = none. */
  readonly ephemeralOwner: string;
  readonly dataLength: number;
  readonly numChildren: number;
  /** Only where the target tells; ZooKeeper does not. */
  readonly kind?: string;
}

/** One operation of a multi or multi-read. */
export interface ObservedMember {
  readonly code: number;
  readonly path?: string;
  /** Base64. */
  readonly data?: string;
  readonly stat?: ObservedStat;
  readonly children?: readonly string[];
}

export interface Observation {
  /** ZooKeeper's number; 0 = done. */
  readonly code: number;
  /** Of a write that was done. */
  readonly zxid?: number;
  readonly path?: string;
  /** Base64. */
  readonly data?: string;
  readonly stat?: ObservedStat;
  /** Sorted. */
  readonly children?: readonly string[];
  /** `scheme:id:bits`, in the order of the answer. */
  readonly acl?: readonly string[];
  readonly members?: readonly ObservedMember[];
  /** Sorted. */
  readonly paths?: readonly string[];
  readonly count?: number;
  /** `scheme:user`, sorted. */
  readonly identities?: readonly string[];
  /** The slot's session from now on, in the target's own numbering. */
  readonly session?: string;
}

export interface ObservedEvent {
  readonly type: string;
  readonly path: string;
}

/** The events of each slot since the last step. */
export type SlotEvents = readonly [readonly ObservedEvent[], readonly ObservedEvent[]];

export const noEvents: SlotEvents = [[], []];

/** What the sessions of both slots ask for, milliseconds. */
export type SessionTimeouts = readonly [number, number];
export const longTimeouts: SessionTimeouts = [60_000, 60_000];

/** A system under comparison. */
export interface Target {
  readonly name: string;
  /** False where each watch has a stream of its own, so that only the set of events can be compared. */
  readonly ordersEvents: boolean;
  /** True where a stat names the kind of its znode. */
  readonly tellsKind: boolean;
  /** Makes the base znode and opens the sessions of both slots. */
  begin(base: string): Promise<readonly [string, string]>;
  execute(step: Step): Promise<Observation>;
  /** Waits until every event of the steps so far has arrived: `expected`, where nothing marks the end. */
  collect(expected: SlotEvents): Promise<SlotEvents>;
  /** Falls silent, without ending the session. */
  abandon(slot: Slot): Promise<void>;
  /** Ends the sessions, whatever state they are in. */
  finish(): Promise<void>;
}

export const mutating: ReadonlySet<ActionType> = new Set<ActionType>([
  'create',
  'set',
  'delete',
  'setAcl',
  'multi',
  'close',
]);

/** Paths of the program's own part of the tree are shown relative to its base. */
export class BasePath {
  readonly base: string;

  constructor(base: string) {
    this.base = base;
  }

  absolute(path: string): string {
    return path.startsWith('@') ? `${this.base}${path.slice(1)}` : path;
  }

  relative(path: string): string {
    if (path === this.base) return '@';
    return path.startsWith(`${this.base}/`) ? `@${path.slice(this.base.length)}` : path;
  }
}
