/** A change of the code that leaves a fault without its place is noticed here, by the name of the fault. */
import { describe, expect, test } from 'vitest';
import { mutants } from '../../simulation/mutants/index.ts';
import * as original from '../../../src/zab/quorum.ts';
import { doorMutations } from './doors.ts';
import { loadMutated } from './load-mutated.ts';
import { shieldedMutations } from './shielded.ts';
import { mutatedSources } from './mutation.ts';
import type { Mutation } from './mutation.ts';

const all: readonly Mutation[] = [...mutants, ...shieldedMutations, ...doorMutations];

const rule = 'return count >= majority(voters.length);';
const entry = { url: new URL('../../../src/zab/quorum.ts', import.meta.url), original };

function edit(find: string, replace: string, file = 'zab/quorum.ts'): Mutation {
  return { name: 'forThisTest', rule: 'It is for this test.', edits: [{ file, find, replace }] };
}

describe('a mutation of the table', () => {
  test.each(all)('finds its place: $name', (mutation) => {
    expect(mutatedSources(mutation).size).toBeGreaterThan(0);
    expect(mutation.rule).toMatch(/^[A-Z].+\.$/);
  });

  test('has a name of its own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });
});

describe('a mutation', () => {
  test.each([
    ['is not there', 'no such text', 0],
    ['is there twice', 'return count', 2],
    ['is empty', '', 0],
  ])('is refused when its text %s', (_, find, count) => {
    const doubled = edit(rule, `${rule} ${rule}`).edits;
    const stale = { ...edit(find, ''), edits: [...doubled, ...edit(find, '').edits] };
    expect(() => mutatedSources(stale)).toThrow(
      `mutation forThisTest: found ${count} times in src/zab/quorum.ts, not once: ${find}`,
    );
  });

  test('may change a file in several places', () => {
    const [first, second] = [edit(rule, '$& first'), edit('let count = 0;', 'second')];
    const [text = ''] = mutatedSources({
      ...first,
      edits: [...first.edits, ...second.edits],
    }).values();
    expect(text).toContain('$& first');
    expect(text).toContain('second');
    expect(text).not.toContain(rule);
  });

  test('is in the module that is loaded with it, and nowhere else', async () => {
    const verifiers = [original.majorityOf([1, 2, 3])];
    const mutation = edit(rule, 'return true;');
    const mutant = await loadMutated(entry, mutation);
    expect(mutant.isQuorum(verifiers, () => false)).toBe(true);
    expect(original.isQuorum(verifiers, () => false)).toBe(false);
    expect(await loadMutated(entry, mutation)).toBe(mutant);
  });

  test('is refused where the module does not use what it changes', async () => {
    const elsewhere = edit('class Barriers', 'class Barriers', 'zab/barriers.ts');
    await expect(loadMutated(entry, elsewhere)).rejects.toThrow('does not use');
  });

  test('is refused with code that cannot be read', async () => {
    await expect(loadMutated(entry, edit(rule, 'return >=;'))).rejects.toThrow('quorum.ts');
  });
});
