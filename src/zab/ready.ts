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
  /** What must be durable before it leaves. */
  readonly after: 'now' | 'promise' | LogPosition;
}

/** What happened, for logs and tests: changes of state and everything ignored, never single records. */
export type TraceEvent =
  | { readonly type: 'role'; readonly role: 'looking' | 'leading'; readonly tenure: number }
  | { readonly type: 'promise'; readonly epoch: number }
  | { readonly type: 'epoch-record'; readonly position: LogPosition }
  | { readonly type: 'established'; readonly epoch: number; readonly committed: LogPosition }
  | { readonly type: 'reset'; readonly reason: string }
  | { readonly type: 'ignored'; readonly what: string; readonly reason: string };

/**
 * Everything the core wants done. The order of effects, stated here and nowhere else:
 *
 * 1. `promise`: both copies of the promise file are written and synced; then `promiseDurable` is called
 *    with this tenure.
 * 2. `truncateAfter`, then `append`, go to the disk at once and in the order of the Readies: one
 *    sequential queue. When a record is synced, `durable` is called with this tenure and the record's
 *    position; it stands for all records before it. An error of the disk ends the process.
 * 3. `messages` with `after: 'now'` leave at once, also before this Ready's records are durable: peers
 *    write while we do. Those with `'promise'` leave when the promise of this tenure is durable, those
 *    with a position when `durable` has reached it. What has not left when the tenure changes is
 *    dropped.
 * 4. Records up to `applicable` (the lesser of `committed` and what is durable here) are applied; only
 *    then are their writers answered.
 * 5. `barriers` are answered last, from a state that has applied their position.
 * 6. `trace` is told at any time.
 */
export interface Ready {
  readonly tenure: number;
  readonly promise?: EpochPromise;
  readonly truncateAfter?: LogPosition;
  readonly append: readonly LogRecord[];
  readonly messages: readonly OutgoingMessage[];
  readonly committed: LogPosition;
  readonly applicable: LogPosition;
  readonly barriers: readonly SettledBarrier[];
  readonly trace: readonly TraceEvent[];
}
