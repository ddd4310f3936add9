/**
 * What the simulator has to find: faults of every kind, each breaking one rule. `MUTANTS.md` says how long it
 * takes.
 */
import type { Mutation } from '../../support/mutations/mutation.ts';
import { zabMutations } from '../../support/mutations/zab.ts';
import { protocolMutants } from './protocol.ts';
import { requestMutants } from './requests.ts';
import { sessionMutants } from './sessions.ts';
import { storageMutants } from './storage.ts';
import { treeMutants } from './tree.ts';

export const mutants: readonly Mutation[] = [
  ...zabMutations,
  ...protocolMutants,
  ...storageMutants,
  ...requestMutants,
  ...sessionMutants,
  ...treeMutants,
];

/**
 * Faults that change nothing as long as all the rest is as it should be: another rule stands behind each. Scripts
 * in `test/scenario` and tests of the layer find them, with a peer or a disk that breaks that other rule too.
 */
export const hidden: ReadonlyMap<string, string> = new Map([
  ['acceptWrongPredecessor', 'a leader begins at the common point; see `commonPointByZxid`'],
  ['olderPromiseWins', 'both copies are the same before anybody hears of it'],
  ['ignoreTenureOfCompletions', 'the log writer tells no more of it; see `completionsOfFormerLog`'],
]);
