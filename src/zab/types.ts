/**
 * The words of the broadcast protocol that other layers share: positions, records, promises and the
 * core's contract with its driver. Pure types; the meaning is Zab's (Junqueira, Reed, Serafini 2011),
 * arranged around one contiguous log.
 */

/** Compared epoch first. Everything below *apply* uses positions, never a bare zxid. */
export interface LogPosition {
  readonly epoch: number;
  readonly zxid: number;
}

export type RecordKind = 'epoch' | 'txn';

/**
 * One log record, encoded once: `bytes` is the whole frame (see `record.ts`) and serves the log, every
 * peer, the ring and resynchronisation. `chain` is the checksum of the record seeded with the previous
 * record's chain.
 */
export interface LogRecord {
  readonly epoch: number;
  readonly zxid: number;
  readonly kind: RecordKind;
  readonly chain: number;
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
}

/** The highest epoch that this node will help, and whom it promised it. */
export interface EpochPromise {
  readonly epoch: number;
  readonly leader: number;
  /** Incarnation of the leader: its data directory's life. */
  readonly incarnation: string;
}

export const noPosition: LogPosition = { epoch: 0, zxid: 0 };

/** Negative, zero or positive as `a` is before, at or after `b`. */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  return a.epoch === b.epoch ? a.zxid - b.zxid : a.epoch - b.epoch;
}

/** The earlier of two positions of one log. */
export function leastPosition(a: LogPosition, b: LogPosition): LogPosition {
  return comparePositions(a, b) <= 0 ? a : b;
}

/** CRC-32 of `bytes`, seeded with `seed`, as an unsigned 32-bit integer. */
export type Checksum = (bytes: Uint8Array, seed: number) => number;

/** A link to another node, as its first messages describe it. */
export interface Peer {
  readonly id: number;
  /** The life of its data directory. */
  readonly incarnation: string;
  /** Undefined for a node that belongs to no cluster yet. */
  readonly clusterId: string | undefined;
  readonly featureLevel: number;
}

/** Records in memory: the recent applied ones and all that are not applied. Synchronous. */
export interface RecordSource {
  /** Undefined when it is not in memory. */
  at(zxid: number): LogRecord | undefined;
}

/**
 * What a read of the log files has found behind a position. `snapshot`: the log reaches back no longer,
 * or the records would cost more than a snapshot.
 */
export type ReadResult =
  | {
      /** The chain at the position behind which was read. */
      readonly previousChain: number;
      /** Contiguous; one at least. */
      readonly records: readonly LogRecord[];
    }
  | 'snapshot';

/** What has replaced the log. */
export interface InstalledSnapshot {
  readonly position: LogPosition;
  readonly chain: number;
  /** As the SNAPSHOT messages said. */
  readonly epochStarts: readonly LogPosition[];
  /** Payload of the last `epoch` record up to `position`, as the snapshot's state keeps it. */
  readonly epochRecord: Uint8Array | undefined;
}
