import type { ZabMessage } from './messages.ts';
import type { EpochPromise, LogPosition, LogRecord } from './types.ts';

/** Names one barrier for the life of the process. */
export type BarrierId = number;

/**
 * `passed`: the barrier's position is committed, leadership was confirmed after the barrier was set,
 * and as many voters as asked have the position on disk. `void`: the node no longer leads the epoch in
 * which it was set (or none was established). `acks-unreachable`: there are fewer voters than asked for.
 */
export type BarrierOutcome = 'passed' | 'void' | 'acks-unreachable';

export interface SettledBarrier {
  readonly id: BarrierId;
  readonly outcome: BarrierOutcome;
}

export interface OutgoingMessage {
  readonly to: number;
  readonly message: ZabMessage;
}

/** Records for the stream of one learner that memory no longer holds; answered by `recordsRead`. */
export interface ReadRequest {
  readonly to: number;
  /** Of the relation with the learner. */
  readonly tenure: number;
  readonly after: LogPosition;
  /** About so many bytes are wanted; one record at least, however long. */
  readonly bytesMax: number;
}

/** A learner needs a snapshot; the driver streams one and calls `snapshotSent` or `snapshotFailed`. */
export interface SnapshotRequest {
  readonly to: number;
  /** Of the relation with the learner: every SNAPSHOT message carries it. */
  readonly tenure: number;
  /** Every SNAPSHOT message carries it. */
  readonly transfer: number;
  /** The common point: an older snapshot would take away what the learner has acknowledged. */
  readonly atLeast: LogPosition;
}

/** The learner has taken all pieces up to `index`: others may be sent. */
export interface SnapshotProgress {
  readonly to: number;
  readonly tenure: number;
  readonly transfer: number;
  readonly index: number;
}

/** A transfer that must end, since its relation is over. Neither `snapshotSent` nor `snapshotFailed` follows. */
export interface SnapshotOver {
  readonly to: number;
  readonly tenure: number;
  readonly transfer: number;
}

/** A piece of a snapshot that this learner receives, in order, the first with index 0. */
export interface SnapshotChunk {
  /** This node's; `chunkTaken`, `snapshotInstalled` and `snapshotRefused` carry it back. */
  readonly tenure: number;
  readonly transfer: number;
  readonly index: number;
  readonly position: LogPosition;
  readonly chain: number;
  readonly epochStarts: readonly LogPosition[];
  readonly bytes: Uint8Array;
  readonly last: boolean;
  readonly totalBytes: number;
}

export interface Disconnection {
  readonly peer: number;
  /** A whole sentence. */
  readonly reason: string;
}

export type RoleName = 'looking' | 'leading' | 'following' | 'observing';

/** What happened, for logs and tests: changes of state and everything ignored, never single records. */
export type TraceEvent =
  | {
      readonly type: 'role';
      readonly role: RoleName;
      readonly tenure: number;
      /** Of learners. */
      readonly leader?: number;
    }
  /** A quorum agreed on this candidate, or the leader itself has said so. */
  | { readonly type: 'elected'; readonly leader: number; readonly round: number }
  | { readonly type: 'promise'; readonly epoch: number; readonly leader: number }
  /** The leader has appended it, or the learner has received it. */
  | { readonly type: 'epoch-record'; readonly position: LogPosition }
  | { readonly type: 'established'; readonly epoch: number; readonly committed: LogPosition }
  /** A learner holds the epoch record durably: the leader's view. */
  | { readonly type: 'synced'; readonly learner: number; readonly position: LogPosition }
  /** This learner may serve: its commit point has reached the epoch record of its leader. */
  | { readonly type: 'serving'; readonly epoch: number; readonly committed: LogPosition }
  | { readonly type: 'truncated'; readonly after: LogPosition }
  | { readonly type: 'snapshot'; readonly to: number; readonly atLeast: LogPosition }
  | { readonly type: 'installed'; readonly position: LogPosition }
  /** A damaged log has been learned anew: the node counts again, and its marker may go. */
  | { readonly type: 'recovered'; readonly epoch: number }
  | { readonly type: 'handoff'; readonly to: number; readonly position: LogPosition }
  | { readonly type: 'reset'; readonly reason: string }
  /** Something that an operator should look at. */
  | { readonly type: 'alarm'; readonly text: string }
  /** A peer has broken the protocol: its connection is closed. */
  | { readonly type: 'violation'; readonly peer: number; readonly reason: string }
  | { readonly type: 'ignored'; readonly what: string; readonly reason: string };

/**
 * Everything the core wants done. The order of effects, stated here and nowhere else:
 *
 * 1. `promise`: both copies of the promise file are written and synced; then `promiseDurable` is called
 *    with this tenure. Promises are written one after another, and may be the same again.
 * 2. `forgetAfter`: the log in memory ends there now; records behind it that wait to be applied are
 *    forgotten. Never below `committed`.
 * 3. `truncateAfter`, then `append`, go to the disk at once and in the order of the Readies: one
 *    sequential queue. When a record is synced, `durable` is called with the tenure of the Ready that
 *    brought it and the record's position; it stands for all records before it. An error of the disk
 *    ends the process.
 * 4. `messages` leave at once and in order, also before this Ready's records are durable: peers write
 *    while we do. Whatever has to be durable before a message leaves is so already.
 * 5. `disconnect`: the link is closed after the messages; `peerDown` follows.
 * 6. Records up to `applicable` (the lesser of `committed` and what is durable here) are applied; only
 *    then are their writers answered.
 * 7. `barriers` are answered last, from a state that has applied their position.
 * 8. `chunks` are written beside the log; `chunkTaken` is called for each. After the last one the driver
 *    verifies the whole, installs it atomically with an empty log behind it, in the same sequential queue
 *    as appends, and calls `snapshotInstalled`, or, where nothing has changed on disk, `snapshotRefused`:
 *    exactly one of them, also when the tenure has changed meanwhile. Until then the core appends nothing.
 *    A chunk with index 0 or of another tenure begins anew: what was received before is thrown away.
 * 9. `reads` and `snapshots` are begun; `snapshotAcks` and `snapshotsOver` go to the transfers.
 * 10. `trace` is told at any time.
 */
export interface Ready {
  readonly tenure: number;
  readonly promise?: EpochPromise;
  readonly forgetAfter?: LogPosition;
  readonly truncateAfter?: LogPosition;
  readonly append: readonly LogRecord[];
  readonly messages: readonly OutgoingMessage[];
  readonly committed: LogPosition;
  readonly applicable: LogPosition;
  readonly barriers: readonly SettledBarrier[];
  readonly reads: readonly ReadRequest[];
  readonly snapshots: readonly SnapshotRequest[];
  readonly snapshotAcks: readonly SnapshotProgress[];
  readonly snapshotsOver: readonly SnapshotOver[];
  readonly chunks: readonly SnapshotChunk[];
  readonly disconnect: readonly Disconnection[];
  readonly trace: readonly TraceEvent[];
}
