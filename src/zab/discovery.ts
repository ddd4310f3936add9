/**
 * Discovery: which epoch a leader takes, and who has promised to help no smaller one. A promise counts
 * once, only of a voter in the life that the configuration names, and only for the leader it was given to.
 *
 * Why the promises of others need not be heard. The new epoch must be greater than every promise of the quorum
 * that is going to promise it, so that this quorum can: that is a matter of its own members. And no other leader
 * can have the same epoch, since two quorums share a voter and a voter promises an epoch once. Who has no vote
 * (an observer, a life of a data directory that the configuration does not name, a stranger) is in no quorum:
 * what it has promised can neither help nor hinder, and it follows whatever it has promised (`learner.ts`).
 */
import { isQuorum } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import type { EpochPromise } from './types.ts';

export class Discovery {
  readonly #verifiers: readonly Verifier[];
  /** Epochs that voters have promised, so that the new epoch is greater than any of them; 0 for none. */
  readonly #heard = new Map<number, number>();
  readonly #promised = new Set<number>();

  constructor(verifiers: readonly Verifier[]) {
    this.#verifiers = verifiers;
  }

  /** What a voter has promised until now. */
  hear(id: number, promise: EpochPromise | undefined): void {
    this.#heard.set(id, promise?.epoch ?? 0);
    this.#promised.delete(id);
  }

  /** The relation with it is over. */
  forget(id: number): void {
    this.#heard.delete(id);
    this.#promised.delete(id);
  }

  hasHeard(id: number): boolean {
    return this.#heard.has(id);
  }

  /** The new epoch, once a quorum has said what it promised. */
  chooseEpoch(last: number): number | undefined {
    if (!isQuorum(this.#verifiers, (voter) => this.#heard.has(voter))) return undefined;
    return Math.max(last, ...this.#heard.values()) + 1;
  }

  countPromise(id: number): void {
    if (this.#heard.has(id)) this.#promised.add(id);
  }

  /** True when a quorum has promised, `self` included. */
  isComplete(self: number): boolean {
    if (!this.#promised.has(self)) return false;
    return isQuorum(this.#verifiers, (voter) => this.#promised.has(voter));
  }
}
