import type { Context } from './context.ts';
import type { ZabStatus } from './options.ts';
import type { Role } from './role.ts';

/** What a node says of itself. */
export function statusOf(context: Context, role: Role, tenure: number): ZabStatus {
  const { log, promise, members, recovering } = context;
  const { committed, durable, last, epochRecord } = log;
  const shared = {
    ...{ committed, durable, last, tenure, promise, recovering, established: false },
    voter: members.selfCounts && !recovering,
    members: members.list,
    featureLevel: epochRecord?.featureLevel ?? 1,
    learners: [],
  };
  switch (role.name) {
    case 'looking': {
      const nothing = { leader: undefined, serving: false, epochStart: undefined };
      return { ...shared, role: role.name, phase: 'election', epoch: last.epoch, ...nothing };
    }
    case 'leading': {
      const { leader } = role;
      const { phase, epoch, established, epochStart } = leader;
      return {
        ...{ ...shared, role: role.name, phase, established, serving: established, epochStart },
        ...{ epoch: Math.max(epoch, last.epoch), leader: context.self },
        get learners() {
          return leader.learners;
        },
      };
    }
    default: {
      const { phase, epoch, serving, epochStart, leader } = role.learner;
      return {
        ...{ ...shared, role: role.name, phase, serving, epochStart, leader },
        epoch: Math.max(epoch, last.epoch),
      };
    }
  }
}
