/**
 * An exact snapshot of the tree, taken in slices while transactions go on being applied. Before the first
 * change of a node that was not written yet, its image goes out; nodes made since the start are skipped.
 */
import { assert } from '../protocol/assert.ts';
import {
  ChunkKind,
  writeAcl,
  writeHeader,
  writeNode,
  type SnapshotHeader,
} from './snapshot-format.ts';
import type { NumberedAcl } from './acl-table.ts';
import type { NodeId } from './rows.ts';
import type { Store } from './store.ts';
import { ByteWriter } from './wire.ts';

export interface TreeSnapshot {
  /** The state is the one after this transaction. */
  readonly zxid: number;
  /**
   * The next chunk: about `maxBytes` of it (a single large znode may exceed that), undefined at the end.
   * The work of one call is bounded.
   */
  next(maxBytes: number): Uint8Array | undefined;
  /** Ends the snapshot early. */
  abort(): void;
}

/** Rows looked at in one call, lest a long run of free ones stops the process. */
const ROWS_PER_SLICE = 16_384;
/** Images that were written ahead leave in chunks of this size. */
const IMAGES_BYTES = 64 * 1024;

export class SnapshotWriter implements TreeSnapshot {
  readonly zxid: number;
  private readonly store: Store;
  private readonly onEnd: () => void;
  private readonly header: SnapshotHeader;
  /** As they were at the start: a number may mean another ACL before it is written. */
  private readonly acls: readonly NumberedAcl[];
  /** One bit for each id: written already, or made since the start. */
  private readonly done: Uint8Array;
  private readonly writer = new ByteWriter();
  private readonly images = new ByteWriter();
  private readonly imageChunks: Uint8Array[] = [];
  private headerWritten = false;
  private nextAcl = 0;
  private nextId: NodeId = 1;
  private ended = false;

  constructor(store: Store, onEnd: () => void) {
    this.store = store;
    this.onEnd = onEnd;
    this.zxid = store.appliedZxid;
    this.acls = store.acls.all();
    this.header = {
      zxid: store.appliedZxid,
      nodes: store.nodeCount,
      idLimit: store.rows.limit,
      acls: this.acls.length,
      digest: store.digest.value(),
    };
    this.done = new Uint8Array((this.header.idLimit >>> 3) + 1);
  }

  /** To be called before each change of a node, its deletion included. */
  beforeChange(id: NodeId): void {
    if (id < this.nextId || id >= this.header.idLimit || this.isDone(id)) return;
    this.markDone(id);
    if (this.images.length === 0) this.images.byte(ChunkKind.nodes);
    writeNode(this.images, this.store, id);
    if (this.images.length >= IMAGES_BYTES) this.imageChunks.push(this.images.take());
  }

  /** To be called for each new node: its row may be one that was free, or was freed, before. */
  created(id: NodeId): void {
    if (id < this.header.idLimit) this.markDone(id);
  }

  next(maxBytes: number): Uint8Array | undefined {
    if (this.ended) return undefined;
    if (!this.headerWritten) return this.headerChunk();
    if (this.nextAcl < this.header.acls) return this.aclChunk(maxBytes);
    const images = this.imageChunks.shift();
    if (images !== undefined) return images;
    if (this.nextId < this.header.idLimit) return this.nodeChunk(maxBytes);
    if (this.images.length > 0) return this.images.take();
    this.abort();
    return undefined;
  }

  abort(): void {
    if (this.ended) return;
    this.ended = true;
    this.imageChunks.length = 0;
    this.onEnd();
  }

  private headerChunk(): Uint8Array {
    this.headerWritten = true;
    writeHeader(this.writer, this.header);
    return this.writer.take();
  }

  private aclChunk(maxBytes: number): Uint8Array {
    this.writer.byte(ChunkKind.acls);
    for (; this.nextAcl < this.acls.length && this.writer.length < maxBytes; this.nextAcl++) {
      const numbered = this.acls[this.nextAcl];
      assert(numbered !== undefined, 'tree snapshot: its ACLs are dense');
      this.writer.number(numbered.id);
      writeAcl(this.writer, numbered.acl);
    }
    return this.writer.take();
  }

  private nodeChunk(maxBytes: number): Uint8Array {
    this.writer.byte(ChunkKind.nodes);
    const end = Math.min(this.header.idLimit, this.nextId + ROWS_PER_SLICE);
    while (this.nextId < end && this.writer.length < maxBytes) {
      const id = this.nextId;
      this.nextId += 1;
      if (this.store.rows.inUse(id) && !this.isDone(id)) writeNode(this.writer, this.store, id);
    }
    return this.writer.take();
  }

  private isDone(id: NodeId): boolean {
    return ((this.done[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }

  private markDone(id: NodeId): void {
    this.done[id >>> 3] = (this.done[id >>> 3] ?? 0) | (1 << (id & 7));
  }
}
