/**
 * ZooKeeper's record encoding (Jute): big-endian integers, length-prefixed bytes and strings, vectors
 * with a count. Only what the wire client beside it needs.
 */

/** Appends fields to one growing buffer. */
export class JuteWriter {
  #buffer = Buffer.alloc(256);
  #length = 0;

  #reserve(bytes: number): number {
    const start = this.#length;
    if (start + bytes > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, start + bytes));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    this.#length = start + bytes;
    return start;
  }

  boolean(value: boolean): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value ? 1 : 0;
    return this;
  }

  int(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  long(value: bigint): this {
    const at = this.#reserve(8);
    this.#buffer.writeBigInt64BE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.int(value.length);
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  string(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  vector<Item>(items: readonly Item[], write: (item: Item) => void): this {
    this.int(items.length);
    for (const item of items) write(item);
    return this;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads the fields of one packet in order; runs off the end with a RangeError, as Node's Buffer does. */
export class JuteReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  boolean(): boolean {
    return this.#buffer.readUInt8(this.#position++) !== 0;
  }

  int(): number {
    const value = this.#buffer.readInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  long(): bigint {
    const value = this.#buffer.readBigInt64BE(this.#position);
    this.#position += 8;
    return value;
  }

  /** A null buffer (length −1) reads as an empty one: nothing here tells them apart. */
  bytes(): Buffer {
    const length = Math.max(0, this.int());
    const end = this.#position + length;
    if (end > this.#buffer.length) throw new RangeError('packet is shorter than it says');
    const value = this.#buffer.subarray(this.#position, end);
    this.#position = end;
    return value;
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  vector<Item>(read: () => Item): Item[] {
    const count = Math.max(0, this.int());
    return Array.from({ length: count }, read);
  }
}
