/**
 * Learners that have come to a node which does not lead (yet): they have heard of its election, or of a
 * hand-off to it, before itself. They wait a moment; where it does not become leader they are refused.
 */
import type { FollowerInfoMessage } from './messages.ts';

interface Waiting {
  readonly info: FollowerInfoMessage;
  readonly untilMs: number;
}

const WAIT_MS = 300;

export class WaitingLearners {
  readonly #waiting = new Map<number, Waiting>();

  add(from: number, info: FollowerInfoMessage, nowMs: number): void {
    this.#waiting.set(from, { info, untilMs: nowMs + WAIT_MS });
  }

  /** It looks elsewhere, or is gone. */
  drop(from: number): void {
    this.#waiting.delete(from);
  }

  /** All of them: this node leads now. */
  takeAll(): readonly (readonly [number, FollowerInfoMessage])[] {
    const all = [...this.#waiting].map(([from, { info }]) => [from, info] as const);
    this.#waiting.clear();
    return all;
  }

  /** Those that have waited in vain. */
  takeOverdue(nowMs: number): readonly (readonly [number, FollowerInfoMessage])[] {
    const overdue = [...this.#waiting].filter(([, { untilMs }]) => nowMs > untilMs);
    for (const [from] of overdue) this.#waiting.delete(from);
    return overdue.map(([from, { info }]) => [from, info] as const);
  }
}
