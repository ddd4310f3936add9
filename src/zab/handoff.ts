/**
 * A graceful hand-off: the leader proposes nothing more, waits until all is committed and its successor
 * has it on disk, and tells everybody whom to follow. It takes a bounded time, and becomes an election
 * where it does not come about.
 */
import type { Context } from './context.ts';
import type { Leader } from './leader.ts';
import { comparePositions } from './types.ts';

export class HandOff {
  readonly #context: Context;
  readonly #leader: Leader;
  readonly #to: number | undefined;
  readonly #deadlineMs: number;

  /** @param to the successor; this node itself for a new epoch under the same leader */
  constructor(context: Context, leader: Leader, to: number | undefined) {
    this.#context = context;
    this.#leader = leader;
    this.#to = to;
    this.#deadlineMs = context.nowMs + context.timeouts.handOffMs;
  }

  get isOverdue(): boolean {
    return this.#context.nowMs > this.#deadlineMs;
  }

  /** Who takes over, once everything is as it should be. */
  get ready(): number | undefined {
    const { log, self } = this.#context;
    if (comparePositions(log.committed, log.last) !== 0) return undefined;
    if (this.#to === self) return self;
    const successor = this.#leader.successor(this.#to);
    return successor?.zxid === log.last.zxid ? successor.id : undefined;
  }
}
