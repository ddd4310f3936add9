/**
 * The messages between the front doors and the node behind them: plain, serialisable, batched data, so
 * that a door may move to another process. The rules of order stand at `gateway/coordinator.ts`.
 */
import type { ErrorBody } from './errors.ts';
import type { EventType, Identity, SessionId, Stat, ZnodePath, Zxid } from './model.ts';
import type { Operation, Result } from './operations.ts';

/** Chosen by the doors, above 0, never used twice in the life of the process. */
export type StreamId = number;

/** The stream number of requests that stand alone. */
export const noStream: StreamId = 0;

export type Consistency = 'linearizable' | 'local';

export interface SessionCredential {
  readonly id: SessionId;
  /** The text behind the colon of a token; compared by hash, in constant time. */
  readonly secret: string;
}

/** Who asks: for a request that stands alone. A stream's caller is set by `open`, `attach`, `identify`. */
export interface Caller {
  readonly identities: readonly Identity[];
  readonly session?: SessionCredential;
}

/** Makes a retry answer as the first time; both texts are opaque to the coordinator. */
export interface Idempotency {
  readonly key: string;
  /** Hash of everything that makes the request the same request. */
  readonly fingerprint: string;
}

export interface OpenMessage {
  readonly type: 'open';
  readonly stream: StreamId;
  /** What the connection itself proves: the `ip` identity, headers of the upgrade. */
  readonly identities: readonly Identity[];
  /** Whose share its watches are taken from: each of them has all. Absent = only the node's limit counts. */
  readonly clients?: readonly string[];
  /** Of the request that opens it: its end ends the stream. The stream is neither attached to it nor keeps it alive. */
  readonly session?: SessionId;
}

export interface CloseMessage {
  readonly type: 'close';
  readonly stream: StreamId;
}

export interface RequestMessage {
  readonly type: 'request';
  readonly stream: StreamId;
  /** Door-chosen, unique among the open requests of the stream (of all stand-alone ones for stream 0). */
  readonly id: number;
  readonly operation: Operation;
  /** Required on stream 0, absent elsewhere. */
  readonly caller?: Caller;
  /** Of a read; default `local`. */
  readonly consistency?: Consistency;
  /** Answer only from a state at or after this zxid. */
  readonly minZxid?: Zxid;
  /** How long to wait for `minZxid`, milliseconds; default `requestTimeoutMs`. */
  readonly minZxidWaitMs?: number;
  /** Of a write: how many voters must have it on disk, or all; absent = majority. */
  readonly acks?: number | 'all';
  readonly idempotency?: Idempotency;
  /** The door asks on its own (for a bookmark): no sign of life of the client. */
  readonly unprompted?: true;
}

/** The socket of the stream is full (its events wait in the ring) or has room again. */
export interface FlowMessage {
  readonly type: 'flow';
  readonly stream: StreamId;
  readonly ready: boolean;
}

/** A sign of life of the stream's session without a request: any frame, a pong included. */
export interface TouchMessage {
  readonly type: 'touch';
  readonly stream: StreamId;
}

/**
 * The client of a request that stands alone is gone. If it still waits for a zxid it is refused at once, and
 * nothing of it was done; else it takes its way.
 */
export interface CancelMessage {
  readonly type: 'cancel';
  readonly id: number;
}

export type CoordinatorMessage =
  OpenMessage | CloseMessage | RequestMessage | FlowMessage | TouchMessage | CancelMessage;

export interface ResultAnswer {
  readonly type: 'result';
  readonly stream: StreamId;
  readonly id: number;
  /** Of a write its own, else of the state that was answered from. */
  readonly zxid: Zxid;
  readonly result: Result;
  /** The confirmed remaining life of the caller's session, milliseconds. */
  readonly expiresInMs?: number;
  /** The node is in no quorum and answers from what it knows to be committed. */
  readonly readOnly?: true;
}

export interface ErrorAnswer {
  readonly type: 'error';
  readonly stream: StreamId;
  readonly id: number;
  readonly zxid: Zxid;
  readonly error: ErrorBody;
  readonly expiresInMs?: number;
  readonly readOnly?: true;
  /** The stream ended with this answer (its first uncertain outcome): close with 4503. */
  readonly ends?: true;
}

export interface StreamEvent {
  readonly type: EventType;
  readonly path: ZnodePath;
  /** Only where the watch asked for it, of NodeCreated and NodeDataChanged, as of the event. */
  readonly stat?: Stat;
  readonly data?: Uint8Array;
}

/** All events of one zxid for the stream. `events` may be shared with other streams: never mutate. */
export interface EventsAnswer {
  readonly type: 'events';
  readonly stream: StreamId;
  readonly zxid: Zxid;
  readonly events: readonly StreamEvent[];
}

/** A wake-up of a `change` watch. */
export interface ChangeAnswer {
  readonly type: 'change';
  readonly stream: StreamId;
  readonly zxid: Zxid;
  readonly path: ZnodePath;
}

/** The stream's cursor fell off the ring: what lies between is lost for it. */
export interface GoneAnswer {
  readonly type: 'gone';
  readonly stream: StreamId;
  readonly oldestZxid: Zxid;
  readonly currentZxid: Zxid;
}

/**
 * What becomes of the stream's session.
 *
 * - `expired`: it is over, and so is the stream.
 * - `moved`: a newer stream has taken it over; this one is over.
 * - `suspended`: the node has been without a leader for longer than its peer timeout. Nothing keeps the session
 *   alive meanwhile. A stream that is attached to one ends when that may have ended elsewhere. Streams without a
 *   session hear it too, spread over a while: what they watch may happen without them.
 * - `connected`: after `suspended`, or after the stream was opened while that was so: the node serves again.
 */
export interface SessionAnswer {
  readonly type: 'session';
  readonly stream: StreamId;
  readonly state: 'expired' | 'moved' | 'suspended' | 'connected';
}

export type CoordinatorAnswer =
  ResultAnswer | ErrorAnswer | EventsAnswer | ChangeAnswer | GoneAnswer | SessionAnswer;

export interface MemberStatus {
  readonly id: number;
  readonly role: 'participant' | 'observer';
  /** Counts for majorities: an observer never does, nor a participant that has lost its data directory. */
  readonly votes: boolean;
  readonly state: 'leading' | 'following' | 'observing' | 'looking' | 'down';
  readonly peer: string | null;
  readonly url: string | null;
  readonly zxid: Zxid;
  /** Transactions behind the leader's commit point. */
  readonly lag: number;
}

/** What `GET /ensemble`, `/health/ready` and the metrics show. */
export interface CoordinatorStatus {
  readonly server: number;
  readonly clusterId: string;
  readonly configZxid: Zxid;
  readonly epoch: number;
  readonly leader: number | null;
  readonly readOnly: boolean;
  readonly members: readonly MemberStatus[];
  /** The state that a local read is answered from. */
  readonly appliedZxid: Zxid;
  /** Why the node does not serve clients; absent when it does. */
  readonly notReady?: string;
  /** What an operator should see to while the node serves, half sentences. */
  readonly warnings: readonly string[];
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  readonly sessionTimeoutDefaultMs: number;
  readonly voters: number;
}

export interface SnapshotInfo {
  readonly zxid: Zxid;
  readonly bytes: number;
}
