/**
 * The bytes of a log segment, little endian; 64-bit integers as low and high halves.
 *
 *   segment   header, then batches back to back, then zeros up to the preallocated end
 *   batch     header, then the frames of its records (`zab/record.ts`) back to back
 *   mark      a batch of no records behind the last one; the next batch takes its place
 *
 *   segment header (64 bytes)              batch header (32 bytes)
 *   0   8  magic                           0   4  magic
 *   8   4  checksum of bytes 12…64         4   4  checksum of bytes 8…32, seeded with the salt
 *   12  4  format (1)                      8   4  bytes of the records
 *   16  8  first zxid                      12  4  number of records
 *   24  8  epoch of the record before      16  8  zxid of the first record
 *   32  8  zxid of the record before       24  4  chain before the first record
 *   40  4  chain of the record before      28  4  chain of the last record
 *   44  4  salt of the segment
 *   48  16 zeros
 *
 * How a torn tail is told from corruption. A batch is written only after the batch before it is on the
 * disk, and a mark only after its predecessor is; so a valid header of a batch or mark proves that all
 * that stands before it was durable and may have been acknowledged. A segment gets its name only after
 * its header and its first batch are on the disk; so a named segment proves all segments before it. That the
 * newest one is there is noted in the identity (`opening.ts`) before anything in it counts. Hence:
 *
 * - What cannot be read and has a valid batch or mark *behind* it, or a later segment, or a snapshot at or
 *   beyond it, is **corruption**: the node refuses to start.
 * - What cannot be read and has nothing valid behind it can only be the one batch that was being written
 *   when the power went. It was never reported durable: a **torn tail**, dropped with an alarm.
 * - Nothing but zeros is the clean **end**.
 *
 * The mark makes the last batch unambiguous too, unless power is lost before the kernel has written it:
 * then, and only then, damage to the very last batch cannot be told from a torn write.
 *
 * Headers are found by looking for the magic, and records carry what clients wrote; the salt, which no
 * client ever sees, keeps anybody from writing data that looks like a header.
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum, LogPosition, LogRecord } from '../zab/types.ts';

export const segmentHeaderBytes = 64;
export const batchHeaderBytes = 32;

const SEGMENT_MAGIC = [0x5a, 0x47, 0x4c, 0x4f, 0x47, 0x0d, 0x0a, 0x1a];
const FORMAT = 1;
const TWO_32 = 4_294_967_296;

/** First four bytes of a batch header. */
export const batchMagic: Uint8Array = Uint8Array.of(0xb5, 0x5a, 0x47, 0x42);
const BATCH_MAGIC_WORD = 0x42475ab5;

export interface LogEnd {
  readonly position: LogPosition;
  /** Chain of the record at `position`; 0 before the first. */
  readonly chain: number;
}

export interface SegmentHeader {
  /** The end of the log before this segment. */
  readonly previous: LogEnd;
  readonly salt: number;
}

export function segmentName(firstZxid: number): string {
  return `${String(firstZxid).padStart(16, '0')}.log`;
}

/** The first zxid of a segment by its name; undefined for any other file. */
export function parseSegmentName(name: string): number | undefined {
  const match = /^(\d{16})\.log$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function encodeSegmentHeader(header: SegmentHeader, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(SEGMENT_MAGIC);
  view.setUint32(12, FORMAT, true);
  writeInteger(view, 16, header.previous.position.zxid + 1);
  writeInteger(view, 24, header.previous.position.epoch);
  writeInteger(view, 32, header.previous.position.zxid);
  view.setUint32(40, header.previous.chain, true);
  view.setUint32(44, header.salt, true);
  view.setUint32(8, checksum(bytes.subarray(12), 0), true);
  return bytes;
}

/** The header, or what is wrong with it. */
export function decodeSegmentHeader(bytes: Uint8Array, checksum: Checksum): SegmentHeader | string {
  if (bytes.length < segmentHeaderBytes) return 'the file is shorter than a segment header';
  if (SEGMENT_MAGIC.some((byte, index) => bytes[index] !== byte)) return 'not a log segment';
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (view.getUint32(8, true) !== checksum(bytes.subarray(12, segmentHeaderBytes), 0)) {
    return 'checksum mismatch in the segment header';
  }
  const format = view.getUint32(12, true);
  if (format !== FORMAT) return `unknown format ${String(format)}`;
  const position = { epoch: readInteger(view, 24), zxid: readInteger(view, 32) };
  if (readInteger(view, 16) !== position.zxid + 1) return 'the segment header contradicts itself';
  return {
    previous: { position, chain: view.getUint32(40, true) },
    salt: view.getUint32(44, true),
  };
}

export interface BatchHeader {
  /** Of the records, without the header. */
  readonly bytes: number;
  /** 0 for a mark. */
  readonly count: number;
  readonly firstZxid: number;
  readonly chainBefore: number;
  readonly chainAfter: number;
}

interface HeaderContext {
  readonly salt: number;
  readonly checksum: Checksum;
}

/** Encodes a batch of records that follow `before`; `room` bytes are left free in front of it. */
export function encodeBatch(
  records: readonly LogRecord[],
  before: LogEnd,
  context: HeaderContext & { readonly room?: number },
): Uint8Array {
  const start = context.room ?? 0;
  let length = 0;
  for (const record of records) length += record.bytes.length;
  // Not zeroed, every byte of it is written; of its own, so that it can be handed to another thread.
  const bytes = Buffer.allocUnsafeSlow(start + batchHeaderBytes + length);
  let offset = start + batchHeaderBytes;
  for (const record of records) {
    bytes.set(record.bytes, offset);
    offset += record.bytes.length;
  }
  const chainAfter = records.at(-1)?.chain ?? before.chain;
  const firstZxid = before.position.zxid + 1;
  const header = { bytes: length, count: records.length, firstZxid, chainAfter };
  writeBatchHeader(bytes.subarray(start), { ...header, chainBefore: before.chain }, context);
  return bytes;
}

function writeBatchHeader(bytes: Uint8Array, header: BatchHeader, context: HeaderContext): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, batchHeaderBytes);
  view.setUint32(0, BATCH_MAGIC_WORD, true);
  view.setUint32(8, header.bytes, true);
  view.setUint32(12, header.count, true);
  writeInteger(view, 16, header.firstZxid);
  view.setUint32(24, header.chainBefore, true);
  view.setUint32(28, header.chainAfter, true);
  const sum = context.checksum(bytes.subarray(8, batchHeaderBytes), context.salt);
  view.setUint32(4, sum, true);
}

/** The header at the start of `bytes`; undefined when there is no valid one. */
export function decodeBatchHeader(
  bytes: Uint8Array,
  context: HeaderContext,
): BatchHeader | undefined {
  if (bytes.length < batchHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, batchHeaderBytes);
  if (view.getUint32(0, true) !== BATCH_MAGIC_WORD) return undefined;
  const sum = context.checksum(bytes.subarray(8, batchHeaderBytes), context.salt);
  if (view.getUint32(4, true) !== sum) return undefined;
  return {
    bytes: view.getUint32(8, true),
    count: view.getUint32(12, true),
    firstZxid: readInteger(view, 16),
    chainBefore: view.getUint32(24, true),
    chainAfter: view.getUint32(28, true),
  };
}

export function writeInteger(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `not a position: ${String(value)}`);
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

export function readInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}
