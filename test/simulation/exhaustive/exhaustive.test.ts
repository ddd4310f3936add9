/** Whole spaces of the ensemble, with the core as it is and with faults in it. */
import { expect, test } from 'vitest';
import { mutants } from '../mutants/index.ts';
import { divided, founded } from './beginnings.ts';
import { explore } from './explore.ts';
import type { Exploration } from './explore.ts';
import { openCore } from './open-core.ts';
import { nothing, spaces } from './spaces.ts';
import { StateTable, WIDTH } from './state-table.ts';

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

test('the same space is seen the same way again, and a larger one has more', async () => {
  const core = await openCore();
  const small = { core, disks: founded, budget: nothing };
  const seen = explore(small);
  expect(explore(small)).toEqual(seen);
  const larger = explore({ ...small, budget: { ...nothing, transactions: 1 } });
  expect(larger.states).toBeGreaterThan(seen.states);
});

test('a state is known by all of its numbers, however many there are', () => {
  const table = new StateTable();
  const states = Array.from({ length: 5000 }, (_none, index) => {
    return new Int32Array(WIDTH).fill(index % 70).fill(Math.floor(index / 70), WIDTH - 1);
  });
  for (const [index, state] of states.entries()) {
    expect(table.add(state, index - 1, index % 7)).toBe(true);
  }
  expect(states.some((state) => table.add(state, 0, 0))).toBe(false);
  expect(table.size).toBe(states.length);
  const found = new Int32Array(WIDTH);
  table.read(4999, found);
  expect([found, table.parentOf(4999), table.stepTo(4999)]).toEqual([states[4999], 4998, 1]);
});

test('a search that is cut short says so', async () => {
  const core = await openCore();
  const { ended, states } = explore({ core, ...crash, statesMax: 1000 });
  expect(ended).toBe('at its bound of states');
  expect(states).toBeGreaterThan(1000);
  const { ended: early } = explore({ core, ...crash, secondsMax: 0 });
  expect(early).toBe('at its bound of time');
});
