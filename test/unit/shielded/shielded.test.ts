/** Rules that another rule stands behind hold, and are missed where they are broken. */
import { expect, test } from 'vitest';
import { loadMutated } from '../../support/mutations/load-mutated.ts';
import { shieldedMutations } from '../../support/mutations/shielded.ts';
import * as original from './checks.ts';

const entry = { url: new URL('checks.ts', import.meta.url), original };

test.each(shieldedMutations)('$rule', async (mutation) => {
  const { name } = mutation;
  await original.checks[name]();
  const { checks } = await loadMutated(entry, mutation);
  await expect(async () => checks[name]()).rejects.toThrow(
    /what a learner acknowledges|an observer was sent|that is not|is missed/,
  );
});
