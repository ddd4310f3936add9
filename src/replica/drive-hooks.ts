/** What the drive loop tells of what has happened. */
import type { DownReason, PeerLink } from '../transport/transport.ts';
import type { Transaction } from '../tree/index.ts';
import type { LogPosition, LogRecord, ZabStatus } from '../zab/index.ts';
import type { Pending } from './stream.ts';

/** What this node had proposed as a leader when its role ended, and has not applied. */
export interface LostRequests {
  /** In the log of this node at least: a later leader may commit it or not. */
  readonly unknown: readonly Pending[];
  /** No disk and no other node has seen it: it is not done, and never will be. */
  readonly notApplied: readonly Pending[];
}

/** What the drive tells the request pipeline. The core has nothing left to do whenever one is called. */
export interface DriveHooks {
  /** Called before anything leaves for other nodes, so that what speaks of records precedes them. */
  leaving(): void;
  /** The record has been applied; `pending` is the request that it answers. */
  applied(
    record: LogRecord,
    transaction: Transaction | undefined,
    pending: Pending | undefined,
  ): void;
  barrierPassed(pending: Pending, position: LogPosition): void;
  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void;
  /** After each turn in which something was applied. */
  advanced(): void;
  /**
   * This node leads or follows no longer: what it proposed or forwarded and has not seen applied has an
   * outcome that it does not know. Told before `roleChanged`, once for each role that is lost.
   */
  lost(reason: string, requests: LostRequests): void;
  /** A role has begun; it does not serve yet. */
  roleChanged(status: ZabStatus): void;
  /** The role serves clients from now on: everything before its epoch is applied here. */
  served(status: ZabStatus): void;
  /** Another node's state has taken the place of this one's, which was at `before`. */
  replaced(before: LogPosition): void;
  /** Bytes of another replica; in the order in which they were sent, also beside its records. */
  payload(peer: number, bytes: Uint8Array): void;
  peerUp(peer: PeerLink): void;
  peerDown(peer: number, why: DownReason): void;
}
