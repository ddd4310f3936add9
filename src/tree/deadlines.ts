/**
 * Nodes by the time at which something becomes due. The times of a node are told again when it leaves, so
 * nothing is kept for each node but its place in a set: nodes whose times lie within the same second
 * share one. Asking what is due costs as much as there is due, not as much as there is.
 */
import { assert } from '../protocol/assert.ts';
import type { NodeId } from './rows.ts';

const BUCKET_MS = 1024;
/** So many numbers of buckets that are gone are let be. */
const STALE_MIN = 1024;

export class Deadlines {
  private readonly buckets = new Map<number, NodeId | Set<NodeId>>();
  /** A heap of the numbers of all buckets, and of some that are gone. */
  private readonly heap: number[] = [];
  /** What is in the heap, so that no number is in it twice. */
  private readonly queued = new Set<number>();

  add(id: NodeId, time: number): void {
    const bucket = Math.floor(time / BUCKET_MS);
    const nodes = this.buckets.get(bucket);
    if (nodes === undefined) {
      this.buckets.set(bucket, id);
      this.enqueue(bucket);
    } else if (typeof nodes === 'number') this.buckets.set(bucket, new Set([nodes, id]));
    else nodes.add(id);
  }

  /** `time` must be what `add` was told. */
  remove(id: NodeId, time: number): void {
    const bucket = Math.floor(time / BUCKET_MS);
    const nodes = this.buckets.get(bucket);
    if (typeof nodes === 'object') {
      nodes.delete(id);
      if (nodes.size === 0) this.buckets.delete(bucket);
    } else {
      assert(nodes === id, 'deadlines: no such node');
      this.buckets.delete(bucket);
    }
  }

  /**
   * Nodes whose bucket has begun by `now`, earliest bucket first, while `take` wants more. The caller
   * compares the exact time.
   */
  due(now: number, take: (id: NodeId) => boolean): void {
    const visited: number[] = [];
    for (;;) {
      const bucket = this.heap[0];
      if (bucket === undefined || bucket * BUCKET_MS > now) break;
      this.dequeue();
      const nodes = this.buckets.get(bucket);
      if (nodes === undefined) continue;
      visited.push(bucket);
      if (!takeAll(nodes, take)) break;
    }
    for (const bucket of visited) this.enqueue(bucket);
  }

  private enqueue(bucket: number): void {
    if (this.queued.has(bucket)) return;
    if (this.heap.length > this.buckets.size * 2 + STALE_MIN) this.forgetStale();
    if (this.queued.has(bucket)) return;
    this.queued.add(bucket);
    const heap = this.heap;
    let at = heap.push(bucket) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] ?? bucket;
      if (above <= bucket) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = bucket;
  }

  /** Lest times that are ever renewed leave their numbers behind, until a far future comes. */
  private forgetStale(): void {
    const live = [...this.buckets.keys()].sort((left, right) => left - right);
    this.heap.length = 0;
    this.queued.clear();
    // A sorted list is a heap.
    for (const bucket of live) {
      this.heap.push(bucket);
      this.queued.add(bucket);
    }
  }

  /** Takes the least number out of the heap. */
  private dequeue(): void {
    const heap = this.heap;
    const least = heap[0];
    const moved = heap.pop();
    if (least === undefined || moved === undefined) return;
    this.queued.delete(least);
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right < (heap[child] ?? right)) child += 1;
      const below = heap[child] ?? moved;
      if (below >= moved) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moved;
  }
}

/** @returns false when no more is wanted */
function takeAll(nodes: NodeId | Set<NodeId>, take: (id: NodeId) => boolean): boolean {
  if (typeof nodes === 'number') return take(nodes);
  for (const id of nodes) {
    if (!take(id)) return false;
  }
  return true;
}
