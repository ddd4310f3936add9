/**
 * What the front doors need from the node behind them: message-shaped, serialisable, batched, without
 * closures, so that a door may move to another process. `replica/` implements it; tests use a fake.
 *
 * Order: the requests of one stream take effect and are answered in the order in which they were
 * submitted, and events stand in that same order, before any answer that would show their change.
 * Stream 0 is no stream: each of its requests stands alone, unordered.
 */
import type {
  CoordinatorAnswer,
  CoordinatorMessage,
  CoordinatorStatus,
  SnapshotInfo,
} from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';

export type {
  StreamId,
  Consistency,
  SessionCredential,
  Caller,
  Idempotency,
  CloseMessage,
  RequestMessage,
  FlowMessage,
  TouchMessage,
  CoordinatorMessage,
  ResultAnswer,
  ErrorAnswer,
  StreamEvent,
  EventsAnswer,
  GoneAnswer,
  SessionAnswer,
  CoordinatorAnswer,
  CoordinatorStatus,
  SnapshotInfo,
} from '../protocol/coordination.ts';
export { noStream } from '../protocol/coordination.ts';

export interface Coordinator {
  /** Takes a batch; never throws for a client's fault. Answers reach the listener, at any later time or at once. */
  submit(messages: readonly CoordinatorMessage[]): void;
  /** Exactly one listener; it gets batches in the order described above. */
  listen(listener: (answers: readonly CoordinatorAnswer[]) => void): void;
  status(): CoordinatorStatus;
  /** Takes an online snapshot now. */
  takeSnapshot(): Promise<SnapshotInfo>;
  /** The bytes of a kept snapshot, or undefined. */
  readSnapshot(zxid: Zxid): AsyncIterable<Uint8Array> | undefined;
}
