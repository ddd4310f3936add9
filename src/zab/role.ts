import type { Election } from './election.ts';
import type { Leader } from './leader.ts';
import type { Learner } from './learner.ts';

/** What a node is at present, and what it knows as that: all of it is gone with the role. */
export type Role =
  | { readonly name: 'looking'; readonly election: Election }
  | { readonly name: 'leading'; readonly leader: Leader }
  | { readonly name: 'following' | 'observing'; readonly learner: Learner };

export function isLearning(role: Role): role is Extract<Role, { readonly learner: Learner }> {
  return role.name === 'following' || role.name === 'observing';
}
