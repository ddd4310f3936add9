/**
 * Who must agree. A verifier is one configuration's idea of a quorum; while a reconfiguration is under
 * way two are in force, and whatever is decided needs a quorum of each.
 */
import { assert } from '../protocol/assert.ts';

/** One configuration's voters; a quorum is a strict majority of them. Nobody else is ever counted. */
export interface Verifier {
  readonly voters: readonly number[];
}

/** @param voters server ids, each once */
export function majorityOf(voters: readonly number[]): Verifier {
  assert(new Set(voters).size === voters.length, 'a voter is listed once');
  return { voters: [...voters] };
}

/** True when those of whom `has` is true are a quorum in every configuration in force. */
export function isQuorum(verifiers: readonly Verifier[], has: (voter: number) => boolean): boolean {
  assert(verifiers.length > 0, 'at least one configuration is in force');
  return verifiers.every(({ voters }) => {
    let count = 0;
    for (const voter of voters) if (has(voter)) count += 1;
    return count >= majority(voters.length);
  });
}

/**
 * The greatest number that a quorum of every configuration in force has reached; 0 where nobody has
 * reached anything, and -Infinity for a configuration without voters, which can agree on nothing.
 */
export function quorumValue(
  verifiers: readonly Verifier[],
  valueOf: (voter: number) => number,
): number {
  assert(verifiers.length > 0, 'at least one configuration is in force');
  let least = Infinity;
  for (const { voters } of verifiers) {
    const descending = voters.map(valueOf).sort((a, b) => b - a);
    least = Math.min(least, descending[majority(voters.length) - 1] ?? -Infinity);
  }
  return least;
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
