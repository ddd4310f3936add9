/** Whole spaces of the ensemble, with the core as it is and with faults in it. */
import { expect, test } from 'vitest';
import { mutants } from '../mutants/index.ts';
import { divided, founded } from './beginnings.ts';
import { explore } from './explore.ts';
import type { Exploration } from './explore.ts';
import { openCore } from './open-core.ts';
import { nothing, spaces } from './spaces.ts';

const crash = { disks: divided, budget: { ...nothing, crashes: 1 } };
const deadline = { disks: divided, budget: { ...nothing, timeouts: 1, elections: 2 } };

/** Where each fault is found; others need more than these spaces have, or are no fault of the core. */
const found = [
  ...[
    ...['ackBeforeDurable', 'countLeaderBeforeFsync', 'voteKeyFromMemory', 'keepSurplus'],
    ...['countBeforeEpochRecord', 'reuseEpochs', 'halfIsQuorum', 'ackPromiseBeforeDurable'],
    ...['commonPointByZxid', 'truncateBelowCommit', 'applyBeforeDurable'],
  ].map((name) => ({ name, space: crash })),
  ...['countPromisesOfOthers', 'answersOfFormerRelation'].map((name) => ({
    ...{ name, space: deadline },
  })),
];

function storyOf({ violation }: Exploration): string {
  return violation === undefined ? '' : [violation.problem, ...violation.story].join('\n');
}

test.each(spaces)('no invariant is broken where $name', async (space) => {
  const seen = explore({ core: await openCore(), ...space });
  expect(storyOf(seen)).toBe('');
  expect(seen.ended).toBe('exhausted');
  // The whole space is worth something only if the cluster comes to commit in it.
  expect(seen.committed).toBeGreaterThan(space.budget.transactions);
});

test.each(found)('a core is found out: $name', async ({ name, space }) => {
  const mutation = mutants.find((mutant) => mutant.name === name);
  const seen = explore({ core: await openCore(mutation), ...space, statesMax: 100_000 });
  expect(mutation).toBeDefined();
  expect(seen.ended).toBe('by a violation');
});

test('what is wrong is told as the shortest story', async () => {
  const mutation = mutants.find(({ name }) => name === 'countLeaderBeforeFsync');
  const space = { disks: founded, budget: nothing };
  const { violation } = explore({ core: await openCore(mutation), ...space });
  expect(violation?.problem).toBe('A commits 2/2, which is on the disk of 1 (I-10)');
  const steps = violation?.story.filter((line) => !line.startsWith(' ')) ?? [];
  expect(steps.slice(-4)).toEqual([
    expect.stringMatching(/^A gets of B: ACK 2\/2$/),
    "A's disk: 1/1; committed at least 1/1",
    "B's disk: 1/1 2/2; committed at least 1/1",
    "C's disk: 1/1; committed at least 1/1",
  ]);
});

test('a search that is cut short says so', async () => {
  const core = await openCore();
  const { ended, states } = explore({ core, ...crash, statesMax: 1000 });
  expect(ended).toBe('at its bound of states');
  expect(states).toBeGreaterThan(1000);
  const { ended: early } = explore({ core, ...crash, secondsMax: 0 });
  expect(early).toBe('at its bound of time');
});
