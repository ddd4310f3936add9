/**
 * Memory for names, data and child lists: slots of some 128 sizes in pages of 1 MiB, so that a million
 * small values are a few hundred allocations of the machine, none of them seen by the garbage collector,
 * and growth never copies, but for the first page of a size, which begins small: a tree of a few znodes
 * needs no megabytes. Values above 64 KiB get memory of their own.
 *
 * A slot is known by a handle: a positive number for a slot, a negative one for a value of its own, 0
 * for none. Whoever holds a handle also knows the length, from which the slot's size follows.
 */
import { assert } from '../protocol/assert.ts';
import { copyBytes } from './slab.ts';

const PAGE_BYTES = 1024 * 1024;
/** The first page of a size begins with so much, and grows by the factor until it is a whole one. */
const FIRST_PAGE_BYTES = 2048;
const FIRST_PAGE_GROWTH = 8;
/** Handles count units of 8 bytes, so that every slot can also be read as 32-bit words. */
const GRANULE_BITS = 3;
const PAGE_GRANULE_BITS = 17;
const PAGE_GRANULE_MASK = (1 << PAGE_GRANULE_BITS) - 1;
/** Handles must stay below 2^31. */
const PAGES_MAX = 1 << (31 - PAGE_GRANULE_BITS);

/** Longest value that lives in a slot. */
const SLOT_BYTES_MAX = 64 * 1024;

/** Steps grow with the size, so that a slot wastes at most an eighth of itself (or 7 bytes). */
const steps = [
  { upTo: 256, step: 8 },
  { upTo: 1024, step: 32 },
  { upTo: 4096, step: 128 },
  { upTo: 16_384, step: 512 },
  { upTo: SLOT_BYTES_MAX, step: 2048 },
] as const;

const slotSizes = makeSlotSizes();

function makeSlotSizes(): readonly number[] {
  const sizes: number[] = [0];
  let size = 0;
  for (const { upTo, step } of steps) {
    while (size < upTo) {
      size += step;
      sizes.push(size);
    }
  }
  return sizes;
}

/** Index of the smallest slot size that holds `length` bytes, for 1 … SLOT_BYTES_MAX. */
function sizeClassOf(length: number): number {
  if (length <= 256) return (length + 7) >>> 3;
  if (length <= 1024) return 32 + ((length - 256 + 31) >>> 5);
  if (length <= 4096) return 56 + ((length - 1024 + 127) >>> 7);
  if (length <= 16_384) return 80 + ((length - 4096 + 511) >>> 9);
  return 104 + ((length - 16_384 + 2047) >>> 11);
}

/** A page of slots of one size; its free slots are a list within themselves. */
interface Page {
  /** Replaced when the page grows: whoever asks for the memory of a handle uses it before the next allocation. */
  bytes: Uint8Array;
  words: Int32Array;
  readonly index: number;
  sizeClass: number;
  used: number;
  /** Granule after the last slot ever used. */
  fresh: number;
  /** Granule + 1 of the first free slot, 0 for none. */
  free: number;
  previous: Page | undefined;
  next: Page | undefined;
}

interface Large {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

export class BytePool {
  private readonly pages: Page[] = [];
  private readonly large: (Large | undefined)[] = [];
  private readonly freeLarge: number[] = [];
  private readonly emptyPages: Page[] = [];
  /** For each size the pages that have room, the one in use first. */
  private readonly withRoom: (Page | undefined)[] = slotSizes.map(() => undefined);
  /** The sizes that have had a page. */
  private readonly begun = new Uint8Array(slotSizes.length);

  constructor() {
    // Page 0 is never used, so that no slot has the handle 0.
    this.pages.push(makePage({ index: 0, sizeClass: 0, bytes: 0 }));
  }

  /** @returns a handle to at least `length` bytes of undefined content; 0 for length 0 */
  allocate(length: number): number {
    if (length === 0) return 0;
    if (length > SLOT_BYTES_MAX) return this.allocateLarge(length);
    const sizeClass = sizeClassOf(length);
    const page = this.withRoom[sizeClass] ?? this.openPage(sizeClass);
    const granule = takeSlot(page);
    if (page.free === 0 && !hasFresh(page)) this.unlink(page);
    return (page.index << PAGE_GRANULE_BITS) | granule;
  }

  /** Gives back what `allocate(length)` gave. */
  free(handle: number, length: number): void {
    if (handle === 0) return;
    if (handle < 0) {
      this.large[-handle - 1] = undefined;
      this.freeLarge.push(-handle - 1);
      return;
    }
    const page = this.pageOf(handle);
    assert(page.sizeClass === sizeClassOf(length), 'byte pool: freed with another length');
    const wasFull = page.free === 0 && !hasFresh(page);
    const granule = handle & PAGE_GRANULE_MASK;
    page.words[granule << 1] = page.free;
    page.free = granule + 1;
    page.used -= 1;
    if (wasFull) this.link(page);
    // The last page of a size stays, lest a single slot that comes and goes opens a page each time.
    if (page.used === 0 && (page.previous !== undefined || page.next !== undefined)) {
      this.unlink(page);
      this.emptyPages.push(page);
    }
  }

  /** True when a value of one length may be overwritten by one of the other length in place. */
  sameSlot(length: number, other: number): boolean {
    if (length === 0 || other === 0) return length === other;
    if (length > SLOT_BYTES_MAX || other > SLOT_BYTES_MAX) return false;
    return sizeClassOf(length) === sizeClassOf(other);
  }

  /** The memory in which the handle's bytes lie, from `byteOffset(handle)` on. */
  bytes(handle: number): Uint8Array {
    return handle < 0 ? this.largeOf(handle).bytes : this.pageOf(handle).bytes;
  }

  /** The same memory as words, from `wordOffset(handle)` on. */
  words(handle: number): Int32Array {
    return handle < 0 ? this.largeOf(handle).words : this.pageOf(handle).words;
  }

  byteOffset(handle: number): number {
    return handle < 0 ? 0 : (handle & PAGE_GRANULE_MASK) << GRANULE_BITS;
  }

  wordOffset(handle: number): number {
    return handle < 0 ? 0 : (handle & PAGE_GRANULE_MASK) << (GRANULE_BITS - 2);
  }

  /** Copies `source` into new memory. */
  store(source: Uint8Array): number {
    const handle = this.allocate(source.length);
    if (handle !== 0) this.bytes(handle).set(source, this.byteOffset(handle));
    return handle;
  }

  /** A copy of the `length` bytes behind the handle. */
  copy(handle: number, length: number): Uint8Array {
    if (handle === 0) return new Uint8Array(0);
    return copyBytes(this.bytes(handle), this.byteOffset(handle), length);
  }

  private pageOf(handle: number): Page {
    const page = this.pages[handle >>> PAGE_GRANULE_BITS];
    assert(page !== undefined, 'byte pool: no such handle');
    return page;
  }

  private largeOf(handle: number): Large {
    const value = this.large[-handle - 1];
    assert(value !== undefined, 'byte pool: no such handle');
    return value;
  }

  private allocateLarge(length: number): number {
    const bytes = new Uint8Array((length + 7) & ~7);
    const value = { bytes, words: new Int32Array(bytes.buffer) };
    const reused = this.freeLarge.pop();
    if (reused === undefined) return -this.large.push(value);
    this.large[reused] = value;
    return -reused - 1;
  }

  private openPage(sizeClass: number): Page {
    const page = this.emptyPages.pop() ?? this.addPage(sizeClass);
    page.sizeClass = sizeClass;
    page.fresh = 0;
    page.free = 0;
    this.link(page);
    return page;
  }

  private addPage(sizeClass: number): Page {
    assert(this.pages.length < PAGES_MAX, 'byte pool: out of handles');
    const isFirst = this.begun[sizeClass] === 0;
    this.begun[sizeClass] = 1;
    const page = makePage({
      index: this.pages.length,
      sizeClass,
      bytes: isFirst ? FIRST_PAGE_BYTES : PAGE_BYTES,
    });
    this.pages.push(page);
    return page;
  }

  private link(page: Page): void {
    const first = this.withRoom[page.sizeClass];
    page.previous = undefined;
    page.next = first;
    if (first !== undefined) first.previous = page;
    this.withRoom[page.sizeClass] = page;
  }

  private unlink(page: Page): void {
    if (page.previous === undefined) this.withRoom[page.sizeClass] = page.next;
    else page.previous.next = page.next;
    if (page.next !== undefined) page.next.previous = page.previous;
    page.previous = undefined;
    page.next = undefined;
  }
}

function makePage(given: { index: number; sizeClass: number; bytes: number }): Page {
  const { index, sizeClass } = given;
  const bytes = new Uint8Array(given.bytes);
  const words = new Int32Array(bytes.buffer);
  return {
    bytes,
    words,
    index,
    sizeClass,
    used: 0,
    fresh: 0,
    free: 0,
    previous: undefined,
    next: undefined,
  };
}

function slotGranules(page: Page): number {
  return (slotSizes[page.sizeClass] ?? 0) >>> GRANULE_BITS;
}

function hasFresh(page: Page): boolean {
  return page.fresh + slotGranules(page) <= 1 << PAGE_GRANULE_BITS;
}

function takeSlot(page: Page): number {
  page.used += 1;
  if (page.free !== 0) {
    const granule = page.free - 1;
    page.free = page.words[granule << 1] ?? 0;
    return granule;
  }
  const granule = page.fresh;
  page.fresh += slotGranules(page);
  if (page.fresh > page.words.length >>> 1) grow(page);
  return granule;
}

/** Until the slots that have been taken of it fit. */
function grow(page: Page): void {
  let length = page.bytes.length;
  while (length < page.fresh << GRANULE_BITS) length *= FIRST_PAGE_GROWTH;
  const bytes = new Uint8Array(Math.min(length, PAGE_BYTES));
  bytes.set(page.bytes);
  page.bytes = bytes;
  page.words = new Int32Array(bytes.buffer);
}
