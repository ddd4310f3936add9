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
