/**
 * The children of each node, sorted by name. Up to 128 of them are one array of ids in the byte pool;
 * more are a list of blocks of up to 512 sorted ids, so that neither an insertion among a million nor
 * the first page of them costs more than a few microseconds.
 *
 * The row's field CHILDREN is 0 for none, a handle of the pool, or −1 − the index of a `Blocks`.
 */
import { assert } from '../protocol/assert.ts';
import type { BytePool } from './byte-pool.ts';
import type { Names } from './names.ts';
import { Field, noNode, type NodeId, type Rows } from './rows.ts';

const SMALL_MAX = 128;
/** Below this a list of blocks becomes an array again; the gap keeps it from going to and fro. */
const BLOCKS_MIN = 64;
const BLOCK_MAX = 512;
/** How full blocks are when they are built from a sorted list: with room for insertions. */
const BLOCK_FILL = 384;
const ID_BYTES = 4;

interface Block {
  readonly ids: Int32Array;
  count: number;
}

/** Goes through the children of one node in order, while nothing is applied. */
export interface ChildCursor {
  /** The next child, or 0 at the end. */
  next(): NodeId;
}

export class ChildLists {
  private readonly rows: Rows;
  private readonly pool: BytePool;
  private readonly names: Names;
  private readonly large: (Block[] | undefined)[] = [];
  private readonly freeLarge: number[] = [];

  constructor(rows: Rows, pool: BytePool, names: Names) {
    this.rows = rows;
    this.pool = pool;
    this.names = names;
  }

  /** Adds a child, whose name is set and not there yet, and counts it. */
  insert(parent: NodeId, child: NodeId): void {
    this.names.setKey(child);
    const field = this.rows.get(parent, Field.CHILDREN);
    const count = this.rows.get(parent, Field.NUM_CHILDREN);
    if (field < 0) {
      this.insertIntoBlocks(this.blocksOf(field), child);
    } else if (count < SMALL_MAX) {
      this.rows.set(parent, Field.CHILDREN, this.insertSmall(field, count, child));
    } else {
      const ids = this.smallIds(field, count);
      const blocks = [makeBlock(ids)];
      this.pool.free(field, count * ID_BYTES);
      this.rows.set(parent, Field.CHILDREN, this.addLarge(blocks));
      this.insertIntoBlocks(blocks, child);
    }
    this.rows.set(parent, Field.NUM_CHILDREN, count + 1);
  }

  /** Removes a child and uncounts it. */
  remove(parent: NodeId, child: NodeId): void {
    this.names.setKey(child);
    const field = this.rows.get(parent, Field.CHILDREN);
    const count = this.rows.get(parent, Field.NUM_CHILDREN);
    if (field < 0) {
      this.removeFromBlocks(this.blocksOf(field), child);
      if (count - 1 <= BLOCKS_MIN) this.shrink(parent, field);
    } else {
      this.rows.set(parent, Field.CHILDREN, this.removeSmall(field, count, child));
    }
    this.rows.set(parent, Field.NUM_CHILDREN, count - 1);
  }

  /** Gives a node, which has none yet, its children at once: those of `sorted` in [start, end). */
  build(parent: NodeId, sorted: Int32Array, range: { start: number; end: number }): void {
    const count = range.end - range.start;
    if (count <= SMALL_MAX) {
      const handle = this.pool.allocate(count * ID_BYTES);
      if (handle !== 0) {
        const part = sorted.subarray(range.start, range.end);
        this.pool.words(handle).set(part, this.pool.wordOffset(handle));
      }
      this.rows.set(parent, Field.CHILDREN, handle);
    } else {
      const blocks: Block[] = [];
      for (let at = range.start; at < range.end; at += BLOCK_FILL) {
        blocks.push(makeBlock(sorted.subarray(at, Math.min(range.end, at + BLOCK_FILL))));
      }
      this.rows.set(parent, Field.CHILDREN, this.addLarge(blocks));
    }
    this.rows.set(parent, Field.NUM_CHILDREN, count);
  }

  /** The children in order, from the first whose name is greater than `after` on (absent = all). */
  cursor(parent: NodeId, after?: string): ChildCursor {
    const field = this.rows.get(parent, Field.CHILDREN);
    if (field < 0) {
      const blocks = this.blocksOf(field);
      if (after === undefined) return new BlockCursor(blocks, 0, 0);
      const index = this.blockForText(blocks, after);
      const block = blockAt(blocks, index);
      return new BlockCursor(blocks, index, this.upperBound(block.ids, block.count, after));
    }
    const ids = this.smallIds(field, this.rows.get(parent, Field.NUM_CHILDREN));
    const start = after === undefined ? 0 : this.upperBound(ids, ids.length, after);
    return new BlockCursor([{ ids, count: ids.length }], 0, start);
  }

  /** How many children have a name greater than `after`. */
  countAfter(parent: NodeId, after: string): number {
    const field = this.rows.get(parent, Field.CHILDREN);
    if (field >= 0) {
      const ids = this.smallIds(field, this.rows.get(parent, Field.NUM_CHILDREN));
      return ids.length - this.upperBound(ids, ids.length, after);
    }
    const blocks = this.blocksOf(field);
    const first = this.blockForText(blocks, after);
    const block = blockAt(blocks, first);
    let count = block.count - this.upperBound(block.ids, block.count, after);
    for (let index = first + 1; index < blocks.length; index++) {
      count += blocks[index]?.count ?? 0;
    }
    return count;
  }

  private insertSmall(handle: number, count: number, child: NodeId): number {
    const ids = this.smallIds(handle, count);
    const position = this.lowerBound(ids, count);
    const bytes = count * ID_BYTES;
    if (this.pool.sameSlot(bytes, bytes + ID_BYTES)) {
      const words = this.pool.words(handle);
      const start = this.pool.wordOffset(handle);
      words.copyWithin(start + position + 1, start + position, start + count);
      words[start + position] = child;
      return handle;
    }
    const grown = this.pool.allocate(bytes + ID_BYTES);
    const words = this.pool.words(grown);
    const start = this.pool.wordOffset(grown);
    words.set(ids.subarray(0, position), start);
    words[start + position] = child;
    words.set(ids.subarray(position), start + position + 1);
    this.pool.free(handle, bytes);
    return grown;
  }

  private removeSmall(handle: number, count: number, child: NodeId): number {
    const ids = this.smallIds(handle, count);
    const position = this.lowerBound(ids, count);
    assert(ids[position] === child, 'children: no such child');
    const bytes = count * ID_BYTES;
    if (this.pool.sameSlot(bytes, bytes - ID_BYTES)) {
      ids.copyWithin(position, position + 1);
      return handle;
    }
    const shrunk = this.pool.allocate(bytes - ID_BYTES);
    if (shrunk !== 0) {
      const words = this.pool.words(shrunk);
      const start = this.pool.wordOffset(shrunk);
      words.set(ids.subarray(0, position), start);
      words.set(ids.subarray(position + 1), start + position);
    }
    this.pool.free(handle, bytes);
    return shrunk;
  }

  private insertIntoBlocks(blocks: Block[], child: NodeId): void {
    const index = this.blockForKey(blocks);
    const block = blockAt(blocks, index);
    if (block.count < BLOCK_MAX) {
      insertAt(block, this.lowerBound(block.ids, block.count), child);
      return;
    }
    const position = this.lowerBound(block.ids, block.count);
    // Names that come in order, as sequential ones do, fill their blocks instead of leaving halves.
    const append = index === blocks.length - 1 && position === block.count;
    const splitAt = append ? block.count : block.count >>> 1;
    const added = makeBlock(block.ids.subarray(splitAt, block.count));
    block.count = splitAt;
    blocks.splice(index + 1, 0, added);
    if (position < splitAt) insertAt(block, position, child);
    else insertAt(added, position - splitAt, child);
  }

  private removeFromBlocks(blocks: Block[], child: NodeId): void {
    const index = this.blockForKey(blocks);
    const block = blockAt(blocks, index);
    const position = this.lowerBound(block.ids, block.count);
    assert(block.ids[position] === child, 'children: no such child');
    block.ids.copyWithin(position, position + 1, block.count);
    block.count -= 1;
    const next = blocks[index + 1];
    if (block.count === 0) {
      blocks.splice(index, 1);
    } else if (next !== undefined && block.count + next.count <= BLOCK_MAX / 2) {
      block.ids.set(next.ids.subarray(0, next.count), block.count);
      block.count += next.count;
      blocks.splice(index + 1, 1);
    }
  }

  private shrink(parent: NodeId, field: number): void {
    const blocks = this.blocksOf(field);
    const count = blocks.reduce((sum, block) => sum + block.count, 0);
    const handle = this.pool.allocate(count * ID_BYTES);
    const words = this.pool.words(handle);
    let at = this.pool.wordOffset(handle);
    for (const block of blocks) {
      words.set(block.ids.subarray(0, block.count), at);
      at += block.count;
    }
    this.large[-field - 1] = undefined;
    this.freeLarge.push(-field - 1);
    this.rows.set(parent, Field.CHILDREN, handle);
  }

  /** The block in which the key's node is or belongs: the last that does not start behind it. */
  private blockForKey(blocks: readonly Block[]): number {
    const last = blocks.length - 1;
    if (this.names.compareKey(firstOf(blocks, last)) <= 0) return last;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.names.compareKey(firstOf(blocks, middle)) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private blockForText(blocks: readonly Block[], text: string): number {
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.names.compareText(firstOf(blocks, middle), text) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Position of the first id whose name is not before the key. */
  private lowerBound(ids: Int32Array, count: number): number {
    if (count > 0 && this.names.compareKey(ids[count - 1] ?? noNode) < 0) return count;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.names.compareKey(ids[middle] ?? noNode) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Position of the first id whose name is behind the text. */
  private upperBound(ids: Int32Array, count: number, text: string): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.names.compareText(ids[middle] ?? noNode, text) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private smallIds(handle: number, count: number): Int32Array {
    if (handle === 0) return new Int32Array(0);
    const start = this.pool.wordOffset(handle);
    return this.pool.words(handle).subarray(start, start + count);
  }

  private addLarge(blocks: Block[]): number {
    const reused = this.freeLarge.pop();
    if (reused === undefined) return -this.large.push(blocks);
    this.large[reused] = blocks;
    return -reused - 1;
  }

  private blocksOf(field: number): Block[] {
    const blocks = this.large[-field - 1];
    assert(blocks !== undefined, 'children: no such blocks');
    return blocks;
  }
}

class BlockCursor implements ChildCursor {
  private readonly blocks: readonly Block[];
  private block: number;
  private position: number;

  constructor(blocks: readonly Block[], block: number, position: number) {
    this.blocks = blocks;
    this.block = block;
    this.position = position;
  }

  next(): NodeId {
    for (;;) {
      const block = this.blocks[this.block];
      if (block === undefined) return noNode;
      if (this.position < block.count) {
        const id = block.ids[this.position] ?? noNode;
        this.position += 1;
        return id;
      }
      this.block += 1;
      this.position = 0;
    }
  }
}

function makeBlock(ids: Int32Array): Block {
  const block = { ids: new Int32Array(BLOCK_MAX), count: ids.length };
  block.ids.set(ids);
  return block;
}

function insertAt(block: Block, position: number, child: NodeId): void {
  block.ids.copyWithin(position + 1, position, block.count);
  block.ids[position] = child;
  block.count += 1;
}

function blockAt(blocks: readonly Block[], index: number): Block {
  const block = blocks[index];
  assert(block !== undefined, 'children: no such block');
  return block;
}

function firstOf(blocks: readonly Block[], index: number): NodeId {
  return blockAt(blocks, index).ids[0] ?? noNode;
}
