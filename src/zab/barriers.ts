/**
 * Barriers: one mechanism for linearizable reads, `sync`, refusals and `acks`. A barrier waits for its
 * position to be committed, for a round of confirmed leadership that began after it was set, and, where
 * asked, for a number of voters to have the position on disk.
 */
import type { BarrierId, SettledBarrier } from './ready.ts';
import { comparePositions } from './types.ts';
import type { LogPosition } from './types.ts';

interface WaitingBarrier {
  readonly id: BarrierId;
  readonly position: LogPosition;
  /** The first round that counts for it. */
  readonly round: number;
  /** Voters that must have the position on disk; 0 = no more than the commit needed. */
  readonly acks: number;
}

/** How far the leader has come, in the terms that barriers wait for. */
export interface BarrierProgress {
  readonly committed: LogPosition;
  /** The latest round that a quorum has confirmed. */
  readonly confirmedRound: number;
  readonly voters: number;
  /** Voters that have `position` on disk. */
  readonly durableAt: (position: LogPosition) => number;
}

export class Barriers {
  #waiting: WaitingBarrier[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** The latest round that one of them waits for; 0 when none waits. */
  get latestRound(): number {
    return this.#waiting.at(-1)?.round ?? 0;
  }

  /** Rounds never decrease from one barrier to the next. */
  set(barrier: WaitingBarrier): void {
    this.#waiting.push(barrier);
  }

  /** Takes out what is decided. */
  settle(progress: BarrierProgress, settled: SettledBarrier[]): void {
    let kept = 0;
    for (const barrier of this.#waiting) {
      const outcome = outcomeOf(barrier, progress);
      if (outcome === undefined) this.#waiting[kept++] = barrier;
      else settled.push({ id: barrier.id, outcome });
    }
    this.#waiting.length = kept;
  }

  /** None of them will ever pass. */
  voidAll(settled: SettledBarrier[]): void {
    for (const { id } of this.#waiting) settled.push({ id, outcome: 'void' });
    this.#waiting = [];
  }
}

function outcomeOf(
  { position, round, acks }: WaitingBarrier,
  progress: BarrierProgress,
): 'passed' | 'acks-unreachable' | undefined {
  if (comparePositions(position, progress.committed) > 0) return undefined;
  if (round > progress.confirmedRound) return undefined;
  if (acks > progress.voters) return 'acks-unreachable';
  return acks > 0 && progress.durableAt(position) < acks ? undefined : 'passed';
}
