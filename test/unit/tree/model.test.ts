import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';
import { program } from './program.ts';

/** Prep and Tree do what a naive model does, however far apply lags behind judging. */
describe('prep and tree against the model', () => {
  it('give the same answers, refusals and state for any program', () => {
    fc.assert(
      fc.property(program, (steps) => {
        const machine = new Machine();
        for (const step of steps) machine.step(step);
        machine.applyAll();
        machine.checkState();
      }),
      { numRuns: 200 },
    );
  });

  it('take exact snapshots while transactions are applied', () => {
    let taken = 0;
    fc.assert(
      fc.property(program, (steps) => {
        const machine = new Machine();
        for (const step of steps) machine.step(step);
        machine.finishSnapshot();
        machine.applyAll();
        machine.step({ type: 'snapshot', bytes: 1000 });
        machine.finishSnapshot();
        taken += machine.snapshotsTaken;
      }),
      { numRuns: 200 },
    );
    expect(taken).toBeGreaterThan(200);
  });
});
