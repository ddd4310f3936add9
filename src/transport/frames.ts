/**
 * What makes messages of a stream of bytes. A frame, little endian:
 *
 *   offset  size  field
 *   0       4     length of the payload, bytes
 *   4       1     channel
 *   5       4     CRC-32 of the payload, seeded with the channel
 *   9       …     payload
 *
 * This much is the same in every version of the protocol, so that two versions can refuse one another in
 * so many words.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../protocol/assert.ts';

export const frameHeaderBytes = 9;

export const channels = {
  /** Messages of the broadcast protocol. */
  zab: 1,
  /** What the replicas say to one another; opaque here. */
  replica: 2,
  /** The first frame of each end. */
  hello: 3,
  /** Why a hello was not accepted; the last frame of a connection. */
  reject: 4,
  /** A sign of life without content. */
  alive: 5,
} as const;

export type Channel = (typeof channels)[keyof typeof channels];

const isChannel = (value: number): value is Channel =>
  value >= channels.zab && value <= channels.alive;

export interface Frame {
  readonly channel: Channel;
  /** A view on what was received; belongs to the receiver. */
  readonly payload: Uint8Array;
}

interface Header {
  readonly channel: Channel;
  readonly length: number;
  readonly sum: number;
}

/** The bytes are no frames; nothing that follows on the connection can be understood. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

/** A frame whose bytes come in pieces gets so much memory at once; more when so much has come. */
const ASSEMBLY_BYTES = 1024 * 1024;

const nothing = Buffer.alloc(0);

/**
 * Finds the frames in what a socket brings, however it is cut. A frame within one piece is a view on it;
 * the bytes of any other are copied once or twice, never with each piece. Memory grows with what has come,
 * not with what a header announces.
 */
export class FrameParser {
  /** Payload of one frame; raised once the other end has said who it is. */
  bytesMax: number;
  #piece: Buffer = nothing;
  #offset = 0;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerBytes = 0;
  /** Of the frame whose header is complete. */
  #current: Header | undefined;
  #assembly: Buffer = nothing;
  #assembled = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** The next piece of the stream; all frames of the one before have been taken. */
  push(piece: Buffer): void {
    assert(this.#offset === this.#piece.length, 'all frames of a piece are taken before the next');
    this.#piece = piece;
    this.#offset = 0;
  }

  /** The next complete frame, undefined until more comes. @throws FrameError */
  next(): Frame | undefined {
    const head = (this.#current ??= this.#readHeader());
    if (head === undefined) return undefined;
    const missing = head.length - this.#assembled;
    const there = Math.min(missing, this.#piece.length - this.#offset);
    const part = this.#piece.subarray(this.#offset, this.#offset + there);
    this.#offset += there;
    if (there === missing && this.#assembled === 0) return this.#finish(head, part);
    this.#assemble(part, head.length);
    return there === missing
      ? this.#finish(head, this.#assembly.subarray(0, head.length))
      : undefined;
  }

  #readHeader(): Header | undefined {
    const there = this.#piece.length - this.#offset;
    if (this.#headerBytes === 0 && there >= frameHeaderBytes) {
      const head = this.#judgeHeader(this.#piece, this.#offset);
      this.#offset += frameHeaderBytes;
      return head;
    }
    const count = Math.min(there, frameHeaderBytes - this.#headerBytes);
    this.#header.set(this.#piece.subarray(this.#offset, this.#offset + count), this.#headerBytes);
    this.#headerBytes += count;
    this.#offset += count;
    return this.#headerBytes === frameHeaderBytes ? this.#judgeHeader(this.#header, 0) : undefined;
  }

  #judgeHeader(bytes: Buffer, offset: number): Header {
    const length = bytes.readUInt32LE(offset);
    const channel = bytes[offset + 4] ?? 0;
    if (!isChannel(channel)) throw new FrameError(`a frame has the unknown channel ${channel}`);
    if (length > this.bytesMax) {
      throw new FrameError(`a frame of ${length} bytes exceeds the limit of ${this.bytesMax}`);
    }
    return { channel, length, sum: bytes.readUInt32LE(offset + 5) };
  }

  #assemble(part: Uint8Array, length: number): void {
    const needed = this.#assembled + part.length;
    if (needed > this.#assembly.length) {
      const room = Math.min(length, Math.max(ASSEMBLY_BYTES, needed * 2));
      // A view on unpooled memory: records of the frame may live long.
      const grown = Buffer.allocUnsafeSlow(room);
      grown.set(this.#assembly.subarray(0, this.#assembled));
      this.#assembly = grown;
    }
    this.#assembly.set(part, this.#assembled);
    this.#assembled = needed;
  }

  #finish(head: Header, payload: Uint8Array): Frame {
    this.#current = undefined;
    this.#headerBytes = 0;
    this.#assembly = nothing;
    this.#assembled = 0;
    if (crc32(payload, head.channel) !== head.sum) {
      throw new FrameError(`the checksum of a frame of ${payload.length} bytes is wrong`);
    }
    return { channel: head.channel, payload };
  }
}

/**
 * The head of a message: memory with room for the frame's header before it, so that header and head are
 * one piece. Heads lie behind one another in common memory: what is sent in one turn is few pieces.
 */
const SLAB_BYTES = 64 * 1024;
const SHARED_BYTES_MAX = 8 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabUsed = 0;

/** @param bytes of the message's head. @returns memory for it, beginning with `frameHeaderBytes` more */
export function allocateHead(bytes: number): Buffer {
  const length = frameHeaderBytes + bytes;
  if (length > SHARED_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
  if (slabUsed + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += length;
  return slab.subarray(slabUsed - length, slabUsed);
}

/** Where frames are put together for one connection, until they leave. */
export class FrameQueue {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Waiting bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param head from `allocateHead`; @param tail the rest of the payload, which is not copied */
  add(channel: Channel, head: Buffer, tail: readonly Uint8Array[] = []): void {
    const runs = tail.length === 0 ? tail : runsOf(tail);
    let sum = crc32(head.subarray(frameHeaderBytes), channel);
    let { length } = head;
    for (const run of runs) {
      sum = crc32(run, sum);
      length += run.length;
    }
    head.writeUInt32LE(length - frameHeaderBytes, 0);
    head[4] = channel;
    head.writeUInt32LE(sum, 5);
    this.#bytes += length;
    join(this.#pieces, head);
    for (const run of runs) join(this.#pieces, run);
  }

  /** All that waits, in order. */
  take(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    return pieces;
  }
}

/**
 * Parts that lie behind one another in the same memory as one piece: records mostly do, and a view made for
 * each of them would cost more than all the rest.
 */
function runsOf(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const runs: Uint8Array[] = [];
  let first: Uint8Array | undefined;
  let end = 0;
  const finish = (): void => {
    if (first === undefined) return;
    const length = end - first.byteOffset;
    if (length === first.length) runs.push(first);
    else runs.push(new Uint8Array(first.buffer, first.byteOffset, length));
  };
  for (const part of parts) {
    if (part.length === 0) continue;
    if (first?.buffer !== part.buffer || part.byteOffset !== end) {
      finish();
      first = part;
    }
    end = part.byteOffset + part.length;
  }
  finish();
  return runs;
}

/** Appends a piece; if it lies right behind the last one in the same memory, the two become one. */
function join(pieces: Uint8Array[], part: Uint8Array): void {
  const last = pieces.at(-1);
  if (last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset) {
    const length = last.length + part.length;
    pieces[pieces.length - 1] = new Uint8Array(last.buffer, last.byteOffset, length);
  } else {
    pieces.push(part);
  }
}
