/** What else can be broken in the broadcast protocol; most of it is in `test/support/mutations/zab.ts`. */
import type { Mutation } from '../../support/mutations/mutation.ts';

export const protocolMutants: readonly Mutation[] = [
  {
    name: 'halfIsQuorum',
    rule: 'A quorum is more than half of the voters.',
    edits: [
      {
        file: 'zab/quorum.ts',
        find: 'return Math.floor(voters / 2) + 1;',
        replace: 'return Math.max(1, Math.floor(voters / 2));',
      },
    ],
  },
  {
    name: 'ackPromiseBeforeDurable',
    rule: 'A promise is on disk, in both copies, before anybody hears of it.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: `context.outbox.trace({ type: 'promise', epoch, leader });`,
        replace: `context.outbox.trace({ type: 'promise', epoch, leader });
    this.#ackEpoch();`,
      },
    ],
  },
  {
    name: 'forgetLaterPromise',
    rule: 'Who has promised an epoch helps no smaller one.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'if (given !== undefined && promise.epoch < given.epoch) {',
        replace: `if (given !== undefined && promise.epoch < given.epoch) {
      this.#counted = true;
      this.#ackEpoch();
      return undefined;
    }
    if (false) {`,
      },
      {
        file: 'zab/leader.ts',
        find: 'if (voter && promise !== undefined && promise.epoch > this.#epoch) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'commitSurplusByZxid',
    rule: "A commit point speaks of the leader's log, and of nothing else that has its zxid.",
    // The first records of a stream cut the surplus: it is there only until they come, and is told nothing.
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'const known = committed.zxid <= end.zxid ? committed : end;',
        replace: `const at = Math.min(committed.zxid, log.lastZxid);
    const known = { epoch: log.epochAt(at) ?? 0, zxid: at };`,
      },
      {
        file: 'zab/learner.ts',
        find: "if (end === undefined || this.#phase !== 'stream') return undefined;",
        replace: "if (this.#phase !== 'stream') return undefined;",
      },
      {
        file: 'zab/learner.ts',
        find: 'if (committed.zxid <= end.zxid && !log.contains(committed)) {',
        replace: 'if (false) {',
      },
      { file: 'zab/leader.ts', find: 'progress.opened &&', replace: '' },
    ],
  },
  {
    name: 'truncateBelowCommit',
    rule: 'Nothing that is committed is ever removed from a log.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'const end = { epoch: log.epochAt(zxid - 1) ?? 0, zxid: zxid - 1 };',
        replace: `const least = Math.max(0, zxid - 4);
      const end = { epoch: log.epochAt(least) ?? 0, zxid: least };`,
      },
      {
        file: 'zab/log-view.ts',
        find: "assert(comparePositions(position, this.#committed) >= 0, 'a committed record is never removed');",
        replace: '',
      },
    ],
  },
  {
    name: 'recoverTooEarly',
    rule: 'A damaged node is whole again only when its disk has all that its leader had committed.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'if (comparePositions(this.#ackable(), start) < 0) return;',
        replace: '',
      },
      {
        file: 'zab/learner.ts',
        find: 'if (comparePositions(this.#ackable(), mustHold) < 0) return;',
        replace: '',
      },
      {
        file: 'zab/learner.ts',
        find: 'if (!context.recovering || start === undefined || mustHold === undefined) return;',
        replace: 'if (!context.recovering || this.#epoch === 0) return;',
      },
    ],
  },
  {
    name: 'countRecovering',
    rule: 'A node that has lost its log is neither elected nor counted for an epoch.',
    edits: [
      {
        file: 'zab/standing.ts',
        find: "if (!members.selfCounts || recovering) return 'asker';",
        replace: "if (!members.selfCounts) return 'asker';",
      },
      {
        file: 'zab/learner.ts',
        find: 'counted: this.#counted && !recovering',
        replace: 'counted: this.#counted',
      },
      {
        file: 'zab/leader.ts',
        find: 'const isCounted = ack.counted && progress.voter && !progress.recovering;',
        replace: 'const isCounted = ack.counted && progress.voter;',
      },
    ],
  },
  {
    name: 'countWhatWasLost',
    rule: 'What a learner had on disk is not counted after it has come back without.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'if (recovering || !voter) this.#tally.forgetDurable(from);',
        replace: '',
      },
    ],
  },
  {
    name: 'answersOfFormerRelation',
    rule: 'A message counts only in the relation in which it was said.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'if (progress?.tenure !== message.tenure) {',
        replace: 'if (progress === undefined) {',
      },
      {
        file: 'zab/roles.ts',
        find: 'if (!isLearning(role) || role.learner.leader !== from || message.tenure !== this.#tenure) {',
        replace: 'if (!isLearning(role) || role.learner.leader !== from) {',
      },
      {
        file: 'zab/leader.ts',
        find: 'return progress?.tenure === tenure ? progress : undefined;',
        replace: 'return tenure > 0 ? progress : undefined;',
      },
    ],
  },
  {
    name: 'followOnHearsay',
    rule: 'A node is followed for what others say of it only if it takes part itself.',
    // Who has no link with it cannot follow, so that alone would end.
    edits: [
      {
        file: 'zab/election.ts',
        find: "if (state === 'leading' && leader === from && this.#counts(from)) this.#outcome = from;",
        replace: `if (leader !== undefined && leader !== 0 && leader !== this.#context.self) this.#outcome = leader;`,
      },
      { file: 'zab/roles.ts', find: 'if (peer === undefined) {', replace: 'if (false) {' },
      {
        file: 'zab/roles.ts',
        find: 'if (!members.counts(peer.id, peer.incarnation)) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'confirmForOthers',
    rule: 'A round is confirmed by those who have answered it.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'this.#tally.confirm(this.#context.self, this.#round);',
        replace:
          'for (const { id } of this.#learners.values()) this.#tally.confirm(id, this.#round);',
      },
    ],
  },
  {
    name: 'commonPointByZxid',
    rule: 'Two logs agree up to a record of the same epoch, not of the same zxid.',
    edits: [
      {
        file: 'zab/common-point.ts',
        find: 'if (own !== undefined && start.zxid <= end) {',
        replace: `const zxid = Math.min(other.last.zxid, log.lastZxid);
    const epoch = log.epochAt(zxid);
    if (epoch !== undefined) return { epoch, zxid };
    if (own !== undefined && start.zxid <= end) {`,
      },
      {
        file: 'zab/learner.ts',
        find: 'if (!this.#follows(message)) {',
        replace: 'if (previous.zxid > this.#context.log.last.zxid) {',
      },
      {
        file: 'zab/log-view.ts',
        find: 'if (frameChain(record.bytes, this.#lastChain, this.#checksum) !== chain) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'applyBeforeDurable',
    rule: 'A node applies only what its own disk has.',
    edits: [
      {
        file: 'zab/log-view.ts',
        find: 'return leastPosition(this.#committed, this.#durable);',
        replace: 'return this.#committed;',
      },
    ],
  },
  {
    name: 'installingVotes',
    rule: 'Who is replacing its log by a snapshot does not say what its log is.',
    edits: [
      {
        file: 'zab/roles.ts',
        find: "if (this.#installing !== undefined) return 'asker';",
        replace: '',
      },
      {
        file: 'zab/roles.ts',
        find: "if (this.#role.name !== 'looking' || this.#installing !== undefined) return;",
        replace: "if (this.#role.name !== 'looking') return;",
      },
    ],
  },
  {
    name: 'completionsOfFormerLog',
    rule: 'What the disk completes after a truncation speaks of records that are gone.',
    edits: [
      {
        file: 'zab/zab.ts',
        find: 'log.completed(tenure, position)',
        replace: 'log.completed(this.#roles.tenure, position)',
      },
      {
        file: 'zab/log-view.ts',
        find: "if (!this.contains(position)) return 'it speaks of a record that has been replaced';",
        replace: `if (position.zxid > this.#handedOut.zxid) return 'it speaks of what is gone';
    position = { epoch: this.epochAt(position.zxid) ?? 0, zxid: position.zxid };`,
      },
      {
        file: 'storage/log-writer.ts',
        find: 'if (comparePositions(position, this.#durable) < 0) this.#durable = position;',
        replace: '',
      },
      {
        file: 'storage/log-writer.ts',
        find: 'if (this.#failure !== undefined || this.#changes > 0) return;',
        replace: 'if (this.#failure !== undefined) return;',
      },
    ],
  },
];
