/** Spaces that are small enough to be seen whole with every commit; larger ones are asked for by the command. */
import { divided, founded, newborn } from './beginnings.ts';
import type { ModelOptions } from './model.ts';

export interface Space extends Omit<ModelOptions, 'core'> {
  readonly name: string;
}

/** What a model may begin with, by name. */
export const beginnings = { newborn, founded, divided } as const;
export type BeginningName = keyof typeof beginnings;

export const nothing = { crashes: 0, timeouts: 0, transactions: 0, elections: 1, cuts: 0 } as const;

export const spaces: readonly Space[] = [
  {
    name: 'a cluster is born, and commits three transactions',
    disks: newborn,
    budget: { ...nothing, transactions: 3 },
  },
  {
    name: 'a node crashes as a cluster is born',
    disks: newborn,
    budget: { ...nothing, transactions: 1, crashes: 1 },
  },
  {
    name: 'a deadline is missed as a cluster is born',
    disks: newborn,
    budget: { ...nothing, transactions: 1, timeouts: 1 },
  },
  {
    name: 'a cluster commits two transactions',
    disks: founded,
    budget: { ...nothing, transactions: 2 },
  },
  {
    name: 'a node crashes as another one begins to lead',
    disks: founded,
    budget: { ...nothing, crashes: 1 },
  },
  {
    name: 'a newborn cluster gets another leader',
    disks: newborn,
    budget: { ...nothing, timeouts: 1, elections: 2 },
  },
  {
    name: 'logs that differ become one, and a node crashes meanwhile',
    disks: divided,
    budget: { ...nothing, crashes: 1 },
  },
  {
    name: 'logs that differ become one, and a link is lost meanwhile',
    disks: divided,
    budget: { ...nothing, cuts: 1 },
  },
  {
    name: 'logs that differ become one under two leaders at a time',
    disks: divided,
    budget: { ...nothing, elections: 2 },
  },
  {
    name: 'three newborn nodes elect a leader by their votes',
    disks: newborn,
    budget: { ...nothing, elections: 0 },
    votes: true,
  },
];
