/**
 * How far beyond what this node knows itself a peer may speak. A node that is believed with an epoch near the
 * end of what can be counted leaves no epoch to whoever leads next, and a promise is never taken back: so what
 * is too far is refused before anything of it becomes durable, and the relation with that peer ends.
 *
 * Refusing is always safe. An epoch is led by one node alone since each voter promises it once, whatever its
 * number is, and a promise that is refused is counted for nothing. Only progress may suffer: a voter whose
 * promise was refused is not helped by this leader. It takes that many elections to be so far ahead.
 */
import type { Context } from './context.ts';

/**
 * Epochs that a peer's promise, its log or its leadership may be ahead of this node's own promise and log.
 *
 * Two voters that do not hear of one another drift apart by one epoch with each election that a leader wins
 * and whose LEADERINFO reaches nobody. Such a leader waits for one --peer-timeout before the next try, 100 ms
 * at least: a million takes eleven days by default and more than a day at the very fastest, all of it without
 * service. And a voter that lies can take no more than a million of 9 × 10^15 epochs with one election.
 */
export const epochLeadMax = 1_000_000;

/**
 * Rounds of election that a vote may be ahead of this node's own. They are forgotten with the process, so one that
 * starts hears of all the rounds that others have had in their lives: 2^32 are a thousand years of one every ten
 * seconds. A voter that lies needs two million votes to use up what can be counted.
 */
export const roundLeadMax = 2 ** 32;

/**
 * No epoch, zxid or round beyond this comes over a wire: what follows it can still be counted exactly, and told.
 * At a million records a second it is reached in 142 years.
 */
export const countedMax = 2 ** 52;

/** The greatest epoch that this node has promised, or has in its log. */
export function knownEpoch({ log, promise }: Context): number {
  return Math.max(log.last.epoch, promise?.epoch ?? 0);
}

/** True for an epoch that this node does not believe. */
export function isFarEpoch(context: Context, epoch: number): boolean {
  return epoch > knownEpoch(context) + epochLeadMax;
}
