/**
 * The scripts have teeth: with a rule of the core broken, the scripts that are about this rule must fail, by
 * a violated invariant, an expectation or another trace than the one that stands in them.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadMutated } from '../support/mutations/load-mutated.ts';
import { zabMutations } from '../support/mutations/zab.ts';
import type { ZabMutationName } from '../support/mutations/zab.ts';
import * as original from './harness/run-script.ts';

type Finding = 'invariant' | 'expectation' | 'trace';

/** How each fault is found, and by which script. */
const scripts: Readonly<Record<ZabMutationName, readonly [Finding, string]>> = {
  ackBeforeDurable: ['invariant', 'sc-01-acknowledgement-before-the-disk'],
  countLeaderBeforeFsync: ['invariant', 'leader-counts-its-own-disk-only'],
  commitOldEpochsByCounting: ['expectation', 'old-epochs-are-not-committed-by-counting'],
  voteKeyFromMemory: ['invariant', 'sc-08-write-in-flight-at-the-end-of-a-role'],
  acceptWrongPredecessor: ['invariant', 'first-record-on-the-wrong-predecessor'],
  countObservers: ['invariant', 'sc-41-observers-are-never-counted'],
  countPromisesOfOthers: ['invariant', 'sc-40-one-epoch-promised-to-two-leaders'],
  keepSurplus: ['invariant', 'sc-07-logged-tail-that-nobody-else-has'],
  barrierWithoutRound: ['invariant', 'sc-89-barrier-of-a-deposed-leader'],
  countBeforeEpochRecord: ['invariant', 'sc-11-records-before-the-epoch-record-count-for-nothing'],
  ignoreTenureOfCompletions: ['invariant', 'sc-08-late-completion-of-the-same-record'],
  snapshotBelowCommonPoint: ['invariant', 'snapshot-below-the-common-point'],
  compareZxidsOnly: ['invariant', 'sc-15-longer-log-of-an-older-epoch'],
  reuseEpochs: ['expectation', 'epoch-greater-than-every-promise'],
  believePromisesWithoutVote: ['expectation', 'promise-of-who-has-no-vote'],
  acceptAnyEpoch: ['expectation', 'epoch-too-far-ahead'],
  followTheSilent: ['expectation', 'sc-49-leader-that-only-others-know-of'],
  countForeignIncarnations: ['invariant', 'sc-90-promise-of-a-life-that-is-over'],
  birthWithoutAll: ['expectation', 'birth-with-a-member-missing'],
};

const order: readonly Finding[] = ['trace', 'expectation', 'invariant'];
const entry = { url: new URL('harness/run-script.ts', import.meta.url), original };

function findingOf(script: string, { runScript }: typeof original): Finding | undefined {
  const text = readFileSync(new URL(`scripts/${script}.txt`, import.meta.url), 'utf8');
  const result = runScript(text);
  if (result.hasViolation) return 'invariant';
  if (result.failures.length > 0) return 'expectation';
  return result.text === text ? undefined : 'trace';
}

test.each(zabMutations)('$name is found', async (mutation) => {
  const [expected, script] = scripts[mutation.name];
  const finding = findingOf(script, await loadMutated(entry, mutation));
  expect(finding).toBeDefined();
  expect(order.indexOf(finding ?? 'trace')).toBeGreaterThanOrEqual(order.indexOf(expected));
});

test('the same scripts find nothing in the core as it is', () => {
  const all = new Set(Object.values(scripts).map(([, script]) => script));
  for (const script of all)
    expect([script, findingOf(script, original)]).toEqual([script, undefined]);
});
