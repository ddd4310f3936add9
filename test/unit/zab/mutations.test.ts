/** Rules that are broken on purpose are found: this is what the checks of the random lives are worth. */
import { expect, test } from 'vitest';
import { loadMutated } from '../../support/mutations/load-mutated.ts';
import { zabMutations } from '../../support/mutations/zab.ts';
import type { ZabMutationName } from '../../support/mutations/zab.ts';
import * as original from './world/chaos.ts';

const found = new Set<ZabMutationName>([
  'ackBeforeDurable',
  'countLeaderBeforeFsync',
  'countBeforeEpochRecord',
  'countObservers',
  'keepSurplus',
  'reuseEpochs',
]);
const entry = { url: new URL('world/chaos.ts', import.meta.url), original };

/** What is wrong in the first life that goes wrong. */
function problemOf({ chaos }: typeof original): unknown {
  for (let seed = 1; seed <= 100; seed++) {
    const voters = seed % 2 === 0 ? 3 : 5;
    try {
      chaos({ seed, voters, observers: 2, steps: 800 });
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

test.each(zabMutations.filter(({ name }) => found.has(name)))(
  'a core is found out: $name',
  async (mutation) => {
    const problem = problemOf(await loadMutated(entry, mutation));
    expect(['OracleError', 'InvariantError']).toContain(problem instanceof Error && problem.name);
  },
);
