/**
 * The counting of votes of Fast Leader Election. A node proposes the candidate with the greatest vote
 * key and leads or follows once a quorum votes the same way in the same round. Safety never depends on
 * it: discovery finds out a leader that should not be one.
 */
import type { VoteMessage } from './messages.ts';
import { isQuorum } from './quorum.ts';
import type { Verifier } from './quorum.ts';
import { comparePositions } from './types.ts';

export class Election {
  readonly #verifiers: readonly Verifier[];
  readonly #votes = new Map<number, VoteMessage>();
  readonly #vote: VoteMessage;

  constructor(self: number, vote: VoteMessage, verifiers: readonly Verifier[]) {
    this.#verifiers = verifiers;
    this.#vote = vote;
    this.#votes.set(self, vote);
  }

  get vote(): VoteMessage {
    return this.#vote;
  }

  /** A voter's latest vote replaces its former one. */
  record(from: number, vote: VoteMessage): void {
    this.#votes.set(from, vote);
  }

  /** The candidate on whom a quorum agrees with this node. */
  winner(): number | undefined {
    const agreed = isQuorum(this.#verifiers, (voter) => {
      const vote = this.#votes.get(voter);
      return vote !== undefined && isSameVote(vote, this.#vote);
    });
    return agreed ? this.#vote.candidate : undefined;
  }
}

function isSameVote(a: VoteMessage, b: VoteMessage): boolean {
  return a.round === b.round && a.candidate === b.candidate && comparePositions(a.key, b.key) === 0;
}
