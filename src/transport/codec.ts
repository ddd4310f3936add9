/**
 * Messages of the broadcast protocol as bytes. What is sent for every batch of writes has a layout of its
 * own; its records are the bytes of the log itself, sent as they are and received as views. The rest is
 * rare and JSON. The first byte of a payload tells the layout; integers are little endian, those of the
 * log 64 bits wide:
 *
 *   0 other     JSON
 *   1 APPEND    tenure, previous, its chain (32), committed, round, number of records (32), records
 *   2 ACK       tenure, position, round
 *   3 PING      tenure, round, committed
 *   4 PONG      tenure, round
 *   5 SNAPSHOT  tenure, transfer, index, total bytes, position, its chain (32), last (8), number of epoch
 *               starts (32), these, bytes
 */
import { assert } from '../protocol/assert.ts';
import { countedMax, recordBytesMax, recordHeaderBytes, recordOfFrame } from '../zab/index.ts';
import type {
  AppendMessage,
  LogPosition,
  LogRecord,
  SnapshotMessage,
  ZabMessage,
} from '../zab/index.ts';
import { FormatError } from './fields.ts';
import { allocateHead, frameHeaderBytes } from './frames.ts';
import { decodeJsonMessage } from './json-messages.ts';

const codes = { json: 0, append: 1, ack: 2, ping: 3, pong: 4, snapshot: 5 } as const;

const RECORD_FORMAT = 1;
const TWO_32 = 4_294_967_296;

/** A node knows at most so many beginnings of epochs. */
export const epochStartsMax = 65_536;

/** A tail that is no longer is copied behind the head: one piece costs less to send than two. */
const COPIED_BYTES_MAX = 4096;

export interface EncodedMessage {
  /** With room for the header of a frame before it, see `allocateHead`. */
  readonly head: Buffer;
  /** The rest of the payload, by reference. */
  readonly tail: readonly Uint8Array[];
}

const noTail: readonly Uint8Array[] = [];

export function encodeMessage(message: ZabMessage): EncodedMessage {
  switch (message.type) {
    case 'APPEND':
      return encodeAppend(message);
    case 'ACK': {
      const writer = new Writer(codes.ack, 32);
      writer.count(message.tenure).position(message.position).count(message.round);
      return { head: writer.head, tail: noTail };
    }
    case 'PING': {
      const writer = new Writer(codes.ping, 32);
      writer.count(message.tenure).count(message.round).position(message.committed);
      return { head: writer.head, tail: noTail };
    }
    case 'PONG': {
      const writer = new Writer(codes.pong, 16);
      writer.count(message.tenure).count(message.round);
      return { head: writer.head, tail: noTail };
    }
    case 'SNAPSHOT':
      return encodeSnapshot(message);
    default: {
      const json = Buffer.from(JSON.stringify(message));
      return { head: new Writer(codes.json, json.length).bytes(json).head, tail: noTail };
    }
  }
}

function encodeAppend(message: AppendMessage): EncodedMessage {
  const { records } = message;
  let tailBytes = 0;
  for (const { bytes } of records) tailBytes += bytes.length;
  const isCopied = tailBytes <= COPIED_BYTES_MAX;
  const writer = new Writer(codes.append, 56 + (isCopied ? tailBytes : 0));
  writer.count(message.tenure).position(message.previous).uint32(message.previousChain);
  writer.position(message.committed).count(message.round).uint32(records.length);
  if (!isCopied) return { head: writer.head, tail: records.map(({ bytes }) => bytes) };
  for (const { bytes } of records) writer.bytes(bytes);
  return { head: writer.head, tail: noTail };
}

function encodeSnapshot(message: SnapshotMessage): EncodedMessage {
  const { epochStarts, bytes } = message;
  assert(epochStarts.length <= epochStartsMax, 'a node knows only so many epochs');
  const writer = new Writer(codes.snapshot, 57 + 16 * epochStarts.length);
  writer.count(message.tenure).count(message.transfer).count(message.index);
  writer.count(message.totalBytes).position(message.position).uint32(message.chain);
  writer.byte(message.last ? 1 : 0).uint32(epochStarts.length);
  for (const start of epochStarts) writer.position(start);
  return { head: writer.head, tail: [bytes] };
}

/** A payload of the replicas' channel. */
export function encodePayload(bytes: Uint8Array): EncodedMessage {
  if (bytes.length > COPIED_BYTES_MAX) return { head: allocateHead(0), tail: [bytes] };
  const head = allocateHead(bytes.length);
  head.set(bytes, frameHeaderBytes);
  return { head, tail: noTail };
}

/** The reverse of `encodePayload`: a view that is no Buffer. */
export function decodePayload(payload: Uint8Array): Uint8Array {
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
}

/**
 * Records and pieces of snapshots are views on `payload`. Of a record the frame alone is checked; whether
 * it continues the log is judged where the log is known.
 * @throws FormatError
 */
export function decodeMessage(payload: Uint8Array): ZabMessage {
  const reader = new Cursor(payload);
  const code = reader.byte();
  switch (code) {
    case codes.json:
      return decodeJsonMessage(reader.rest());
    case codes.append:
      return decodeAppend(reader);
    case codes.ack: {
      const tenure = reader.count();
      const position = reader.position();
      return reader.end({ type: 'ACK', tenure, position, round: reader.counted() });
    }
    case codes.ping: {
      const tenure = reader.count();
      const round = reader.counted();
      return reader.end({ type: 'PING', tenure, round, committed: reader.position() });
    }
    case codes.pong: {
      const tenure = reader.count();
      return reader.end({ type: 'PONG', tenure, round: reader.counted() });
    }
    case codes.snapshot:
      return decodeSnapshot(reader);
    default:
      throw new FormatError(`a message has the unknown layout ${code}`);
  }
}

function decodeAppend(reader: Cursor): ZabMessage {
  const tenure = reader.count();
  const previous = reader.position();
  const previousChain = reader.uint32();
  const committed = reader.position();
  const round = reader.counted();
  const expected = reader.uint32();
  const records: LogRecord[] = [];
  for (let index = 0; index < expected; index++) records.push(reader.record());
  return reader.end({
    ...{ type: 'APPEND', tenure, previous, previousChain, records, committed, round },
  });
}

function decodeSnapshot(reader: Cursor): ZabMessage {
  const tenure = reader.count();
  const transfer = reader.count();
  const index = reader.count();
  const totalBytes = reader.count();
  const position = reader.position();
  const chain = reader.uint32();
  const last = reader.byte();
  if (last > 1) throw new FormatError(`SNAPSHOT.last is ${last}`);
  const starts = reader.uint32();
  if (starts > epochStartsMax) throw new FormatError(`a SNAPSHOT names ${starts} epochs`);
  const epochStarts = Array.from({ length: starts }, () => reader.position());
  return {
    ...{ type: 'SNAPSHOT', tenure, transfer, index, position, chain, epochStarts, totalBytes },
    ...{ last: last === 1, bytes: reader.rest() },
  };
}

/** Fills the head of a message from its beginning to its end. */
class Writer {
  readonly head: Buffer;
  #offset = frameHeaderBytes + 1;

  constructor(code: (typeof codes)[keyof typeof codes], bytes: number) {
    this.head = allocateHead(1 + bytes);
    this.head[frameHeaderBytes] = code;
  }

  byte(value: number): this {
    this.head[this.#offset++] = value;
    return this;
  }

  uint32(value: number): this {
    this.#offset = this.head.writeUInt32LE(value, this.#offset);
    return this;
  }

  count(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'what is sent is a safe integer');
    this.#offset = this.head.writeUInt32LE(value >>> 0, this.#offset);
    this.#offset = this.head.writeUInt32LE(Math.floor(value / TWO_32), this.#offset);
    return this;
  }

  position({ epoch, zxid }: LogPosition): this {
    return this.count(epoch).count(zxid);
  }

  bytes(bytes: Uint8Array): this {
    this.head.set(bytes, this.#offset);
    this.#offset += bytes.length;
    return this;
  }
}

/** Takes a message apart, and nothing beyond its end. */
class Cursor {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(payload: Uint8Array) {
    this.#bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#skip(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4));
  }

  count(): number {
    const low = this.uint32();
    const value = this.uint32() * TWO_32 + low;
    if (!Number.isSafeInteger(value)) throw new FormatError('an integer exceeds 2^53 - 1');
    return value;
  }

  /** An epoch, a zxid or a round. */
  counted(): number {
    const value = this.count();
    if (value > countedMax) throw new FormatError('an epoch, a zxid or a round exceeds 2^52');
    return value;
  }

  position(): LogPosition {
    const epoch = this.counted();
    return { epoch, zxid: this.counted() };
  }

  record(): LogRecord {
    const start = this.#offset;
    const length = this.uint32();
    if (length < recordHeaderBytes || length > recordBytesMax) {
      throw new FormatError(`a record has the impossible length ${length}`);
    }
    this.#skip(length - 4);
    const frame = this.#view(start, length);
    const [format, kind] = [frame[8], frame[9]];
    if (format !== RECORD_FORMAT || (kind !== 1 && kind !== 2)) {
      throw new FormatError(
        `a record has the format ${String(format)} and the kind ${String(kind)}`,
      );
    }
    const record = recordOfFrame(frame);
    if (record.epoch <= countedMax && record.zxid <= countedMax) return record;
    throw new FormatError('the epoch or zxid of a record exceeds 2^52');
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.#view(this.#offset, this.#bytes.length - this.#offset);
  }

  /** @throws FormatError when anything is left. */
  end(message: ZabMessage): ZabMessage {
    if (this.#offset === this.#bytes.length) return message;
    throw new FormatError(`bytes are left over behind ${message.type}`);
  }

  /** No Buffer: `slice` of one shares memory where everybody else's copies. */
  #view(start: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #skip(bytes: number): number {
    const start = this.#offset;
    if (this.#bytes.length - start < bytes) throw new FormatError('a message is too short');
    this.#offset = start + bytes;
    return start;
  }
}
