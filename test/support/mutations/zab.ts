/** What can be broken in the broadcast protocol. */
import type { Mutation } from './mutation.ts';

export const zabMutations = [
  {
    name: 'ackBeforeDurable',
    rule: 'An acknowledgement speaks of what is on disk.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'return leastPosition(this.#context.log.durable, this.#streamEnd);',
        replace: 'return this.#streamEnd;',
      },
    ],
  },
  {
    name: 'countLeaderBeforeFsync',
    rule: 'The leader counts itself only for what its own disk has.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'this.#streams.flush(',
        replace: `this.#countDurable(this.#context.self, this.#context.log.last);
    this.#streams.flush(`,
      },
    ],
  },
  {
    name: 'commitOldEpochsByCounting',
    rule: 'Records of earlier epochs are committed by way of the epoch record alone.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'if (!holdsEpoch) return;',
        replace: '',
      },
      {
        file: 'zab/leader.ts',
        find: 'if (!progress.synced) {',
        replace: 'if (!progress.synced && holdsEpoch) {',
      },
      {
        file: 'zab/leader.ts',
        find: 'this.#answers.clear();',
        replace: 'this.#answers.clear(); this.onDurable();',
      },
      {
        file: 'zab/leader.ts',
        find: 'if (!isOfEpoch) return;',
        replace: '',
      },
      {
        file: 'zab/leader.ts',
        find: 'assert(zxid >= epochStart.zxid, ',
        replace: `const earlier = log.epochAt(zxid);
    if (zxid < epochStart.zxid) {
      if (earlier !== undefined) log.commitTo({ epoch: earlier, zxid });
      return;
    }
    assert(zxid >= epochStart.zxid, `,
      },
    ],
  },
  {
    name: 'voteKeyFromMemory',
    rule: 'A vote key is read from the disk.',
    edits: [
      {
        file: 'zab/election.ts',
        find: 'return { candidate: self, key: log.durable };',
        replace: 'return { candidate: self, key: log.last };',
      },
      {
        file: 'zab/learner.ts',
        find: 'const last = log.durable;',
        replace: 'const last = log.last;',
      },
    ],
  },
  {
    name: 'acceptWrongPredecessor',
    rule: 'Records are taken only behind the very record that they follow.',
    edits: [
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
    name: 'countObservers',
    rule: 'Observers are never counted.',
    edits: [
      {
        file: 'zab/members.ts',
        find: "if (member?.role !== 'voter') return false;",
        replace: 'if (member === undefined) return false;',
      },
      {
        file: 'zab/members.ts',
        find: 'majorityOf(this.voters)',
        replace: 'majorityOf(this.#list.map(({ id }) => id))',
      },
    ],
  },
  {
    name: 'countPromisesOfOthers',
    rule: 'A promise counts only for the leader to whom it was given.',
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'this.#counted = !isGivenToAnother;',
        replace: 'this.#counted = true;',
      },
    ],
  },
  {
    name: 'keepSurplus',
    rule: "What a learner has beyond its leader's log is removed.",
    edits: [
      {
        file: 'zab/learner.ts',
        find: 'if (isSameRecord) {',
        replace: 'if (true) {',
      },
    ],
  },
  {
    name: 'barrierWithoutRound',
    rule: 'A barrier needs a round that has begun after it.',
    edits: [
      {
        file: 'zab/zab.ts',
        find: 'round: leader.round + 1 }',
        replace: 'round: leader.confirmedRound }',
      },
    ],
  },
  {
    name: 'countBeforeEpochRecord',
    rule: 'Nothing that a learner acknowledges counts before it has the epoch record.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'if (!holdsEpoch) return;',
        replace: 'if (!holdsEpoch) return start && this.#countAck(progress, start);',
      },
    ],
  },
  {
    name: 'ignoreTenureOfCompletions',
    rule: 'A disk completion that is older than the last truncation speaks of other records.',
    edits: [
      {
        file: 'zab/zab.ts',
        find: 'log.completed(tenure, position)',
        replace: 'log.completed(this.#roles.tenure, position)',
      },
    ],
  },
  {
    name: 'snapshotBelowCommonPoint',
    rule: 'A snapshot lies at or beyond the common point.',
    edits: [
      {
        file: 'zab/streams.ts',
        find: 'if (comparePositions(atLeast, progress.atLeast) > 0) progress.atLeast = atLeast;',
        replace: 'progress.atLeast = { epoch: 0, zxid: 0 };',
      },
    ],
  },
  {
    name: 'compareZxidsOnly',
    rule: 'Logs are compared by epoch first.',
    edits: [
      {
        file: 'zab/election.ts',
        find: 'const order = comparePositions(a.key, b.key);',
        replace: 'const order = a.key.zxid - b.key.zxid;',
      },
      {
        file: 'zab/leader.ts',
        find: 'if (comparePositions(ack.last, log.durable) > 0)',
        replace: 'if (ack.last.zxid > log.durable.zxid)',
      },
    ],
  },
  {
    name: 'reuseEpochs',
    rule: 'A new epoch is greater than every promised one.',
    edits: [
      {
        file: 'zab/discovery.ts',
        find: 'return Math.max(last, ...this.#heard.values()) + 1;',
        replace: 'return Math.max(1, last, ...this.#heard.values());',
      },
    ],
  },
  {
    name: 'believePromisesWithoutVote',
    rule: 'What somebody without a vote has promised raises no epoch.',
    edits: [
      {
        file: 'zab/leader.ts',
        find: 'if (voter && !this.#hearVoter(',
        replace: 'if (!this.#hearVoter(',
      },
    ],
  },
  {
    name: 'acceptAnyEpoch',
    rule: 'Nobody is believed with an epoch that is too far ahead.',
    edits: [
      {
        file: 'zab/bounds.ts',
        find: 'return epoch > knownEpoch(context) + epochLeadMax;',
        replace: 'return false;',
      },
    ],
  },
  {
    name: 'followTheSilent',
    rule: 'A node is followed for what others say of it only if it takes part itself.',
    edits: [
      {
        file: 'zab/election.ts',
        find: 'readonly #votes = new Map<number, VoteMessage>();',
        replace: `readonly #votes = new Map<number, VoteMessage>();
  readonly #leaders = new Map<number, number>();`,
      },
      {
        file: 'zab/election.ts',
        find: "if (this.#standing === 'asker' || !this.#counts(from)) return;",
        replace: `this.#leaders.delete(from);
    if (this.#standing === 'asker' || !this.#counts(from)) return;`,
      },
      {
        file: 'zab/election.ts',
        find: 'this.#votes.delete(peer);',
        replace: 'this.#votes.delete(peer); this.#leaders.delete(peer);',
      },
      {
        file: 'zab/election.ts',
        find: "if (state === 'leading' && leader === from && this.#counts(from)) this.#outcome = from;",
        replace: `if (leader !== undefined) this.#leaders.set(from, leader);
    if (state === 'leading' && leader === from) this.#outcome = from;
    else if (leader !== undefined && leader !== this.#context.self) {
      const says = (voter) => this.#leaders.get(voter) === leader;
      if (isQuorum(this.#context.members.verifiers, says)) this.#outcome = leader;
    }`,
      },
    ],
  },
  {
    name: 'countForeignIncarnations',
    rule: 'Only the life of a data directory that the configuration names is counted.',
    edits: [
      {
        file: 'zab/members.ts',
        find: "return member.incarnation === '' || member.incarnation === incarnation;",
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'birthWithoutAll',
    rule: 'A new cluster is born only of all its voters.',
    edits: [
      {
        file: 'zab/standing.ts',
        find: "if (log.durable.zxid > 0) return 'candidate';",
        replace: "return 'candidate';",
      },
      {
        file: 'zab/leader.ts',
        find: 'const isBirth = clusterId === undefined;',
        replace: 'const isBirth = false;',
      },
    ],
  },
] as const satisfies readonly Mutation[];

export type ZabMutationName = (typeof zabMutations)[number]['name'];
