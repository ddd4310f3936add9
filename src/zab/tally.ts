/**
 * What a leader knows of each voter: how far its disk is in this epoch, which round of leadership it has
 * confirmed, when it was last heard from. All that a leader decides is a count over these.
 */
import { isQuorum, quorumValue } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import type { LogPosition } from './types.ts';

export class Tally {
  readonly voters: readonly number[];
  readonly #verifiers: readonly Verifier[];
  /** Greatest zxid of this epoch that each voter has on disk; absent below the `epoch` record. */
  readonly #durable = new Map<number, number>();
  /** Latest leadership round that each voter has confirmed. */
  readonly #confirmed = new Map<number, number>();
  /** When each voter was last heard from, also if its relation is over. */
  readonly #heardMs = new Map<number, number>();

  constructor(verifiers: readonly Verifier[]) {
    this.#verifiers = verifiers;
    this.voters = [...new Set(verifiers.flatMap(({ voters }) => voters))];
  }

  heard(voter: number, nowMs: number): void {
    this.#heardMs.set(voter, nowMs);
  }

  /**
   * A quorum has been heard from since then; `self` is heard now.
   * @param atFirst for voters that have never been heard from
   */
  lastHeardMs(self: number, nowMs: number, atFirst: number): number {
    return quorumValue(this.#verifiers, (voter) => {
      return voter === self ? nowMs : (this.#heardMs.get(voter) ?? atFirst);
    });
  }

  /** @returns false where no more is known than before */
  countDurable(voter: number, zxid: number): boolean {
    if (zxid <= this.durableOf(voter)) return false;
    this.#durable.set(voter, zxid);
    return true;
  }

  /** It has lost what it has acknowledged: from here on it counts for what it acknowledges again. */
  forgetDurable(voter: number): void {
    this.#durable.delete(voter);
  }

  /** 0 below the `epoch` record. */
  durableOf(voter: number): number {
    return this.#durable.get(voter) ?? 0;
  }

  /** What a quorum has on disk. */
  get durable(): number {
    return quorumValue(this.#verifiers, (voter) => this.durableOf(voter));
  }

  /** The same of all but one voter. */
  durableWithout(left: number): number {
    return quorumValue(this.#verifiers, (voter) => (voter === left ? 0 : this.durableOf(voter)));
  }

  /** How many voters have `position` on disk. */
  durableAt(position: LogPosition): number {
    let count = 0;
    for (const voter of this.voters) if (this.durableOf(voter) >= position.zxid) count += 1;
    return count;
  }

  /** True when a quorum has the `epoch` record on disk. */
  get isSynced(): boolean {
    return isQuorum(this.#verifiers, (voter) => this.#durable.has(voter));
  }

  confirm(voter: number, round: number): void {
    if (round > (this.#confirmed.get(voter) ?? 0)) this.#confirmed.set(voter, round);
  }

  /** The latest round that a quorum has confirmed. */
  get confirmedRound(): number {
    return quorumValue(this.#verifiers, (voter) => this.#confirmed.get(voter) ?? 0);
  }
}
