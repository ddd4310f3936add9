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

/** CRC-32 of `bytes`, seeded with `seed`, as an unsigned 32-bit integer. */
export type Checksum = (bytes: Uint8Array, seed: number) => number;
