/**
 * Sorts many nodes by name at once. Comparing names costs a few cache misses each time, so the sort reads
 * six bytes of each name into a row of keys and sorts those, and looks again only where they are equal.
 */
import type { BytePool } from './byte-pool.ts';
import type { Names } from './names.ts';
import { Field, noNode, type NodeId, type Rows } from './rows.ts';

const INSERTION_MAX = 24;
const KEY_HALF_BYTES = 3;
const RADIX = 256;

interface Range {
  readonly start: number;
  readonly end: number;
}

export class NameSorter {
  private readonly rows: Rows;
  private readonly pool: BytePool;
  private readonly names: Names;
  private high = new Int32Array(0);
  private low = new Int32Array(0);
  private order = new Int32Array(0);
  private spare = new Int32Array(0);
  private ids = new Int32Array(0);

  constructor(parts: { readonly rows: Rows; readonly pool: BytePool; readonly names: Names }) {
    this.rows = parts.rows;
    this.pool = parts.pool;
    this.names = parts.names;
  }

  /**
   * Sorts `ids` from `start` up to `end`, bytewise by name.
   * @returns a node whose name another one has too, or 0
   */
  sort(ids: Int32Array, start: number, end: number): NodeId {
    const pending: Range[] = [{ start, end }];
    for (let range = pending.pop(); range !== undefined; range = pending.pop()) {
      const duplicate =
        range.end - range.start <= INSERTION_MAX
          ? this.insertionSort(ids, range)
          : this.sortByKeys(ids, range, pending);
      if (duplicate !== noNode) return duplicate;
    }
    return noNode;
  }

  private insertionSort(ids: Int32Array, { start, end }: Range): NodeId {
    for (let index = start + 1; index < end; index++) {
      const id = ids[index] ?? noNode;
      let at = index;
      while (at > start) {
        const before = ids[at - 1] ?? noNode;
        const order = this.names.compare(before, id);
        if (order === 0) return id;
        if (order < 0) break;
        ids[at] = before;
        at -= 1;
      }
      ids[at] = id;
    }
    return noNode;
  }

  /** Sorts by the six bytes behind the common prefix; what is still equal goes to `pending`. */
  private sortByKeys(ids: Int32Array, { start, end }: Range, pending: Range[]): NodeId {
    const count = end - start;
    const prefix = this.commonPrefix(ids, { start, end });
    if (prefix.duplicate !== noNode) return prefix.duplicate;
    this.reserve(count);
    for (let index = 0; index < count; index++) {
      const id = ids[start + index] ?? noNode;
      this.high[index] = this.keyAt(id, prefix.length);
      this.low[index] = this.keyAt(id, prefix.length + KEY_HALF_BYTES);
      this.order[index] = index;
      this.ids[index] = id;
    }
    for (const keys of [this.low, this.high]) {
      for (let shift = 0; shift < 24; shift += 8) this.pass(keys, shift, count);
    }
    for (let index = 0; index < count; index++) {
      ids[start + index] = this.ids[this.order[index] ?? 0] ?? noNode;
    }
    this.collectEqual(start, count, pending);
    return noNode;
  }

  private collectEqual(start: number, count: number, pending: Range[]): void {
    let first = 0;
    for (let index = 1; index <= count; index++) {
      if (index < count && this.sameKey(index, first)) continue;
      if (index - first > 1) pending.push({ start: start + first, end: start + index });
      first = index;
    }
  }

  private sameKey(left: number, right: number): boolean {
    const a = this.order[left] ?? 0;
    const b = this.order[right] ?? 0;
    return this.high[a] === this.high[b] && this.low[a] === this.low[b];
  }

  /** One pass of a stable counting sort of `order` by one byte of the keys. */
  private pass(keys: Int32Array, shift: number, count: number): void {
    const { order, spare } = this;
    const starts = new Int32Array(RADIX + 1);
    for (let index = 0; index < count; index++) {
      const slot = (((keys[index] ?? 0) >>> shift) & 0xff) + 1;
      starts[slot] = (starts[slot] ?? 0) + 1;
    }
    if (starts.includes(count)) return;
    for (let slot = 1; slot <= RADIX; slot++) {
      starts[slot] = (starts[slot] ?? 0) + (starts[slot - 1] ?? 0);
    }
    for (let index = 0; index < count; index++) {
      const item = order[index] ?? 0;
      const slot = ((keys[item] ?? 0) >>> shift) & 0xff;
      const target = starts[slot] ?? 0;
      starts[slot] = target + 1;
      spare[target] = item;
    }
    this.order = spare;
    this.spare = order;
  }

  /** Length of the prefix that all names share; a duplicate when two consist of nothing else. */
  private commonPrefix(
    ids: Int32Array,
    { start, end }: Range,
  ): { readonly length: number; readonly duplicate: NodeId } {
    const first = ids[start] ?? noNode;
    const handle = this.rows.get(first, Field.NAME);
    const bytes = this.pool.bytes(handle);
    const offset = this.pool.byteOffset(handle);
    let length = this.rows.nameBytes(first);
    for (let index = start + 1; index < end && length > 0; index++) {
      length = this.sharedWith(ids[index] ?? noNode, { bytes, offset, length });
    }
    let whole = 0;
    for (let index = start; index < end; index++) {
      const id = ids[index] ?? noNode;
      if (this.rows.nameBytes(id) !== length) continue;
      whole += 1;
      if (whole > 1) return { length, duplicate: id };
    }
    return { length, duplicate: noNode };
  }

  private sharedWith(
    id: NodeId,
    prefix: { readonly bytes: Uint8Array; readonly offset: number; readonly length: number },
  ): number {
    const handle = this.rows.get(id, Field.NAME);
    const bytes = this.pool.bytes(handle);
    const offset = this.pool.byteOffset(handle);
    const length = Math.min(prefix.length, this.rows.nameBytes(id));
    for (let index = 0; index < length; index++) {
      if (bytes[offset + index] !== prefix.bytes[prefix.offset + index]) return index;
    }
    return length;
  }

  /** Three bytes of a name; zeros behind its end, which no name contains. */
  private keyAt(id: NodeId, depth: number): number {
    const handle = this.rows.get(id, Field.NAME);
    const bytes = this.pool.bytes(handle);
    const offset = this.pool.byteOffset(handle);
    const length = this.rows.nameBytes(id);
    let key = 0;
    for (let index = depth; index < depth + KEY_HALF_BYTES; index++) {
      key = (key << 8) | (index < length ? (bytes[offset + index] ?? 0) : 0);
    }
    return key;
  }

  private reserve(count: number): void {
    if (this.order.length >= count) return;
    this.high = new Int32Array(count);
    this.low = new Int32Array(count);
    this.order = new Int32Array(count);
    this.spare = new Int32Array(count);
    this.ids = new Int32Array(count);
  }
}
