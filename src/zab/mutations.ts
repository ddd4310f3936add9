/**
 * Faults of the protocol that tests switch on, to see that their checks find them: each one breaks the
 * rule in its comment. A core gets none of them in production, where every switch is false by type.
 */
export interface Mutations {
  /** An acknowledgement speaks of what is on disk. */
  readonly ackBeforeDurable: boolean;
  /** The leader counts itself only for what its own disk has. */
  readonly countLeaderBeforeFsync: boolean;
  /** Records of earlier epochs are committed by way of the epoch record alone. */
  readonly commitOldEpochsByCounting: boolean;
  /** A vote key is read from the disk. */
  readonly voteKeyFromMemory: boolean;
  /** Records are taken only behind the very record that they follow. */
  readonly acceptWrongPredecessor: boolean;
  /** Observers are never counted. */
  readonly countObservers: boolean;
  /** A promise counts only for the leader to whom it was given. */
  readonly countPromisesOfOthers: boolean;
  /** What a learner has beyond its leader's log is removed. */
  readonly keepSurplus: boolean;
  /** A barrier needs a round that has begun after it. */
  readonly barrierWithoutRound: boolean;
  /** Nothing that a learner acknowledges counts before it has the epoch record. */
  readonly countBeforeEpochRecord: boolean;
  /** A disk completion that is older than the last truncation speaks of other records. */
  readonly ignoreTenureOfCompletions: boolean;
  /** A snapshot lies at or beyond the common point. */
  readonly snapshotBelowCommonPoint: boolean;
  /** Logs are compared by epoch first. */
  readonly compareZxidsOnly: boolean;
  /** A new epoch is greater than every promised one. */
  readonly reuseEpochs: boolean;
  /** A node is followed for what others say of it only if it takes part itself. */
  readonly followTheSilent: boolean;
  /** Only the life of a data directory that the configuration names is counted. */
  readonly countForeignIncarnations: boolean;
  /** A new cluster is born only of all its voters. */
  readonly birthWithoutAll: boolean;
}

/** Production: every rule holds. */
export const noMutations: { readonly [Name in keyof Mutations]: false } = Object.freeze({
  ackBeforeDurable: false,
  countLeaderBeforeFsync: false,
  commitOldEpochsByCounting: false,
  voteKeyFromMemory: false,
  acceptWrongPredecessor: false,
  countObservers: false,
  countPromisesOfOthers: false,
  keepSurplus: false,
  barrierWithoutRound: false,
  countBeforeEpochRecord: false,
  ignoreTenureOfCompletions: false,
  snapshotBelowCommonPoint: false,
  compareZxidsOnly: false,
  reuseEpochs: false,
  followTheSilent: false,
  countForeignIncarnations: false,
  birthWithoutAll: false,
});
