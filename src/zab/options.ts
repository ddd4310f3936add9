/** What the core is given, and what it says of itself. */
import type { LogStart } from './log-view.ts';
import type { OutstandingLimits } from './outstanding.ts';
import type { RoleName } from './ready.ts';
import type { Checksum, EpochPromise, LogPosition, RecordSource } from './types.ts';

export interface ZabOptions {
  /** This node's server id. */
  readonly self: number;
  /** By the flags: they hold until the log has a configuration. */
  readonly voters: readonly number[];
  readonly observers?: readonly number[];
  /** The life of this node's data directory. */
  readonly incarnation: string;
  /** From the log; undefined for an empty data directory. */
  readonly clusterId: string | undefined;
  /** Makes the id of a new cluster: chance comes from outside. */
  readonly newClusterId: () => string;
  readonly checksum: Checksum;
  /** What recovery found, synced to disk. */
  readonly log: LogStart;
  /** A lower bound of what is committed: the snapshot's position or the commit hint. */
  readonly committed: LogPosition;
  /** From the promise file. */
  readonly promise: EpochPromise | undefined;
  /** What this node's software can apply. */
  readonly featureLevel?: number;
  readonly limits: OutstandingLimits;
  readonly timeouts?: Partial<ZabTimeouts>;
  readonly streams?: Partial<StreamLimits>;
  /** For streams to learners, and the chains of this node's own log. Without it all is read from disk. */
  readonly records?: RecordSource;
  /** The log was damaged and set aside, the promise is intact: not counted until it has learned anew. */
  readonly recovering?: boolean;
  /** An integer from 0 to below `bound`: chance comes from outside. Without it nothing is spread. */
  readonly random?: (bound: number) => number;
}

/** Milliseconds. */
export interface ZabTimeouts {
  /** A leader without a quorum that it has heard from within this time gives up; so does a learner. */
  readonly peerMs: number;
  /** A leader says something to every learner at this pace. */
  readonly pingMs: number;
  /** A leader that is not established makes progress within this time, or gives up. */
  readonly connectMs: number;
  /** A leader whose disk has completed nothing for so long, while a quorum's has, hands over. */
  readonly diskStallMs: number;
  /** A hand-off that takes longer becomes an election. */
  readonly handOffMs: number;
}

export interface StreamLimits {
  /** Bytes sent to a learner and not acknowledged. */
  readonly windowBytes: number;
  /** Bytes of records in one APPEND; a longer record goes alone. */
  readonly appendBytesMax: number;
}

/** One learner as its leader sees it. */
export interface LearnerStatus {
  readonly id: number;
  /** False for observers and for lives of a data directory that the configuration does not know. */
  readonly voter: boolean;
  /** What it has on disk; undefined before it said so. */
  readonly acked: LogPosition | undefined;
  /** It has the epoch record on disk. */
  readonly synced: boolean;
  /** Since it was heard from, milliseconds. */
  readonly aliveMs: number;
}

export interface Member {
  readonly id: number;
  readonly role: 'voter' | 'observer';
  /** Life of the data directory that is counted; empty where it is not known. */
  readonly incarnation: string;
}

export interface ZabStatus {
  readonly role: RoleName;
  /** Of learners: `discovery` until they have promised, `synchronization` until they may serve. */
  readonly phase: 'election' | 'discovery' | 'synchronization' | 'broadcast';
  /** Of the leader's epoch, or while there is none of the last record. */
  readonly epoch: number;
  readonly leader: number | undefined;
  readonly committed: LogPosition;
  readonly durable: LogPosition;
  readonly last: LogPosition;
  /** True while this node leads an established epoch: it may propose, once it has applied I(e). */
  readonly established: boolean;
  /**
   * True while this node leads an established epoch, or follows with a commit point at or beyond the
   * epoch record of its leader. It may serve clients once it has applied up to `epochStart`.
   */
  readonly serving: boolean;
  /** The epoch record of the present leader, as soon as it is in this log. */
  readonly epochStart: LogPosition | undefined;
  readonly tenure: number;
  readonly promise: EpochPromise | undefined;
  /** False for observers, recovering nodes and lives that the configuration does not know. */
  readonly voter: boolean;
  readonly recovering: boolean;
  /** The configuration in force: of the log; of the flags as long as that has none. */
  readonly members: readonly Member[];
  /** What all members can apply the same way, by the last epoch record. */
  readonly featureLevel: number;
  /** Empty but for a leader. */
  readonly learners: readonly LearnerStatus[];
}

export interface BarrierOptions {
  /** Default: what is committed now. */
  readonly position?: LogPosition;
  /** Voters that must have the position on disk. */
  readonly acks?: number | 'all';
}

export const defaultTimeouts: ZabTimeouts = {
  peerMs: 1000,
  pingMs: 100,
  connectMs: 20_000,
  diskStallMs: 1000,
  handOffMs: 1000,
};

const MIB = 1024 * 1024;

export const defaultStreamLimits: StreamLimits = { windowBytes: 8 * MIB, appendBytesMax: MIB };
