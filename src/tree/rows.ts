/**
 * One row of numbers for each znode, 112 bytes, in pages of 16,384 rows: growth adds a page and never
 * copies, but for the first page, which begins small. A row is found by its number (the node id, from 1; 0 means none). The first words of a row are
 * the replicated ones, in one piece, so that the digest is a hash over them; the rest is this process's
 * own bookkeeping.
 */
import { assert } from '../protocol/assert.ts';
import type { NodeKind } from '../protocol/model.ts';

export type NodeId = number;

export const noNode: NodeId = 0;

const PAGE_BITS = 14;
const PAGE_ROWS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;
/** The first page begins with so many rows, and grows by the factor until it is a whole one. */
const FIRST_PAGE_ROWS = 32;
const FIRST_PAGE_GROWTH = 8;

const ROW_WORDS = 28;
const ROW_DOUBLES = 14;

/** Words of a row that are the same on every node of the ensemble. */
export const replicatedWords = 22;

/** Fields of 53 bits. */
export const Wide = {
  CZXID: 0,
  MZXID: 1,
  PZXID: 2,
  CTIME: 3,
  MTIME: 4,
  /** The raw one: the number of children ever created. */
  CVERSION: 5,
  /** The owning session of an ephemeral, the milliseconds of a TTL znode, else 0. */
  OWNER_OR_TTL: 6,
} as const;

/** Fields of 32 bits; those before PARENT are replicated. */
export const Field = {
  VERSION: 14,
  AVERSION: 15,
  ACL: 16,
  NUM_CHILDREN: 17,
  PATH_HASH: 18,
  /** Length of the name in bytes, kind, and whether the name is ASCII; see `nameInfo`. */
  NAME_INFO: 19,
  DATA_LENGTH: 20,
  DATA_HASH: 21,
  PARENT: 22,
  /** The next row of the same bucket of the path index; of a free row, the next free one. */
  NEXT: 23,
  NAME: 24,
  DATA: 25,
  /** See `ChildLists`. */
  CHILDREN: 26,
  DESCENDANTS: 27,
} as const;

export type WideField = (typeof Wide)[keyof typeof Wide];
export type NarrowField = (typeof Field)[keyof typeof Field];

const kinds: readonly NodeKind[] = ['persistent', 'ephemeral', 'container', 'ttl'];

/** The number of a kind in rows, log records and snapshots. */
export const KindNumber = { persistent: 0, ephemeral: 1, container: 2, ttl: 3 } as const;

/** The kind with this number, or undefined. */
export function kindOfNumber(number: number): NodeKind | undefined {
  return kinds[number];
}

/** Set in NAME_INFO of a row in use, so that a free row has the value 0. */
const IN_USE = 1 << 20;
const NOT_ASCII = 1 << 18;

export interface NameInfo {
  readonly bytes: number;
  readonly kind: NodeKind;
  readonly ascii: boolean;
}

export function packNameInfo(info: NameInfo): number {
  return IN_USE | (info.ascii ? 0 : NOT_ASCII) | (KindNumber[info.kind] << 16) | info.bytes;
}

export class Rows {
  private readonly words: Int32Array[] = [];
  private readonly doubles: Float64Array[] = [];
  private firstPageRows = FIRST_PAGE_ROWS;
  private firstFree: NodeId = noNode;
  /** The lowest number that was never used. */
  private end: NodeId = 1;

  /** All rows in use have numbers below this. */
  get limit(): NodeId {
    return this.end;
  }

  /** A row of zeros. */
  allocate(): NodeId {
    const free = this.firstFree;
    if (free !== noNode) {
      this.firstFree = this.get(free, Field.NEXT);
      this.set(free, Field.NEXT, 0);
      return free;
    }
    const id = this.end;
    if (id >>> PAGE_BITS === this.words.length) this.addPage();
    else if (id === this.firstPageRows) this.growFirstPage();
    this.end += 1;
    return id;
  }

  free(id: NodeId): void {
    const page = this.page(id);
    const start = (id & PAGE_MASK) * ROW_WORDS;
    page.fill(0, start, start + ROW_WORDS);
    page[start + Field.NEXT] = this.firstFree;
    this.firstFree = id;
  }

  inUse(id: NodeId): boolean {
    return id > 0 && id < this.end && (this.get(id, Field.NAME_INFO) & IN_USE) !== 0;
  }

  get(id: NodeId, field: NarrowField): number {
    return this.page(id)[(id & PAGE_MASK) * ROW_WORDS + field] ?? 0;
  }

  set(id: NodeId, field: NarrowField, value: number): void {
    this.page(id)[(id & PAGE_MASK) * ROW_WORDS + field] = value;
  }

  add(id: NodeId, field: NarrowField, value: number): void {
    const page = this.page(id);
    const index = (id & PAGE_MASK) * ROW_WORDS + field;
    page[index] = (page[index] ?? 0) + value;
  }

  wide(id: NodeId, field: WideField): number {
    return this.doublePage(id)[(id & PAGE_MASK) * ROW_DOUBLES + field] ?? 0;
  }

  setWide(id: NodeId, field: WideField, value: number): void {
    this.doublePage(id)[(id & PAGE_MASK) * ROW_DOUBLES + field] = value;
  }

  /** The memory of the row, from `wordOffset(id)` on, until the next row is allocated. */
  page(id: NodeId): Int32Array {
    const page = this.words[id >>> PAGE_BITS];
    assert(page !== undefined, 'rows: no such row');
    return page;
  }

  wordOffset(id: NodeId): number {
    return (id & PAGE_MASK) * ROW_WORDS;
  }

  nameBytes(id: NodeId): number {
    return this.get(id, Field.NAME_INFO) & 0xffff;
  }

  hasAsciiName(id: NodeId): boolean {
    return (this.get(id, Field.NAME_INFO) & NOT_ASCII) === 0;
  }

  kindNumber(id: NodeId): number {
    return (this.get(id, Field.NAME_INFO) >>> 16) & 3;
  }

  kind(id: NodeId): NodeKind {
    return kinds[this.kindNumber(id)] ?? 'persistent';
  }

  private doublePage(id: NodeId): Float64Array {
    const page = this.doubles[id >>> PAGE_BITS];
    assert(page !== undefined, 'rows: no such row');
    return page;
  }

  private addPage(): void {
    const rows = this.words.length === 0 ? FIRST_PAGE_ROWS : PAGE_ROWS;
    const doubles = new Float64Array(rows * ROW_DOUBLES);
    this.doubles.push(doubles);
    this.words.push(new Int32Array(doubles.buffer));
  }

  private growFirstPage(): void {
    if (this.firstPageRows === PAGE_ROWS) return;
    this.firstPageRows = Math.min(PAGE_ROWS, this.firstPageRows * FIRST_PAGE_GROWTH);
    const doubles = new Float64Array(this.firstPageRows * ROW_DOUBLES);
    doubles.set(this.doubles[0] ?? []);
    this.doubles[0] = doubles;
    this.words[0] = new Int32Array(doubles.buffer);
  }
}
