/**
 * Discovery: which epoch a leader takes, and who has promised to help no smaller one. A promise counts
 * once, only of a voter in the life that the configuration names, and only for the leader it was given to.
 */
import { isQuorum } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import type { EpochPromise } from './types.ts';

export class Discovery {
  readonly #verifiers: readonly Verifier[];
  /** Epochs that nodes have promised. Of all, so that the new epoch is greater than any. */
  readonly #heard = new Map<number, number>();
  readonly #counted = new Set<number>();
  readonly #promised = new Set<number>();

  constructor(verifiers: readonly Verifier[]) {
    this.#verifiers = verifiers;
  }

  hear(id: number, promise: EpochPromise | undefined, voter: boolean): void {
    this.#heard.set(id, promise?.epoch ?? 0);
    if (voter) this.#counted.add(id);
    else this.#counted.delete(id);
    this.#promised.delete(id);
  }

  /** The relation with it is over. */
  forget(id: number): void {
    this.#heard.delete(id);
    this.#counted.delete(id);
    this.#promised.delete(id);
  }

  hasHeard(id: number): boolean {
    return this.#counted.has(id);
  }

  /** The new epoch, once a quorum has said what it promised. */
  chooseEpoch(last: number): number | undefined {
    if (!isQuorum(this.#verifiers, (voter) => this.#counted.has(voter))) return undefined;
    return Math.max(last, ...this.#heard.values()) + 1;
  }

  countPromise(id: number): void {
    if (this.#counted.has(id)) this.#promised.add(id);
  }

  /** True when a quorum has promised, `self` included. */
  isComplete(self: number): boolean {
    if (!this.#promised.has(self)) return false;
    return isQuorum(this.#verifiers, (voter) => this.#promised.has(voter));
  }
}
