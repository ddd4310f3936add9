/**
 * From a path to its node: linear hashing. The buckets grow by one or two with each insertion, so that
 * there is never a moment at which the whole table is rebuilt; chains run through the rows.
 */
import { assert } from '../protocol/assert.ts';
import { mix } from './hash.ts';
import type { Names } from './names.ts';
import { Field, noNode, type NodeId, type Rows } from './rows.ts';

const PAGE_BITS = 14;
const PAGE_MASK = (1 << PAGE_BITS) - 1;
const FIRST_BUCKETS = 1 << PAGE_BITS;

export class PathIndex {
  private readonly rows: Rows;
  private readonly names: Names;
  /** The first row of each bucket. */
  private readonly heads: Int32Array[] = [new Int32Array(1 << PAGE_BITS)];
  private buckets = FIRST_BUCKETS;
  /** The greatest power of two that is not above `buckets`, minus 1. */
  private lowMask = FIRST_BUCKETS - 1;
  private size = 0;

  constructor(rows: Rows, names: Names) {
    this.rows = rows;
    this.names = names;
  }

  /** The node at the first `length` code units of `path`, whose hash is `hash`; 0 for none. */
  find(hash: number, path: string, length: number): NodeId {
    let id = this.head(this.bucketOf(hash));
    while (id !== noNode) {
      if (this.rows.get(id, Field.PATH_HASH) === hash && this.names.isAt(id, path, length)) {
        return id;
      }
      id = this.rows.get(id, Field.NEXT);
    }
    return noNode;
  }

  /** The row must carry its PATH_HASH, and its path must not be there yet. */
  insert(id: NodeId): void {
    this.link(this.bucketOf(this.rows.get(id, Field.PATH_HASH)), id);
    this.size += 1;
    while (this.size * 2 > this.buckets) this.split();
  }

  remove(id: NodeId): void {
    const bucket = this.bucketOf(this.rows.get(id, Field.PATH_HASH));
    const next = this.rows.get(id, Field.NEXT);
    let at = this.head(bucket);
    if (at === id) {
      this.setHead(bucket, next);
    } else {
      for (;;) {
        assert(at !== noNode, 'path index: no such row');
        const following = this.rows.get(at, Field.NEXT);
        if (following === id) break;
        at = following;
      }
      this.rows.set(at, Field.NEXT, next);
    }
    this.rows.set(id, Field.NEXT, noNode);
    this.size -= 1;
  }

  /** Makes room for `size` nodes at once; only while the index is empty. */
  reserve(size: number): void {
    assert(this.size === 0, 'path index: reserve before the first insertion');
    const wanted = Math.max(FIRST_BUCKETS, size * 2);
    while (this.buckets < wanted) this.addBucket();
  }

  private split(): void {
    const bucket = this.buckets & this.lowMask;
    const bit = this.lowMask + 1;
    const added = this.addBucket();
    let id = this.head(bucket);
    this.setHead(bucket, noNode);
    while (id !== noNode) {
      const next = this.rows.get(id, Field.NEXT);
      const moves = (mix(this.rows.get(id, Field.PATH_HASH)) & bit) !== 0;
      this.link(moves ? added : bucket, id);
      id = next;
    }
  }

  private addBucket(): number {
    const bucket = this.buckets;
    if (bucket >>> PAGE_BITS === this.heads.length) {
      this.heads.push(new Int32Array(1 << PAGE_BITS));
    }
    this.buckets += 1;
    if (this.buckets === (this.lowMask + 1) * 2) this.lowMask = this.buckets - 1;
    return bucket;
  }

  private bucketOf(hash: number): number {
    const mixed = mix(hash);
    const bucket = mixed & (this.lowMask * 2 + 1);
    return bucket < this.buckets ? bucket : mixed & this.lowMask;
  }

  private link(bucket: number, id: NodeId): void {
    this.rows.set(id, Field.NEXT, this.head(bucket));
    this.setHead(bucket, id);
  }

  private head(bucket: number): NodeId {
    return this.headPage(bucket)[bucket & PAGE_MASK] ?? noNode;
  }

  private setHead(bucket: number, id: NodeId): void {
    this.headPage(bucket)[bucket & PAGE_MASK] = id;
  }

  private headPage(bucket: number): Int32Array {
    const page = this.heads[bucket >>> PAGE_BITS];
    assert(page !== undefined, 'path index: no such bucket');
    return page;
  }
}
