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

/**
 * No frame is longer: the largest transaction fits, and the end of a session with as many ephemerals as
 * it may have, each with the longest path.
 */
export const recordBytesMax = 160 * 1024 * 1024;

const FORMAT = 1;
const TWO_32 = 4_294_967_296;

export interface RecordHead {
  readonly epoch: number;
  readonly zxid: number;
  readonly kind: RecordKind;
  readonly previousChain: number;
}

/**
 * Frames lie behind one another in common memory: an allocation of its own for each would cost more than
 * the copying. Records leave memory in the order in which they came, so a slab is freed as a whole.
 */
const SLAB_BYTES = 256 * 1024;
/** What is longer gets memory of its own. */
const SHARED_BYTES_MAX = 16 * 1024;

let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

function allocate(length: number): Uint8Array {
  if (length > SHARED_BYTES_MAX) return new Uint8Array(length);
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  return slab.subarray(start, slabUsed);
}

/** A record keeps its frame alone; its payload is a view made when it is asked for. */
class FramedRecord implements LogRecord {
  readonly epoch: number;
  readonly zxid: number;
  readonly kind: RecordKind;
  readonly chain: number;
  readonly bytes: Uint8Array;

  constructor(head: Pick<LogRecord, 'epoch' | 'zxid' | 'kind' | 'chain'>, bytes: Uint8Array) {
    this.epoch = head.epoch;
    this.zxid = head.zxid;
    this.kind = head.kind;
    this.chain = head.chain;
    this.bytes = bytes;
  }

  get payload(): Uint8Array {
    return this.bytes.subarray(recordHeaderBytes);
  }
}

/** Encodes a record; `payload` is copied into the frame. */
export function encodeRecord(head: RecordHead, payload: Uint8Array, checksum: Checksum): LogRecord {
  const length = recordHeaderBytes + payload.length;
  assert(length <= recordBytesMax, `record of ${String(length)} bytes exceeds the frame limit`);
  const bytes = allocate(length);
  writeUint32(bytes, 0, length);
  bytes[8] = FORMAT;
  bytes[9] = head.kind === 'epoch' ? 1 : 2;
  bytes[10] = 0;
  bytes[11] = 0;
  writeInteger(bytes, 12, head.epoch);
  writeInteger(bytes, 20, head.zxid);
  bytes.set(payload, recordHeaderBytes);
  const chain = checksum(bytes.subarray(8), head.previousChain);
  writeUint32(bytes, 4, chain);
  const { epoch, zxid, kind } = head;
  return new FramedRecord({ epoch, zxid, kind, chain }, bytes);
}

/** The record of a frame that has been checked before; shares `bytes`. */
export function recordOfFrame(bytes: Uint8Array): LogRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = {
    epoch: readInteger(view, 12),
    zxid: readInteger(view, 20),
    kind: bytes[9] === 1 ? 'epoch' : 'txn',
    chain: view.getUint32(4, true),
  } as const;
  return new FramedRecord(head, bytes);
}

/** The chain at a frame behind a record whose chain is `previousChain`. */
export function frameChain(bytes: Uint8Array, previousChain: number, checksum: Checksum): number {
  return checksum(bytes.subarray(8), previousChain);
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
  const kind = kindByte === 1 ? 'epoch' : 'txn';
  const head = { epoch: readInteger(view, 12), zxid: readInteger(view, 20), kind, chain } as const;
  const record = new FramedRecord(head, frame);
  return { ok: true, record, end: offset + length };
}

function writeInteger(bytes: Uint8Array, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a position is a safe integer');
  writeUint32(bytes, offset, value % TWO_32);
  writeUint32(bytes, offset + 4, Math.floor(value / TWO_32));
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

function readInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}
