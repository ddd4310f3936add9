/** Looks for faults of the code that only the system calls of a process show. */
import { fileURLToPath } from 'node:url';
import { buildMutant } from '../mutations/load-mutated.ts';
import type { Mutation } from '../mutations/mutation.ts';
import type { Fault } from './preload.ts';
import { tryOnce } from './trial.ts';

/** In this order: most are found where nothing fails. The sync is one of the log in the middle of a run. */
const trials: readonly { readonly name: string; readonly fault?: Fault }[] = [
  { name: 'no fault' },
  { name: 'short writes', fault: { kind: 'moment', class: 'write', at: 'every' } },
  { name: 'a sync that fails', fault: { kind: 'EIO', class: 'sync', at: 24 } },
  { name: 'a sync that hangs', fault: { kind: 'hang', class: 'sync', at: 24 } },
];

/** Enough for snapshots and for new files of the log. */
const WRITES = 45;

export interface DiskFinding {
  /** Of the trial that has found it; undefined when none has. */
  readonly trial: string | undefined;
  readonly finding: string;
}

const entry = new URL('program.ts', import.meta.url);
const unchanged: Mutation = { name: 'unchanged', rule: 'Nothing is broken.', edits: [] };

/** @param mutation absent for the code as it is, in which nothing may be found */
export async function huntOnDisk(mutation = unchanged): Promise<DiskFinding> {
  const program = fileURLToPath(await buildMutant(entry, mutation));
  for (const { name, fault } of trials) {
    const options = { program, writes: WRITES, ...(fault !== undefined && { fault }) };
    const { findings, isDue } = await tryOnce(options);
    const [finding] = findings;
    if (finding !== undefined) return { trial: name, finding };
    if (fault !== undefined && !isDue) throw new Error(`${name}: the call never came`);
  }
  return { trial: undefined, finding: '' };
}
