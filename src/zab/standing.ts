import type { Context } from './context.ts';

/**
 * `candidate`: it may be elected. `elector`: it may only help to elect another. `asker`: it does not vote
 * at all, it looks for somebody who leads.
 */
export type Standing = 'candidate' | 'elector' | 'asker';

/** Only a voter votes; only one with a history, or all voters together without one, may be elected. */
export function standingOf(context: Context, isDiskStalled: boolean): Standing {
  const { members, recovering, log, clusterId, peers, self } = context;
  if (!members.selfCounts || recovering) return 'asker';
  if (isDiskStalled) return 'elector';
  if (log.durable.zxid > 0) return 'candidate';
  if (clusterId !== undefined) return 'elector';
  const isNewborn = (id: number): boolean => {
    const peer = peers.get(id);
    return id === self || (peer !== undefined && peer.clusterId === undefined);
  };
  return members.voters.every(isNewborn) ? 'candidate' : 'elector';
}
