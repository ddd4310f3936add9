/** What the parts of one core share. */
import type { LogView } from './log-view.ts';
import type { Members } from './members.ts';
import type { StreamLimits, ZabOptions, ZabTimeouts } from './options.ts';
import type { Outbox } from './outbox.ts';
import type { EpochPromise, Peer } from './types.ts';

export interface Context {
  readonly options: ZabOptions;
  readonly self: number;
  readonly timeouts: ZabTimeouts;
  readonly streams: StreamLimits;
  readonly log: LogView;
  readonly outbox: Outbox;
  readonly members: Members;
  /** The links that are up. */
  readonly peers: Map<number, Peer>;
  /** Milliseconds of the caller's clock, as of the last tick. */
  nowMs: number;
  /** Until then nobody is given up for silence: this node was not listening itself. */
  graceUntilMs: number;
  /** The greatest epoch ever promised, durable or not: it is never promised twice. */
  promise: EpochPromise | undefined;
  /** The greatest one that is on disk. */
  durablePromise: EpochPromise | undefined;
  /** The greatest epoch that a voter has said to have promised, and that was believed. */
  greatestHeard?: number;
  /** Of the log, or of the cluster that this node has found. */
  clusterId: string | undefined;
  /** As a leader has told it. */
  joinedClusterId: string | undefined;
  recovering: boolean;
}
