import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { isQuorum, majorityOf, quorumValue } from '../../../src/zab/quorum.ts';
import type { Verifier } from '../../../src/zab/quorum.ts';

const anyVoters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const anyVerifiers = fc.array(anyVoters, { minLength: 1, maxLength: 3 }).map((configurations) => ({
  configurations,
  verifiers: configurations.map(majorityOf),
}));
const anyValues = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 10, maxLength: 10 });

/** More than half of every configuration. */
function naiveIsQuorum(configurations: readonly number[][], members: ReadonlySet<number>): boolean {
  return configurations.every(
    (voters) => voters.filter((voter) => members.has(voter)).length * 2 > voters.length,
  );
}

function verifiersOf(...configurations: number[][]): Verifier[] {
  return configurations.map(majorityOf);
}

describe('quorum', () => {
  it.each([
    [[1], [1], true],
    [[1], [], false],
    [[1, 2], [1], false],
    [[1, 2, 3], [1, 3], true],
    [[1, 2, 3, 4], [1, 2], false],
    [[1, 2, 3, 4, 5], [1, 4, 5], true],
    [[1, 2, 3], [1, 8, 9], false],
    [[], [1], false],
  ])('of voters %j, nodes %j: %s', (voters, members, expected) => {
    expect(isQuorum(verifiersOf(voters), (voter) => members.includes(voter))).toBe(expected);
  });

  it('needs a majority of each configuration in force', () => {
    const joint = verifiersOf([1, 2, 3], [3, 4, 5]);
    expect(isQuorum(joint, (voter) => voter <= 3)).toBe(false);
    expect(isQuorum(joint, (voter) => [2, 3, 4].includes(voter))).toBe(true);
  });

  it('agrees with the naive definition', () => {
    fc.assert(
      fc.property(anyVerifiers, anyVoters, ({ configurations, verifiers }, members) => {
        const set = new Set(members);
        expect(isQuorum(verifiers, (voter) => set.has(voter))).toBe(
          naiveIsQuorum(configurations, set),
        );
      }),
    );
  });

  it('refuses to decide without a configuration, and a configuration that names a voter twice', () => {
    expect(() => isQuorum([], () => true)).toThrow(InvariantError);
    expect(() => quorumValue([], () => 1)).toThrow(InvariantError);
    expect(() => majorityOf([1, 1])).toThrow(InvariantError);
  });
});

describe('what a quorum has reached', () => {
  it('is the greatest value that a quorum has or exceeds', () => {
    fc.assert(
      fc.property(anyVerifiers, anyValues, ({ configurations, verifiers }, values) => {
        const valueOf = (voter: number): number => values[voter] ?? 0;
        const naive = [5, 4, 3, 2, 1, 0].find((value) =>
          naiveIsQuorum(
            configurations,
            new Set([...values.keys()].filter((voter) => valueOf(voter) >= value)),
          ),
        );
        expect(quorumValue(verifiers, valueOf)).toBe(naive ?? -Infinity);
      }),
    );
  });

  it('counts a voter that has said nothing as nothing', () => {
    const values = new Map([[1, 7]]);
    const valueOf = (voter: number): number => values.get(voter) ?? 0;
    expect(quorumValue(verifiersOf([1, 2, 3]), valueOf)).toBe(0);
    values.set(3, 5);
    expect(quorumValue(verifiersOf([1, 2, 3]), valueOf)).toBe(5);
  });
});
