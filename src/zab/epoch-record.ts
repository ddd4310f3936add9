/**
 * The payload of an `epoch` record, little endian: format (1), leader (32 bits), feature level
 * (16 bits), then incarnation, cluster id and configuration, each with its length (32 bits) before it.
 */
import { assert } from '../protocol/assert.ts';

export interface EpochRecord {
  readonly leader: number;
  /** Incarnation of the leader: its data directory's life. */
  readonly incarnation: string;
  /** Born in the first epoch record of a cluster and the same ever after. */
  readonly clusterId: string;
  /** What all members can apply the same way. */
  readonly featureLevel: number;
  /** The configuration in force, as bytes that only the replica reads. */
  readonly config: Uint8Array;
}

const FORMAT = 1;
const HEADER_BYTES = 7;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeEpochRecord(record: EpochRecord): Uint8Array {
  const parts = [
    encoder.encode(record.incarnation),
    encoder.encode(record.clusterId),
    record.config,
  ];
  const length = parts.reduce((sum, part) => sum + 4 + part.length, HEADER_BYTES);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORMAT);
  view.setUint32(1, record.leader, true);
  view.setUint16(5, record.featureLevel, true);
  let offset = HEADER_BYTES;
  for (const part of parts) {
    view.setUint32(offset, part.length, true);
    bytes.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return bytes;
}

/** @throws InvariantError for anything but such a payload: its record's checksum was right. */
export function decodeEpochRecord(payload: Uint8Array): EpochRecord {
  assert(payload.length >= HEADER_BYTES, 'epoch record: too short');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  assert(view.getUint8(0) === FORMAT, `epoch record: unknown format ${String(view.getUint8(0))}`);
  let offset = HEADER_BYTES;
  const nextPart = (): Uint8Array => {
    assert(offset + 4 <= payload.length, 'epoch record: too short');
    const start = offset + 4;
    offset = start + view.getUint32(offset, true);
    assert(offset <= payload.length, 'epoch record: too short');
    return payload.subarray(start, offset);
  };
  const incarnation = decoder.decode(nextPart());
  const clusterId = decoder.decode(nextPart());
  const config = nextPart().slice();
  assert(offset === payload.length, 'epoch record: bytes are left over');
  const [leader, featureLevel] = [view.getUint32(1, true), view.getUint16(5, true)];
  return { leader, incarnation, clusterId, featureLevel, config };
}
