/** Rules that are broken on purpose are found: this is what the checks of the random lives are worth. */
import { describe, expect, it } from 'vitest';
import { noMutations } from '../../../src/zab/index.ts';
import type { Mutations } from '../../../src/zab/index.ts';
import { chaos } from './world/chaos.ts';

function finds(name: keyof Mutations): boolean {
  const mutations: Mutations = { ...noMutations, [name]: true };
  for (let seed = 1; seed <= 100; seed++) {
    const voters = seed % 2 === 0 ? 3 : 5;
    try {
      chaos({ seed, voters, observers: 2, steps: 800, mutations });
    } catch {
      return true;
    }
  }
  return false;
}

describe('a core that breaks a rule', () => {
  it('is no core of production', () => {
    expect(Object.values(noMutations).some((value: boolean) => value)).toBe(false);
    expect(Object.isFrozen(noMutations)).toBe(true);
  });

  it.each([
    'ackBeforeDurable',
    'countLeaderBeforeFsync',
    'countBeforeEpochRecord',
    'countObservers',
    'keepSurplus',
    'reuseEpochs',
  ] as const)('is found out: %s', (name) => {
    expect(finds(name)).toBe(true);
  });
});
