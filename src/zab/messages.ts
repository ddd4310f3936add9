/**
 * What nodes say to one another about the log. Names are ZooKeeper's where the meaning is; the log is
 * contiguous and acknowledgements are cumulative, so DIFF, TRUNC, PROPOSAL, COMMIT, NEWLEADER and
 * UPTODATE are all told by APPEND, ACK and PING.
 */
import type { EpochPromise, LogPosition, LogRecord } from './types.ts';

/** A vote of a node that looks for a leader. Its key is what the candidate has on disk. */
export interface VoteMessage {
  readonly type: 'VOTE';
  readonly round: number;
  readonly candidate: number;
  /** Position of the candidate's last durable record. */
  readonly key: LogPosition;
}

/** The first message of a learner to the leader it has elected. */
export interface FollowerInfoMessage {
  readonly type: 'FOLLOWERINFO';
  readonly promise: EpochPromise | undefined;
  /** Undefined for a node with an empty data directory. */
  readonly clusterId: string | undefined;
  readonly incarnation: string;
  readonly featureLevel: number;
}

/** The leader's epoch, sent once its own promise of it is durable. */
export interface LeaderInfoMessage {
  readonly type: 'LEADERINFO';
  readonly epoch: number;
  readonly incarnation: string;
}

/** The learner's promise is durable. */
export interface AckEpochMessage {
  readonly type: 'ACKEPOCH';
  readonly epoch: number;
  /** False from a node that had promised this epoch to somebody else. */
  readonly counted: boolean;
  /** Its last durable record and the chain there. */
  readonly last: LogPosition;
  readonly chain: number;
  /** First records of its epochs above its commit hint. */
  readonly epochStarts: readonly LogPosition[];
}

/** Records that follow `previous`, and how far the log is committed. */
export interface AppendMessage {
  readonly type: 'APPEND';
  readonly previous: LogPosition;
  readonly previousChain: number;
  readonly records: readonly LogRecord[];
  readonly committed: LogPosition;
  readonly round: number;
}

/** Everything up to `position` is durable; answers the leadership round of the APPEND as well. */
export interface AckMessage {
  readonly type: 'ACK';
  readonly position: LogPosition;
  readonly round: number;
}

export interface PingMessage {
  readonly type: 'PING';
  readonly round: number;
  readonly committed: LogPosition;
}

export interface PongMessage {
  readonly type: 'PONG';
  readonly round: number;
}

export type ZabMessage =
  | VoteMessage
  | FollowerInfoMessage
  | LeaderInfoMessage
  | AckEpochMessage
  | AppendMessage
  | AckMessage
  | PingMessage
  | PongMessage;
