/**
 * Faults that change nothing which anybody sees as long as all the rest is as it should be: another rule stands behind
 * each, or it takes a loss that is rare. So runs of an ensemble do not find them, and each has a check of its own
 * (`test/unit/shielded`), which speaks to one node alone.
 */
import type { Mutation } from './mutation.ts';

export const shieldedMutations = [
  {
    name: 'observerGetsUncommitted',
    rule: 'Who is counted by nobody is sent nothing that is not committed.',
    // What was never committed would be cut from its log again, as from that of a voter.
    edits: [
      {
        file: 'zab/streams.ts',
        find: 'return progress.voter ? log.last.zxid : log.committed.zxid;',
        replace: 'return log.last.zxid;',
      },
    ],
  },
  {
    name: 'learnerAcknowledgesSurplus',
    rule: 'A learner acknowledges what its stream gave it, and not what else its disk has.',
    // A leader ignores what it has never sent.
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'return leastPosition(this.#context.log.durable, this.#streamEnd);',
        replace: 'return this.#context.log.durable;',
      },
    ],
  },
  {
    name: 'endedStreamsStayRegistered',
    rule: 'A node that tells anew which streams it has, has no others.',
    // A reign begins with none, and a node whose link was lost is asked for all of them.
    edits: [
      {
        file: 'replica/leader-desk.ts',
        find: `const { node } = link;
    this.#generations.leave(node);`,
        replace: 'const { node } = link;',
      },
    ],
  },
  {
    name: 'newestFileIsNotMissed',
    rule: 'A log of which the newest file is missing is damaged, and does not end there.',
    edits: [
      {
        file: 'storage/opening.ts',
        find: 'if ((segments.at(-1)?.firstZxid ?? 0) >= firstZxid) return undefined;',
        replace: 'if (firstZxid >= 0) return undefined;',
      },
    ],
  },
] as const satisfies readonly Mutation[];

export type ShieldedMutationName = (typeof shieldedMutations)[number]['name'];
