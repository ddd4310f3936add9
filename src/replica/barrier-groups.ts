/** Requests that wait at barriers; those of one moment and one position share one. */
import { assert } from '../protocol/assert.ts';
import { comparePositions } from '../zab/index.ts';
import type { BarrierId, BarrierOptions, LogPosition } from '../zab/index.ts';
import type { Pending } from './stream.ts';

export interface BarrierGroup {
  readonly id: BarrierId;
  readonly position: LogPosition;
  readonly waiting: Pending[];
}

export class BarrierGroups {
  readonly #groups = new Map<BarrierId, BarrierGroup>();
  readonly #set: (options: BarrierOptions) => BarrierId;
  /** The youngest, as long as the core has not been asked about it: others may join it. */
  #open: BarrierGroup | undefined;

  /** @param set sets a barrier in the core */
  constructor(set: (options: BarrierOptions) => BarrierId) {
    this.#set = set;
  }

  /** @returns true when a new barrier has been set */
  await(pending: Pending, position: LogPosition, acks?: number | 'all'): boolean {
    const open = this.#open;
    if (
      open !== undefined &&
      acks === undefined &&
      comparePositions(open.position, position) === 0
    ) {
      open.waiting.push(pending);
      return false;
    }
    const id = this.#set(acks === undefined ? { position } : { position, acks });
    const group = { id, position, waiting: [pending] };
    this.#groups.set(id, group);
    if (acks === undefined) this.#open = group;
    return true;
  }

  /** From now on nobody joins the youngest: its round may have begun. */
  close(): void {
    this.#open = undefined;
  }

  /** The one that has been decided. */
  take(id: BarrierId): BarrierGroup {
    const group = this.#groups.get(id);
    assert(group !== undefined, 'a barrier is decided once');
    this.#groups.delete(id);
    return group;
  }

  /** Requests that have waited beyond their deadline. */
  overdue(nowMs: number): readonly Pending[] {
    return [...this.#groups.values()].flatMap(({ waiting }) =>
      waiting.filter(({ phase, deadlineMs }) => phase !== 'over' && deadlineMs <= nowMs),
    );
  }
}
