/** Rules that no run of an ensemble checks hold, and are missed where they are broken. */
import { AssertionError } from 'node:assert';
import { expect, test } from 'vitest';
import { doorMutations } from '../../support/mutations/doors.ts';
import { loadMutated } from '../../support/mutations/load-mutated.ts';
import { shieldedMutations } from '../../support/mutations/shielded.ts';
import { entryOf } from './checks.ts';

test.each([...shieldedMutations, ...doorMutations])('$name: $rule', async (mutation) => {
  const { name } = mutation;
  const entry = entryOf(name);
  await entry.original.checks[name]?.();
  const { checks } = await loadMutated(entry, mutation);
  await expect(async () => checks[name]?.()).rejects.toThrow(AssertionError);
});
