/** What stands in one file of a `MemoryDisk`: as a reader sees it, and as a power loss would leave it. */
import type { Random } from './random.ts';

/** A disk writes whole sectors, or not at all. */
const SECTOR_BYTES = 512;

type Change =
  | { readonly type: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly length: number };

class Content {
  #bytes = new Uint8Array(0);
  /** Another content uses the same memory: whoever changes something first makes its own. */
  #isShared = false;
  size = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  apply(change: Change): void {
    if (change.type === 'truncate') {
      this.#reserve(change.length);
      this.#bytes.fill(0, Math.min(change.length, this.size), this.size);
      this.size = change.length;
      return;
    }
    const end = change.offset + change.bytes.length;
    this.#reserve(end);
    this.#bytes.set(change.bytes, change.offset);
    this.size = Math.max(this.size, end);
  }

  flipBit(offset: number, bit: number): void {
    this.#reserve(this.size);
    this.#bytes[offset] = (this.#bytes[offset] ?? 0) ^ (1 << bit);
  }

  copy(): Content {
    const copy = new Content();
    copy.#bytes = this.#bytes;
    copy.size = this.size;
    copy.#isShared = this.#isShared = true;
    return copy;
  }

  /** Memory of its own, for so many bytes at least. */
  #reserve(size: number): void {
    const { length } = this.#bytes;
    if (size <= length && !this.#isShared) return;
    const grown = new Uint8Array(size <= length ? length : Math.max(size, 2 * length));
    grown.set(this.bytes);
    this.#bytes = grown;
    this.#isShared = false;
  }
}

export class MemoryFile {
  #current = new Content();
  #durable = new Content();
  #pending: Change[] = [];
  /** Of what is pending, how much was said to be durable all the same. */
  #said = 0;

  get size(): number {
    return this.#current.size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#current.bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#change({ type: 'write', offset, bytes: bytes.slice() });
  }

  truncate(length: number): void {
    this.#change({ type: 'truncate', length });
  }

  sync(): void {
    this.#said = this.#pending.length;
    this.honour();
  }

  /** A sync that lies: it succeeds and has done nothing. */
  pretendSync(): void {
    this.#said = this.#pending.length;
  }

  /** What was said to be durable is. */
  honour(): void {
    for (const change of this.#pending.splice(0, this.#said)) this.#durable.apply(change);
    this.#said = 0;
  }

  /** The sync failed: of what it should have written each piece may be lost for good, unseen by readers. */
  failSync(random: Random): void {
    this.#pending = this.#pending.filter((_, index) => index < this.#said || random() < 0.5);
  }

  flipBit(offset: number, bit: number): void {
    for (const content of [this.#current, this.#durable]) {
      if (offset < content.size) content.flipBit(offset, bit);
    }
  }

  /** As it would be found after a power loss now; without `random` all that was not synced is lost. */
  afterPowerLoss(random: Random | undefined): MemoryFile {
    const survivor = new MemoryFile();
    const content = this.#durable.copy();
    for (const change of random === undefined ? [] : this.#pending) {
      for (const part of survivingParts(change, random ?? (() => 0))) content.apply(part);
    }
    survivor.#durable = content;
    survivor.#current = content.copy();
    return survivor;
  }

  /** The same in both books, and in what is pending. */
  copy(): MemoryFile {
    const copy = new MemoryFile();
    copy.#current = this.#current.copy();
    copy.#durable = this.#durable.copy();
    copy.#pending = [...this.#pending];
    copy.#said = this.#said;
    return copy;
  }

  #change(change: Change): void {
    this.#current.apply(change);
    this.#pending.push(change);
  }
}

/** A change that was not synced is lost, kept, kept in some of its sectors, or up to any byte. */
function survivingParts(change: Change, random: Random): readonly Change[] {
  const fate = random();
  if (fate < 1 / 3) return [];
  if (fate < 2 / 3 || change.type === 'truncate') return [change];
  if (fate > 11 / 12) {
    return [{ ...change, bytes: change.bytes.subarray(0, random() * change.bytes.length) }];
  }
  const parts: Change[] = [];
  const end = change.offset + change.bytes.length;
  for (let from = change.offset; from < end;) {
    const until = Math.min(end, (Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    const bytes = change.bytes.subarray(from - change.offset, until - change.offset);
    if (random() < 0.5) parts.push({ type: 'write', offset: from, bytes });
    from = until;
  }
  return parts;
}
