/**
 * What the replicas of an ensemble say to one another beside the broadcast: requests on their way to the
 * leader, its answers, attachments of sessions, signs of life. Plain data; `peer-codec.ts` has the bytes.
 *
 * One link is first in, first out, and a frame belongs to one epoch: what speaks of another is ignored.
 * The leader takes a frame once it has applied itself what its sender had applied, so that it never
 * judges from an older state than the client has seen.
 */
import type { Idempotency } from '../protocol/coordination.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { Identity, SessionId, Zxid } from '../protocol/model.ts';
import type {
  MultiResult,
  StatResult,
  WriteOperation,
  WriteResult,
} from '../protocol/operations.ts';

/** Chosen by the learner, never used twice in the life of its process. */
export type ForwardId = number;

/** What a write answers, as prep makes it. */
export type ForwardedResult =
  WriteResult | StatResult | MultiResult | Readonly<Record<string, never>>;

export interface WriteMessage {
  readonly type: 'write';
  readonly id: ForwardId;
  /** 0 without a session. */
  readonly session: SessionId;
  /** Of the stream's attachment; absent for a request that stands alone. */
  readonly generation?: Zxid;
  readonly identities: readonly Identity[];
  readonly operation: WriteOperation;
  readonly idempotency?: Idempotency;
  readonly acks?: number | 'all';
  /** The session that it creates is attached to the stream that asks for it. */
  readonly attaches?: true;
}

/** For all linearizable reads and syncs that have come in one turn. */
export interface BarrierMessage {
  readonly type: 'barrier';
  readonly id: ForwardId;
}

/** A stream has proved a session and asks for it; answered as a write is, by its record. */
export interface AttachMessage {
  readonly type: 'attach';
  readonly id: ForwardId;
  readonly session: SessionId;
  /** Negotiated with the sender. */
  readonly timeoutMs: number;
}

/** How long does the session live, and is a stream attached to it anywhere? */
export interface LifeMessage {
  readonly type: 'life';
  readonly id: ForwardId;
  readonly session: SessionId;
  readonly touch: boolean;
}

/** Of a session that a stream of the sender is attached to. */
export interface Registration {
  readonly session: SessionId;
  readonly generation: Zxid;
  readonly timeoutMs: number;
}

/** The first message to a new leader: what it must know before anything else is asked of it. */
export interface RegisterMessage {
  readonly type: 'register';
  readonly sessions: readonly Registration[];
}

/** The stream has ended; its session lives on. */
export interface DetachMessage {
  readonly type: 'detach';
  readonly session: SessionId;
  readonly generation: Zxid;
}

/** What the replicated state is at one zxid, as 32 hexadecimal digits. */
export interface StateMark {
  readonly zxid: Zxid;
  readonly digest: string;
}

/** Signs of life since the last of these messages, and how the sender is. */
export interface TouchMessage {
  readonly type: 'touch';
  /** Counts these messages, for the confirmation. */
  readonly number: number;
  /** Session, and milliseconds since its last sign of life. */
  readonly sessions: readonly (readonly [SessionId, number])[];
  /** The sender's state now, and when it last passed a zxid at which all nodes look. */
  readonly now?: StateMark;
  readonly mark?: StateMark;
}

export type LearnerMessage =
  | WriteMessage
  | BarrierMessage
  | AttachMessage
  | LifeMessage
  | RegisterMessage
  | DetachMessage
  | TouchMessage;

/** The write or attachment stands in the log at this zxid of the frame's epoch; sent before the record itself. */
export interface ProposedMessage {
  readonly type: 'proposed';
  readonly id: ForwardId;
  readonly zxid: Zxid;
  readonly result: ForwardedResult;
  /** An `acked` will follow, and must be waited for. */
  readonly awaitsAcks?: true;
}

/**
 * Nothing was done. `zxid` is the last record that the request was judged against, committed by now;
 * 0 where the refusal says nothing of the state.
 */
export interface RefusedMessage {
  readonly type: 'refused';
  readonly id: ForwardId;
  readonly zxid: Zxid;
  readonly error: ErrorBody;
}

/** A remembered answer: of the write at `zxid`, committed, and confirmed at `confirmed`. */
export interface AnsweredMessage {
  readonly type: 'answered';
  readonly id: ForwardId;
  readonly zxid: Zxid;
  readonly confirmed: Zxid;
  readonly result: ForwardedResult;
}

/** Whether as many voters as `acks` asks for have the write on disk. */
export interface AckedMessage {
  readonly type: 'acked';
  readonly id: ForwardId;
  readonly outcome: 'confirmed' | 'unreachable' | 'timeout';
}

/** The sender led when the barrier came, and everything committed until then is at or before `zxid`. */
export interface PassedMessage {
  readonly type: 'passed';
  readonly id: ForwardId;
  readonly zxid: Zxid;
}

/** The barrier (of a read or a refusal) will never be passed. */
export interface VoidMessage {
  readonly type: 'void';
  readonly id: ForwardId;
}

export interface LivesMessage {
  readonly type: 'lives';
  readonly id: ForwardId;
  readonly zxid: Zxid;
  /** Counted from when the question was asked; 0 for a session that is not live. */
  readonly expiresInMs: number;
  readonly connected: boolean;
}

/** The attachment of that generation is over: the session has a newer one. Nothing was done. */
export interface MovedMessage {
  readonly type: 'moved';
  /** The request whose stream has that attachment; absent where it was registered. */
  readonly id?: ForwardId;
  readonly session: SessionId;
  readonly generation: Zxid;
}

/** How a member is, as the leader has last heard. */
export interface MemberView {
  readonly id: number;
  readonly state: 'leading' | 'following' | 'observing' | 'down';
  readonly zxid: Zxid;
  /** Of the leader, as long as it refuses growth for want of room on its disk. */
  readonly diskNearlyFull?: true;
}

/** The signs of life of that `touch` count, except those of sessions that are not live. */
export interface TouchedMessage {
  readonly type: 'touched';
  readonly number: number;
  readonly gone: readonly SessionId[];
  /** Timeouts in force, where they are shorter than at the session's creation, milliseconds. */
  readonly shorter: readonly (readonly [SessionId, number])[];
  readonly committed: Zxid;
  readonly members: readonly MemberView[];
}

/** At this zxid a quorum has this digest and the receiver another: it must end. */
export interface MismatchMessage {
  readonly type: 'mismatch';
  readonly zxid: Zxid;
  readonly digest: string;
}

export type LeaderMessage =
  | ProposedMessage
  | RefusedMessage
  | AnsweredMessage
  | AckedMessage
  | PassedMessage
  | VoidMessage
  | LivesMessage
  | MovedMessage
  | TouchedMessage
  | MismatchMessage;

export type PeerMessage = LearnerMessage | LeaderMessage;

/** Everything that one node has for another in one turn. */
export interface PeerFrame {
  /** Of the leader to whom or from whom it goes. */
  readonly epoch: number;
  /** What its sender has applied. */
  readonly applied: Zxid;
  readonly messages: readonly PeerMessage[];
}

const leaderTypes: ReadonlySet<PeerMessage['type']> = new Set([
  'proposed',
  'refused',
  'answered',
  'acked',
  'passed',
  'void',
  'lives',
  'moved',
  'touched',
  'mismatch',
] as const satisfies readonly LeaderMessage['type'][]);

export function isLeaderMessage(message: PeerMessage): message is LeaderMessage {
  return leaderTypes.has(message.type);
}
