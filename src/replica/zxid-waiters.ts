/** Requests that wait for a state at or after a zxid, in the order of that zxid. */
import type { Zxid } from '../protocol/model.ts';
import type { Pending } from './stream.ts';

export interface Waiter {
  readonly zxid: Zxid;
  readonly pending: Pending;
}

export class ZxidWaiters {
  /** Sorted by zxid, equal ones by arrival. */
  #waiters: Waiter[] = [];
  /** Those of them that belong to no stream, by the ids of their requests. */
  readonly #alone = new Map<number, Waiter>();

  get size(): number {
    return this.#waiters.length;
  }

  /** The smallest zxid that is waited for; infinite when none is. */
  get next(): Zxid {
    return this.#waiters[0]?.zxid ?? Infinity;
  }

  add(zxid: Zxid, pending: Pending): void {
    let low = 0;
    let high = this.#waiters.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#waiters[middle];
      if (at !== undefined && at.zxid <= zxid) low = middle + 1;
      else high = middle;
    }
    const waiter = { zxid, pending };
    this.#waiters.splice(low, 0, waiter);
    if (pending.stream === undefined) this.#alone.set(pending.message.id, waiter);
  }

  /** The request of that id that belongs to no stream; to be forgotten as soon as it is over. */
  alone(id: number): Waiter | undefined {
    return this.#alone.get(id);
  }

  /** Removes and returns those that a state at `zxid` satisfies. */
  takeUpTo(zxid: Zxid): readonly Pending[] {
    let count = 0;
    for (const waiter of this.#waiters) {
      if (waiter.zxid > zxid) break;
      count++;
    }
    if (count === 0) return [];
    const taken = this.#waiters.splice(0, count).map(({ pending }) => pending);
    for (const pending of taken) this.#forgetAlone(pending);
    return taken;
  }

  /** Removes and returns those whose deadline is at or before `nowMs`; forgets those of ended streams. */
  takeOverdue(nowMs: number): readonly Waiter[] {
    const overdue: Waiter[] = [];
    this.#waiters = this.#waiters.filter((waiter) => {
      const { phase, deadlineMs } = waiter.pending;
      if (phase !== 'over' && deadlineMs > nowMs) return true;
      this.#forgetAlone(waiter.pending);
      if (phase !== 'over') overdue.push(waiter);
      return false;
    });
    return overdue;
  }

  #forgetAlone({ stream, message }: Pending): void {
    if (stream === undefined) this.#alone.delete(message.id);
  }
}
