/** Bytes out and in, for log records and snapshots: integers of 7 bits a byte, texts and byte strings. */
import { assert } from '../protocol/assert.ts';
import { copyBytes } from './slab.ts';
import { decodeText, encodeText } from './text.ts';

const FIRST_BYTES = 4096;
/** A buffer that one large value has grown beyond this is not kept. */
const KEPT_BYTES_MAX = 1024 * 1024;

export class ByteWriter {
  private buffer = new Uint8Array(FIRST_BYTES);
  private position = 0;

  get length(): number {
    return this.position;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.position] = value;
    this.position += 1;
  }

  /** An integer from 0 to 2^53 − 1. */
  number(value: number): void {
    this.reserve(8);
    const { buffer } = this;
    let at = this.position;
    let rest = value;
    if (rest > 0x7fff_ffff) {
      assert(Number.isSafeInteger(rest), 'wire: not a safe integer');
      while (rest > 0x7fff_ffff) {
        buffer[at] = (rest % 128) | 0x80;
        rest = Math.floor(rest / 128);
        at += 1;
      }
    }
    assert(rest >= 0, 'wire: a negative number');
    while (rest > 0x7f) {
      buffer[at] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
      at += 1;
    }
    buffer[at] = rest;
    this.position = at + 1;
  }

  /** An integer of 32 bits with its sign. */
  signed(value: number): void {
    this.number(((value << 1) ^ (value >> 31)) >>> 0);
  }

  text(value: string): void {
    const { length } = value;
    this.number(length);
    this.reserve(length);
    const { buffer } = this;
    const start = this.position;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) {
        this.encodedText(start, value);
        return;
      }
      buffer[start + index] = unit;
    }
    this.position = start + length;
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Bytes of another memory, with their length before them. */
  slice(memory: Uint8Array, start: number, length: number): void {
    this.number(length);
    this.reserve(length);
    const { buffer } = this;
    if (length > 64) {
      buffer.set(memory.subarray(start, start + length), this.position);
    } else {
      for (let index = 0; index < length; index++) {
        buffer[this.position + index] = memory[start + index] ?? 0;
      }
    }
    this.position += length;
  }

  /** A copy of what was written; the writer starts anew. */
  take(): Uint8Array {
    const taken = copyBytes(this.buffer, 0, this.position);
    this.clear();
    return taken;
  }

  clear(): void {
    this.position = 0;
    if (this.buffer.length > KEPT_BYTES_MAX) this.buffer = new Uint8Array(FIRST_BYTES);
  }

  /** Replaces the length that was written just before `start` by that of the encoded text. */
  private encodedText(start: number, value: string): void {
    this.position = start - sizeOfNumber(value.length);
    this.bytes(encodeText(value));
  }

  private reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
  }
}

function sizeOfNumber(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size += 1;
  return size;
}

/** Every method throws an Error, naming what is being read, when the bytes do not hold it. */
export class ByteReader {
  private readonly source: Uint8Array;
  private readonly what: string;
  private position = 0;

  constructor(source: Uint8Array, what: string) {
    this.source = source;
    this.what = what;
  }

  get atEnd(): boolean {
    return this.position >= this.source.length;
  }

  byte(): number {
    const value = this.source[this.position];
    if (value === undefined) throw this.malformed('it ends too early');
    this.position += 1;
    return value;
  }

  number(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 128;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (scale > 2 ** 56) throw this.malformed('a number is too long');
    } while (byte >= 0x80);
    if (!Number.isSafeInteger(value)) throw this.malformed('a number is too large');
    return value;
  }

  /** A number that must not exceed `max`. */
  numberUpTo(max: number): number {
    const value = this.number();
    if (value > max) throw this.malformed(`the number ${String(value)} is above ${String(max)}`);
    return value;
  }

  signed(): number {
    const value = this.numberUpTo(0xffff_ffff);
    return (value >>> 1) ^ -(value & 1);
  }

  text(): string {
    const length = this.length();
    const start = this.position;
    this.position += length;
    try {
      return decodeText(this.source, start, length);
    } catch {
      throw this.malformed('a text is no UTF-8');
    }
  }

  /** Shares the memory of the source. */
  bytes(): Uint8Array {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return this.source.subarray(start, start + length);
  }

  malformed(problem: string): Error {
    return new Error(`${this.what}: malformed at byte ${String(this.position)}: ${problem}`);
  }

  private length(): number {
    const length = this.number();
    if (length > this.source.length - this.position) {
      throw this.malformed('a length reaches beyond the end');
    }
    return length;
  }
}
