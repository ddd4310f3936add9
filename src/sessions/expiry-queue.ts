/**
 * The leader's deadlines, after ZooKeeper's `ExpiryQueue` and `SessionTrackerImpl`: sessions stand in
 * buckets one tick wide, so that a touch is O(1) and mostly changes nothing but a number.
 *
 * Time is an argument: milliseconds of a monotonic clock. A value below an earlier one counts as the
 * earlier one, which can only prolong lives.
 *
 * The rule of pauses: `poll` is due every tick. When it is more than one tick overdue, the process was
 * paused and could hear nobody; the lateness (time since the last poll, less one tick) is added to all
 * deadlines. The first call after the pause sees that, whichever it is. Inside, this is a clock that
 * stands still during pauses, so that extending a million sessions costs one addition.
 */
import { assert } from '../protocol/assert.ts';
import type { SessionId } from '../protocol/model.ts';
import { ShardedMap } from './sharded-map.ts';

export interface ExpiryQueueOptions {
  /** Width of a bucket, milliseconds: a session ends between its timeout and one tick later. */
  readonly tickMs: number;
  /** The pace of mass expiry: no `poll` gives more. */
  readonly expiredPerPollMax?: number;
}

const EXPIRED_PER_POLL_MAX = 1000;
const NONE = -1;

export class ExpiryQueue {
  readonly #tickMs: number;
  readonly #expiredPerPollMax: number;
  readonly #slots = new ShardedMap<SessionId, number>((id) => id);
  readonly #closing = new Set<SessionId>();
  /** Bucket number (deadline / tick) to its first slot. */
  readonly #buckets = new Map<number, number>();
  #rows = new Rows(1024);
  #freeSlot = NONE;
  #slotsUsed = 0;
  #earliest: number | undefined;
  /** Latest time seen, time of the last poll and sum of all pauses, milliseconds. */
  #nowMs = 0;
  #polledMs: number | undefined;
  #pausedMs = 0;

  constructor(options: ExpiryQueueOptions) {
    assert(options.tickMs > 0, 'a tick is positive');
    this.#tickMs = options.tickMs;
    this.#expiredPerPollMax = options.expiredPerPollMax ?? EXPIRED_PER_POLL_MAX;
    assert(this.#expiredPerPollMax > 0, 'a poll must be able to expire a session');
  }

  /** Sessions with a deadline; those that are closing are not among them. */
  get size(): number {
    return this.#slots.size;
  }

  /**
   * A sign of life: the deadline becomes the end of the tick in which `nowMs + timeoutMs` falls. An
   * unknown session is taken in, so the caller has looked it up in the session table before.
   * @returns false when the session is closing: nothing may prolong it
   */
  touch(id: SessionId, nowMs: number, timeoutMs: number): boolean {
    const time = this.#advance(nowMs);
    if (this.#closing.size > 0 && this.#closing.has(id)) return false;
    const slot = this.#slots.get(id) ?? this.#addSlot(id);
    this.#setDeadline(slot, time, timeoutMs);
    return true;
  }

  /**
   * A sign of life that is `ageMs` old, as others have heard it; a younger one that is known already
   * counts instead, with the new timeout. An infinite age changes the timeout alone.
   * @returns false when the session is closing: nothing may prolong it
   */
  touchAgo(
    id: SessionId,
    sign: { readonly nowMs: number; readonly ageMs: number; readonly timeoutMs: number },
  ): boolean {
    const time = this.#advance(sign.nowMs);
    if (this.#closing.has(id)) return false;
    const known = this.#slots.get(id);
    const slot = known ?? this.#addSlot(id);
    const before = known === undefined ? undefined : this.#rows.touched[slot];
    const heard = Number.isFinite(sign.ageMs) ? time - sign.ageMs : (before ?? time);
    this.#setDeadline(slot, Math.max(heard, before ?? heard), sign.timeoutMs);
    return true;
  }

  #setDeadline(slot: number, time: number, timeoutMs: number): void {
    this.#rows.touched[slot] = time;
    this.#rows.timeouts[slot] = timeoutMs;
    const bucket = Math.floor((time + timeoutMs) / this.#tickMs) + 1;
    if (this.#rows.buckets[slot] !== bucket) {
      this.#unlink(slot);
      this.#link(slot, bucket);
    }
  }

  /** Forgets the session, closing or not: its `closeSession` has been applied. */
  remove(id: SessionId): void {
    this.#closing.delete(id);
    this.#removeSlot(id);
  }

  /**
   * The end of the session is in the log, and nothing can prolong it (`SessionTracker.setSessionClosing`);
   * `poll` does this for those that it returns.
   */
  markClosing(id: SessionId): void {
    this.#removeSlot(id);
    this.#closing.add(id);
  }

  isClosing(id: SessionId): boolean {
    return this.#closing.has(id);
  }

  /** When `poll` next has something to do, unless touched; on the caller's clock. */
  nextDeadline(): number | undefined {
    const bucket = this.#earliestBucket();
    return bucket === undefined ? undefined : bucket * this.#tickMs + this.#pausedMs;
  }

  /**
   * Sessions whose deadline has come, the pace of mass expiry at most, as long as `close` takes them: those
   * are closing from now on. The rest follows at the next polls and can still be saved by a touch. To be
   * called at least once a tick; oftener is right, and needed while `nextDeadline` lies in the past.
   * @param close ends the session, or says that this cannot be done now
   */
  poll(nowMs: number, close: (id: SessionId) => boolean = () => true): SessionId[] {
    const time = this.#advance(nowMs);
    this.#polledMs = this.#nowMs;
    const expired: SessionId[] = [];
    while (expired.length < this.#expiredPerPollMax) {
      const bucket = this.#earliestBucket();
      if (bucket === undefined || bucket * this.#tickMs > time) break;
      const id = this.#rows.ids[this.#buckets.get(bucket) ?? NONE];
      assert(id !== undefined, 'a bucket is never empty');
      if (!close(id)) break;
      this.markClosing(id);
      expired.push(id);
    }
    return expired;
  }

  /**
   * How long the session is sure to live without another touch: the last touch plus the timeout, never
   * the rounding to ticks. Undefined for an unknown or closing session.
   */
  expiresInMs(id: SessionId, nowMs: number): number | undefined {
    const time = this.#advance(nowMs);
    const slot = this.#slots.get(id);
    if (slot === undefined) return undefined;
    const end = (this.#rows.touched[slot] ?? 0) + (this.#rows.timeouts[slot] ?? 0);
    return Math.max(0, end - time);
  }

  /** By which its last sign of life was counted, milliseconds; undefined for an unknown or closing session. */
  timeoutOf(id: SessionId): number | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#rows.timeouts[slot];
  }

  /** Moves all deadlines: time during which this node could not listen is charged to nobody. */
  extendAll(byMs: number): void {
    assert(byMs >= 0, 'deadlines are never brought forward');
    this.#pausedMs += byMs;
  }

  /** A new leader gives every session a fresh, full timeout and has forgotten who was closing. */
  restart(
    sessions: Iterable<{ readonly id: SessionId; readonly timeoutMs: number }>,
    nowMs: number,
  ): void {
    this.#slots.clear();
    this.#closing.clear();
    this.#buckets.clear();
    this.#rows = new Rows(1024);
    this.#freeSlot = NONE;
    this.#slotsUsed = 0;
    this.#earliest = undefined;
    this.#pausedMs = 0;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.#polledMs = this.#nowMs;
    for (const { id, timeoutMs } of sessions) this.touch(id, nowMs, timeoutMs);
  }

  /** Time on the clock that stands still during pauses. */
  #advance(nowMs: number): number {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    this.#polledMs ??= this.#nowMs;
    const lateMs = this.#nowMs - this.#polledMs - this.#tickMs;
    if (lateMs > this.#tickMs) {
      this.extendAll(lateMs);
      this.#polledMs = this.#nowMs;
    }
    return this.#nowMs - this.#pausedMs;
  }

  #earliestBucket(): number | undefined {
    if (this.#earliest === undefined && this.#buckets.size > 0) {
      let earliest = Infinity;
      for (const bucket of this.#buckets.keys()) if (bucket < earliest) earliest = bucket;
      this.#earliest = earliest;
    }
    return this.#earliest;
  }

  #addSlot(id: SessionId): number {
    let slot = this.#freeSlot;
    if (slot === NONE) {
      slot = this.#slotsUsed++;
      if (slot === this.#rows.capacity) this.#rows = this.#rows.grown();
    } else {
      this.#freeSlot = this.#rows.next[slot] ?? NONE;
    }
    this.#rows.ids[slot] = id;
    this.#rows.buckets[slot] = NONE;
    this.#slots.set(id, slot);
    return slot;
  }

  #removeSlot(id: SessionId): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#unlink(slot);
    this.#slots.delete(id);
    this.#rows.next[slot] = this.#freeSlot;
    this.#freeSlot = slot;
  }

  #link(slot: number, bucket: number): void {
    const first = this.#buckets.get(bucket) ?? NONE;
    this.#rows.buckets[slot] = bucket;
    this.#rows.previous[slot] = NONE;
    this.#rows.next[slot] = first;
    if (first !== NONE) this.#rows.previous[first] = slot;
    this.#buckets.set(bucket, slot);
    if (this.#earliest !== undefined && bucket < this.#earliest) this.#earliest = bucket;
  }

  #unlink(slot: number): void {
    const bucket = this.#rows.buckets[slot] ?? NONE;
    if (bucket === NONE) return;
    const previous = this.#rows.previous[slot] ?? NONE;
    const next = this.#rows.next[slot] ?? NONE;
    if (next !== NONE) this.#rows.previous[next] = previous;
    if (previous !== NONE) {
      this.#rows.next[previous] = next;
    } else if (next !== NONE) {
      this.#buckets.set(bucket, next);
    } else {
      this.#buckets.delete(bucket);
      if (bucket === this.#earliest) this.#earliest = undefined;
    }
  }
}

/** Columns of the slots: 40 bytes a session beside its entry in the map of ids. */
class Rows {
  readonly capacity: number;
  readonly ids: Float64Array;
  readonly touched: Float64Array;
  readonly timeouts: Float64Array;
  readonly buckets: Float64Array;
  readonly previous: Int32Array;
  /** Of a free slot: the next free one. */
  readonly next: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.ids = new Float64Array(capacity);
    this.touched = new Float64Array(capacity);
    this.timeouts = new Float64Array(capacity);
    this.buckets = new Float64Array(capacity);
    this.previous = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
  }

  grown(): Rows {
    const rows = new Rows(this.capacity * 2);
    rows.ids.set(this.ids);
    rows.touched.set(this.touched);
    rows.timeouts.set(this.timeouts);
    rows.buckets.set(this.buckets);
    rows.previous.set(this.previous);
    rows.next.set(this.next);
    return rows;
  }
}
