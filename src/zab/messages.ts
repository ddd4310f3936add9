/**
 * What nodes say to one another about the log. Names are ZooKeeper's where the meaning is; the log is
 * contiguous and acknowledgements are cumulative, so DIFF, TRUNC, PROPOSAL, COMMIT, NEWLEADER and
 * UPTODATE are all told by APPEND, ACK and PING.
 *
 * A relation between a leader and a learner is opened by FOLLOWERINFO, which carries the learner's
 * tenure; all that follows in both directions carries the same number. What carries another one belongs
 * to a relation that is over, and is ignored. All of it presumes a link that loses and reorders nothing.
 */
import type { EpochPromise, LogPosition, LogRecord } from './types.ts';

export type PeerState = 'looking' | 'following' | 'leading' | 'observing';

/**
 * A vote of a node that looks for a leader, and everybody's answer to one. Its key is what the candidate
 * has on disk. Belongs to no relation.
 */
export interface VoteMessage {
  readonly type: 'VOTE';
  readonly round: number;
  /** 0 from a node that votes for nobody: it only asks who leads. */
  readonly candidate: number;
  /** Position of the candidate's last durable record. */
  readonly key: LogPosition;
  /** The sender's own. */
  readonly state: PeerState;
  /** That the sender leads or follows in; of its last durable record while it looks. */
  readonly epoch: number;
  /** Whom the sender follows, itself when it leads; undefined while it looks. */
  readonly leader: number | undefined;
}

/** The first message of a learner to the leader it has found. */
export interface FollowerInfoMessage {
  readonly type: 'FOLLOWERINFO';
  /** The learner's tenure, which names this relation. */
  readonly tenure: number;
  readonly promise: EpochPromise | undefined;
  /** Undefined for a node whose log is empty. */
  readonly clusterId: string | undefined;
  readonly featureLevel: number;
  /** Its log was damaged and set aside: it is not counted until it has learned. */
  readonly recovering: boolean;
  /** Its last durable record. */
  readonly last: LogPosition;
}

/** The leader's epoch, sent once its own promise of it is durable. */
export interface LeaderInfoMessage {
  readonly type: 'LEADERINFO';
  readonly tenure: number;
  readonly epoch: number;
  /** Of the leader's data directory. */
  readonly incarnation: string;
  /** Undefined while a new cluster is being born. */
  readonly clusterId: string | undefined;
  /** False for a learner that is no voter of the leader's configuration: it promises nothing. */
  readonly voter: boolean;
}

/** The learner's promise is durable. */
export interface AckEpochMessage {
  readonly type: 'ACKEPOCH';
  readonly tenure: number;
  readonly epoch: number;
  /** False from a node that had promised this epoch to somebody else, or is recovering. */
  readonly counted: boolean;
  /** Its last durable record and the chain there. */
  readonly last: LogPosition;
  readonly chain: number;
  /** Its commit hint. */
  readonly committed: LogPosition;
  /** First records of its epochs from that of its commit hint on. */
  readonly epochStarts: readonly LogPosition[];
}

/** Records that follow `previous`, and how far the log is committed. */
export interface AppendMessage {
  readonly type: 'APPEND';
  readonly tenure: number;
  readonly previous: LogPosition;
  readonly previousChain: number;
  readonly records: readonly LogRecord[];
  readonly committed: LogPosition;
  readonly round: number;
}

/** Everything up to `position` is durable; answers the leadership round as well. */
export interface AckMessage {
  readonly type: 'ACK';
  readonly tenure: number;
  readonly position: LogPosition;
  readonly round: number;
}

export interface PingMessage {
  readonly type: 'PING';
  readonly tenure: number;
  readonly round: number;
  readonly committed: LogPosition;
}

export interface PongMessage {
  readonly type: 'PONG';
  readonly tenure: number;
  readonly round: number;
}

/** A piece of a snapshot, which the leader's driver sends; the stream goes on from its position. */
export interface SnapshotMessage {
  readonly type: 'SNAPSHOT';
  readonly tenure: number;
  /** Numbers the transfers of one leader. */
  readonly transfer: number;
  /** Of this piece, from 0. */
  readonly index: number;
  /** Last record whose effect the snapshot holds, and the chain there. */
  readonly position: LogPosition;
  readonly chain: number;
  /** First records of the epochs that the leader knows, up to `position`. */
  readonly epochStarts: readonly LogPosition[];
  readonly bytes: Uint8Array;
  /** True for the last piece. */
  readonly last: boolean;
  /** Of the whole snapshot; 0 where it is not known beforehand. */
  readonly totalBytes: number;
}

/** The learner has taken all pieces up to `index`. */
export interface SnapshotAckMessage {
  readonly type: 'SNAPSHOTACK';
  readonly tenure: number;
  readonly transfer: number;
  readonly index: number;
}

/** The leader gives its role to `to`: who gets this follows it at once, and it leads at once. */
export interface HandOffMessage {
  readonly type: 'HANDOFF';
  readonly tenure: number;
  readonly to: number;
  /** Election round of the leader: a vote that follows is of a later one. */
  readonly round: number;
}

/** The relation is over, or does not begin: from a leader that leaves its role, and from who leads not. */
export interface RefuseMessage {
  readonly type: 'REFUSE';
  readonly tenure: number;
  /** A whole sentence. */
  readonly reason: string;
}

export type ZabMessage =
  | VoteMessage
  | FollowerInfoMessage
  | LeaderInfoMessage
  | AckEpochMessage
  | AppendMessage
  | AckMessage
  | PingMessage
  | PongMessage
  | SnapshotMessage
  | SnapshotAckMessage
  | HandOffMessage
  | RefuseMessage;

/** What a leader says to its learners. */
export type LeaderMessage =
  | LeaderInfoMessage
  | AppendMessage
  | PingMessage
  | SnapshotMessage
  | HandOffMessage
  | RefuseMessage;

/** What a learner says to its leader once its FOLLOWERINFO has opened the relation. */
export type LearnerMessage = AckEpochMessage | AckMessage | PongMessage | SnapshotAckMessage;
