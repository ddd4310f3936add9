/**
 * What the replica needs from the world around it, and nothing else: so that the same code runs in a
 * process and in a simulated world.
 */
import type { Identity, SessionId, Zxid } from '../protocol/model.ts';
import type { Limits } from '../protocol/limits.ts';

export interface Clock {
  /** Never goes back; for deadlines and session timeouts. */
  monotonicMs(): number;
  /** The wall clock; only enters transactions, as ctime and mtime. */
  wallMs(): number;
}

export interface Scheduler {
  /** Runs `task` after the input that is already there has been taken in (setImmediate). */
  defer(task: () => void): void;
  /** Runs `task` every `ms` milliseconds until the returned function is called. */
  every(ms: number, task: () => void): () => void;
}

/** Where operating conditions worth an operator's attention go; never secrets. */
export interface ReplicaLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** One member of the ensemble, as the operator lists it. */
export interface MemberSettings {
  readonly id: number;
  readonly role: 'participant' | 'observer';
  /** Where the other members reach it: `host:port`. */
  readonly peer?: string;
}

/** The failure detection between nodes, milliseconds; what is absent has the core's default. */
export interface PeerTimeouts {
  readonly pingMs?: number;
  readonly peerMs?: number;
  readonly connectMs?: number;
  readonly diskStallMs?: number;
}

export interface ReplicaSettings {
  /** This node's id. */
  readonly self: number;
  readonly voters: readonly number[];
  /** Members without a vote. */
  readonly observers?: readonly number[];
  /** All of them, with their addresses; absent where nobody asks for these. */
  readonly members?: readonly MemberSettings[];
  /** Where this node's clients connect. */
  readonly url?: string;
  readonly peerTimeouts?: PeerTimeouts;
  readonly limits: Limits;
  /** Unit of session expiry, milliseconds. */
  readonly tickMs: number;
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  readonly sessionTimeoutDefaultMs: number;
  /** Pace of the search for empty containers and expired TTL znodes, milliseconds. */
  readonly containerCheckMs: number;
  /** A container that never had a child goes after this time, milliseconds. */
  readonly containerNeverUsedMs: number;
  /** A snapshot is begun after about so many transactions. */
  readonly snapshotEveryTransactions: number;
  /** Local reads are answered also while there is no quorum; absent = they are not. */
  readonly readOnlyMode?: boolean;
  /** The identity that passes every ACL; absent = nobody does. */
  readonly superIdentity?: Identity;
}

/** Numbers for the metrics page; gauges at the moment of the call, the rest since the start. */
export interface ReplicaMetrics {
  readonly appliedZxid: Zxid;
  readonly epoch: number;
  readonly znodes: number;
  readonly treeBytes: number;
  readonly sessions: number;
  readonly watches: number;
  /** Clients that have a watch. */
  readonly watchClients: number;
  /** Watches refused for a limit, ever. */
  readonly watchesRefused: number;
  readonly streams: number;
  readonly streamsLagging: number;
  readonly outstandingTransactions: number;
  readonly outstandingBytes: number;
  readonly forwardedRequests: number;
  readonly forwardedBytes: number;
  readonly ringTransactions: number;
  readonly ringBytes: number;
  readonly ringOldestZxid: Zxid;
  readonly idempotencyKeys: number;
  readonly idempotencyOwners: number;
  readonly idempotencyKeysOfLargestOwner: number;
  readonly proposals: number;
  readonly transactionsApplied: number;
  readonly refusals: number;
  readonly reads: number;
  readonly eventsSent: number;
  readonly sessionsExpired: number;
  readonly znodesReaped: number;
  readonly snapshotsTaken: number;
  readonly snapshotMs: number;
  readonly elections: number;
  readonly epochsEstablished: number;
  readonly learnersSynced: number;
  readonly snapshotsSent: number;
  readonly snapshotsInstalled: number;
  readonly requestsForwarded: number;
  readonly diskNearlyFull: boolean;
  /** For how long the disk has completed nothing of what it was given, milliseconds; 0 while it does not hang. */
  readonly diskStalledMs: number;
  readonly digest: string;
}

/** A session as the stream it is attached to sees it. */
export interface SessionBinding {
  readonly id: SessionId;
  readonly timeoutMs: number;
}
