/** A few seeds, and that a seed is the whole of a run. What takes longer is `npm run simulate -- --seconds`. */
import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** Seeds that run with the tests of every commit. */
const SEEDS = 6;

/** How long faults happen in each of them, milliseconds. */
const SAFETY_MS = 6000;

test('no invariant is broken', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { failure } = await simulate({ seed, swarm: { safetyMs: SAFETY_MS } });
    if (failure !== undefined) throw new Error(`seed ${seed}`, { cause: failure });
  }
}, 60_000);

test('the same seed is the same run, and another one is not', async () => {
  const hashes: string[] = [];
  for (const seed of [5, 6, 5]) hashes.push((await simulate({ seed, untilMs: 10_000 })).traceHash);
  expect(hashes[2]).toBe(hashes[0]);
  expect(hashes[1]).not.toBe(hashes[0]);
});

test('who reads the trace does not change it', async () => {
  const lines: string[] = [];
  const read = await simulate({ seed: 7, untilMs: 5000, onLine: (line) => lines.push(line) });
  const unread = await simulate({ seed: 7, untilMs: 5000 });
  expect(lines.length).toBeGreaterThan(10);
  expect(read.traceHash).toBe(unread.traceHash);
});
