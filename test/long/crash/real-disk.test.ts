/** The real process on a real disk that fails at every call of a run, followed at its system calls. */
import { expect, test } from 'vitest';
import { huntOnDisk } from '../../support/disk-trace/hunt.ts';
import type { Fault } from '../../support/disk-trace/preload.ts';
import { describeTraced } from '../../support/disk-trace/run.ts';
import { tryOnce } from '../../support/disk-trace/trial.ts';
import type { Trial } from '../../support/disk-trace/trial.ts';
import { diskMutants } from '../../simulation/mutants/disk.ts';

/** Enough for a new file of the log and a snapshot. */
const WRITES = 8;

/** Runs at the same time: a node waits for its disk more than it works. */
const LANES = 2;

interface Count {
  readonly ended: number;
  readonly wentOn: number;
}

/** One run for each call of a class, until there is none that has so many. */
async function atEveryCall(fault: Omit<Fault, 'at'>): Promise<Count> {
  const trials: Trial[] = [];
  let next = 1;
  let isOver = false;
  const lane = async (): Promise<void> => {
    while (!isOver) {
      const at = next++;
      const trial = await tryOnce({ fault: { ...fault, at }, writes: WRITES });
      expect(trial.findings, `${fault.kind} of call ${at} of class ${fault.class}`).toEqual([]);
      if (trial.isDue) trials.push(trial);
      else isOver = true;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const ended = trials.filter(({ hasEnded }) => hasEnded).length;
  return { ended, wentOn: trials.length - ended };
}

describeTraced('a real disk, at every call of a run', () => {
  test('that fails', async () => {
    const { ended, wentOn } = await atEveryCall({ kind: 'EIO', class: 'any' });
    // The log and the promise end the node; a snapshot and the next file of the log do not.
    expect(ended).toBeGreaterThan(30);
    expect(wentOn).toBeGreaterThan(5);
  });

  test('that is full in the middle of a write', async () => {
    const { ended, wentOn } = await atEveryCall({ kind: 'full', class: 'write' });
    expect(ended).toBeGreaterThan(10);
    expect(wentOn).toBeGreaterThan(5);
  });

  test('that hangs', async () => {
    const { ended, wentOn } = await atEveryCall({ kind: 'hang', class: 'sync' });
    expect(ended).toBe(0);
    expect(wentOn).toBeGreaterThan(20);
  });
});

describeTraced('a real disk', () => {
  test('may interrupt every second write, sync and change of names', async () => {
    for (const each of ['write', 'sync', 'name', 'open'] as const) {
      const fault = { kind: 'EINTR', class: each, at: 'every' } as const;
      const { findings, acknowledged, hasEnded } = await tryOnce({ fault, writes: WRITES });
      expect({ findings, hasEnded }).toEqual({ findings: [], hasEnded: false });
      expect(acknowledged).toHaveLength(WRITES);
    }
  });

  test('shows a fault of the code, and none where there is none', async () => {
    expect(await huntOnDisk()).toEqual({ trial: undefined, finding: '' });
    const wanted = ['logNotSynced', 'shortLogWriteIgnored', 'directoryNotSynced'];
    for (const mutant of diskMutants.filter(({ name }) => wanted.includes(name))) {
      expect((await huntOnDisk(mutant)).trial, mutant.name).toBeDefined();
    }
  });
});
