/**
 * What has to be found: faults of every kind, each breaking one rule. `MUTANTS.md` says how long it takes, or
 * in which trial it happens.
 */
import type { Mutation } from '../../support/mutations/mutation.ts';
import { zabMutations } from '../../support/mutations/zab.ts';
import type { ZabMutationName } from '../../support/mutations/zab.ts';
import { diskMutants } from './disk.ts';
import { protocolMutants } from './protocol.ts';
import { requestMutants } from './requests.ts';
import { sessionMutants } from './sessions.ts';
import { storageMutants } from './storage.ts';
import { treeMutants } from './tree.ts';

/**
 * Faults that change nothing as long as all the rest is as it should be: another rule stands behind each. Scripts
 * in `test/scenario` find them, with a peer that breaks that other rule too. In the place of each a mutant that
 * breaks both is measured, or it is said why there is none.
 */
const replaced: Readonly<Partial<Record<ZabMutationName, string>>> = {
  acceptWrongPredecessor: 'commonPointByZxid',
  ignoreTenureOfCompletions: 'completionsOfFormerLog',
  snapshotBelowCommonPoint: 'nobody needs a snapshot who is not behind all that are kept',
  followTheSilent: 'followOnHearsay',
  believePromisesWithoutVote:
    'who is without a vote has promised no more than voters have, unless it lies',
  acceptAnyEpoch: 'nobody in a simulation speaks of an epoch that is far ahead',
};

/** By the simulator. */
export const simulatedMutants: readonly Mutation[] = [
  ...zabMutations.filter(({ name }) => replaced[name] === undefined),
  ...protocolMutants,
  ...storageMutants,
  ...requestMutants,
  ...sessionMutants,
  ...treeMutants,
];

export const mutants: readonly Mutation[] = [...simulatedMutants, ...diskMutants];
