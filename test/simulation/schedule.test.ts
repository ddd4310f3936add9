/** A failing run is cut down to the faults that it needs, and what is kept of it is the same run again. */
import { expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import { keepSchedule, minimise, readSchedule } from './schedule.ts';
import type { Schedule } from './schedule.ts';
import { simulate } from './simulate.ts';
import type { SimulateOptions } from './simulate.ts';

const untilMs = 3000;

/** Fails as long as two certain faults are in its plan. */
function failsWith(first: number, second: number) {
  return async ({ plan = [] }: SimulateOptions): Promise<{ failure: Error | undefined }> => {
    const needs = [first, second].every((atMs) => plan.some((fault) => fault.atMs === atMs));
    const failure = needs ? new Error(`I-9: ${plan.length} faults`) : undefined;
    return { failure };
  };
}

test('only the faults that a failure needs are left, in their order', async () => {
  const passed = await simulate({ seed: 3, untilMs: 1 });
  const [fault] = passed.plan;
  if (fault === undefined) throw new Error('seed 3 has faults');
  const plan = Array.from({ length: 37 }, (_, index): Fault => ({ ...fault, atMs: index }));
  const failed = { ...passed, plan, simulatedMs: 30, failure: new Error('I-9: of the whole') };
  const { plan: shortest, failure } = await minimise(failed, 60, failsWith(4, 29));
  expect(shortest.map(({ atMs }) => atMs)).toEqual([4, 29]);
  expect(failure).toBe('I-9: of the whole');
});

test('a failure of another invariant is not the same failure', async () => {
  const passed = await simulate({ seed: 3, untilMs: 1 });
  const failed = { ...passed, simulatedMs: Infinity, failure: new Error('I-10: another') };
  const { plan } = await minimise(failed, 60, failsWith(-1, -2));
  expect(plan).toEqual(passed.plan);
});

test('a schedule that was kept is the same run again', async () => {
  const { seed, swarm, plan, traceHash } = await simulate({ seed: 1_000_008, untilMs });
  const file = keepSchedule({ seed, swarm, plan, failure: '' });
  const again = await simulate({ ...readSchedule(file), untilMs });
  expect(again.traceHash).toBe(traceHash);
  const without = await simulate({ seed, swarm, plan: [], untilMs });
  expect(without.traceHash).not.toBe(traceHash);
});

test('a schedule with a fault of another name is not played', () => {
  const plan = [{ atMs: 1, kind: 'meteorMs', node: 1, other: 2, isOnLeader: false, lastsMs: 1 }];
  const file = keepSchedule({
    seed: 1_000_009,
    swarm: {},
    plan,
    failure: '',
  } as unknown as Schedule);
  expect(() => readSchedule(file)).toThrow(
    'has the fault meteorMs, and there is none of that name',
  );
});
