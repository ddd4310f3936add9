/** Each fault by itself: it is done to an ensemble that works, which survives it. */
import { expect, test } from 'vitest';
import { faultArguments, faultKinds, faultsOf, nameOf } from './fault-options.ts';
import { simulate } from './simulate.ts';
import { MachineClock } from './world/clock.ts';
import { Process } from './world/process.ts';
import { Trace } from './world/trace.ts';
import { World } from './world/world.ts';

const SEED = 4;

test.each(faultKinds)('%s is done, and survived', async (kind) => {
  const name = nameOf(kind);
  const done: string[] = [];
  const { failure, plan } = await simulate({
    seed: SEED,
    swarm: { safetyMs: 3000 },
    faults: faultsOf(['all=0', `${name}=300`]),
    onLine: (line) => {
      if (line.includes(` fault ${name} `)) done.push(line);
    },
  });
  expect(failure).toBeUndefined();
  expect(done.length).toBe(plan.length);
  expect(plan.length).toBeGreaterThan(3);
});

test('what comes to a slow node waits, and in its order', async () => {
  const world = new World(SEED, new Trace());
  let inputUs = 5000;
  const clock = new MachineClock(world, 1);
  const slow = new Process({ id: 1, world, clock, inputUs: () => inputUs });
  const taken: string[] = [];
  for (const what of ['a', 'b', 'c', 'd']) {
    slow.input(() => taken.push(`${what} ${world.nowMs}`));
  }
  await world.run(7);
  inputUs = 0;
  await world.run(20);
  expect(taken).toEqual(['a 0', 'b 5', 'c 10', 'd 10']);
});

test('a fault is asked for by its name, and by a number', () => {
  expect(faultsOf(['kill=300', 'heal=100', 'kill=0'])).toEqual({ killMs: 0, healMs: 100 });
  expect(faultsOf(['all=0'])).not.toHaveProperty('healMs');
  expect(faultArguments({ killMs: 300 })).toEqual(['--fault kill=300']);
  for (const text of ['kill', 'killMs=3', 'kill=-1', 'nothing=3']) {
    expect(() => faultsOf([text])).toThrow(`--fault is NAME=MS, not ${text}; NAME is all, kill,`);
  }
});
