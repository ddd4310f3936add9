/**
 * The frame of a log record, little endian:
 *
 *   offset  size  field
 *   0       4     length of the whole frame, bytes
 *   4       4     chain: checksum of bytes 8…length seeded with the previous record's chain
 *   8       1     format (1)
 *   9       1     kind (1 = epoch, 2 = txn)
 *   10      2     zero
 *   12      4     epoch, low 32 bits
 *   16      4     epoch, high 21 bits
 *   20      4     zxid, low 32 bits
 *   24      4     zxid, high 21 bits
 *   28      …     payload
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum, LogRecord, RecordKind } from './types.ts';

export const recordHeaderBytes = 28;

/** No frame is longer: the largest transaction, its results and its idempotency answer fit. */
export const recordBytesMax = 64 * 1024 * 1024;

const FORMAT = 1;
const TWO_32 = 4_294_967_296;

export interface RecordHead {
  readonly epoch: number;
  readonly zxid: number;
  readonly kind: RecordKind;
  readonly previousChain: number;
}

/** Encodes a record; `payload` is copied into the frame. */
export function encodeRecord(head: RecordHead, payload: Uint8Array, checksum: Checksum): LogRecord {
  const length = recordHeaderBytes + payload.length;
  assert(length <= recordBytesMax, `record of ${String(length)} bytes exceeds the frame limit`);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  bytes[8] = FORMAT;
  bytes[9] = head.kind === 'epoch' ? 1 : 2;
  writeInteger(view, 12, head.epoch);
  writeInteger(view, 20, head.zxid);
  bytes.set(payload, recordHeaderBytes);
  const chain = checksum(bytes.subarray(8), head.previousChain);
  view.setUint32(4, chain, true);
  const { epoch, zxid, kind } = head;
  return { epoch, zxid, kind, chain, bytes, payload: bytes.subarray(recordHeaderBytes) };
}

export type DecodedRecord =
  | { readonly ok: true; readonly record: LogRecord; readonly end: number }
  | { readonly ok: false; readonly problem: string };

/**
 * Decodes the frame at `offset`; the record shares `bytes`.
 * @param previousChain chain of the record before; undefined skips that check's seed (never done on a log)
 */
export function decodeRecord(
  bytes: Uint8Array,
  at: { readonly offset: number; readonly previousChain: number },
  checksum: Checksum,
): DecodedRecord {
  const { offset, previousChain } = at;
  if (bytes.length - offset < recordHeaderBytes) return { ok: false, problem: 'short header' };
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const length = view.getUint32(0, true);
  if (length < recordHeaderBytes || length > recordBytesMax) {
    return { ok: false, problem: `impossible length ${String(length)}` };
  }
  if (bytes.length - offset < length) return { ok: false, problem: 'short record' };
  const frame = bytes.subarray(offset, offset + length);
  const chain = view.getUint32(4, true);
  if (checksum(frame.subarray(8), previousChain) !== chain) {
    return { ok: false, problem: 'checksum mismatch' };
  }
  if (frame[8] !== FORMAT) return { ok: false, problem: `unknown format ${String(frame[8])}` };
  const kindByte = frame[9];
  if (kindByte !== 1 && kindByte !== 2) {
    return { ok: false, problem: `unknown kind ${String(kindByte)}` };
  }
  const record: LogRecord = {
    epoch: readInteger(view, 12),
    zxid: readInteger(view, 20),
    kind: kindByte === 1 ? 'epoch' : 'txn',
    chain,
    bytes: frame,
    payload: frame.subarray(recordHeaderBytes),
  };
  return { ok: true, record, end: offset + length };
}

function writeInteger(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `not a position: ${String(value)}`);
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

function readInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}
