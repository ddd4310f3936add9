/**
 * What the simulator has to find: faults of every kind, each breaking one rule. `MUTANTS.md` says how long it
 * takes.
 */
import type { Mutation } from '../../support/mutations/mutation.ts';
import { zabMutations } from '../../support/mutations/zab.ts';
import type { ZabMutationName } from '../../support/mutations/zab.ts';
import { protocolMutants } from './protocol.ts';
import { requestMutants } from './requests.ts';
import { sessionMutants } from './sessions.ts';
import { storageMutants } from './storage.ts';
import { treeMutants } from './tree.ts';

/**
 * Faults that change nothing as long as all the rest is as it should be: another rule stands behind each. Scripts
 * in `test/scenario` find them, with a peer that breaks that other rule too; here a mutant that breaks both stands
 * in the place of each.
 */
const replaced: Readonly<Partial<Record<ZabMutationName, string>>> = {
  acceptWrongPredecessor: 'commonPointByZxid',
  ignoreTenureOfCompletions: 'completionsOfFormerLog',
  snapshotBelowCommonPoint: 'olderSnapshotIsTaken',
  followTheSilent: 'followOnHearsay',
};

export const mutants: readonly Mutation[] = [
  ...zabMutations.filter(({ name }) => replaced[name] === undefined),
  ...protocolMutants,
  ...storageMutants,
  ...requestMutants,
  ...sessionMutants,
  ...treeMutants,
];
