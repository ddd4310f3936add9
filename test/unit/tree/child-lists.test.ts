import { describe, expect, it } from 'vitest';
import { readChildren } from '../../../src/tree/index.ts';
import { Harness, path } from './harness.ts';

/** A generator whose every run is the same. */
function shuffled(count: number, seed: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  let state = seed;
  for (let at = count - 1; at > 0; at--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const other = state % (at + 1);
    [numbers[at], numbers[other]] = [numbers[other] ?? 0, numbers[at] ?? 0];
  }
  return numbers;
}

function names(harness: Harness, after?: string): string[] {
  const cursor = harness.tree.children(harness.tree.find('/p'), after);
  const found: string[] = [];
  for (let id = cursor.next(); id !== 0; id = cursor.next()) found.push(harness.tree.name(id));
  return found;
}

/** Parents pass from an array to blocks and back; order and count must never show it. */
describe('the children of a large parent', () => {
  const nameOf = (index: number): string => `n-${String(index).padStart(6, '0')}`;

  it.each([1, 2, 3])('stay sorted while thousands come and go (order %i)', (seed) => {
    const harness = new Harness();
    harness.create('/p');
    const present = new Set<string>();
    const count = 3000;
    for (const [step, index] of shuffled(count, seed).entries()) {
      harness.create(`/p/${nameOf(index)}`);
      present.add(nameOf(index));
      if (step % 500 === 0) expect(names(harness)).toEqual([...present].sort());
    }
    for (const [step, index] of shuffled(count, seed + 10).entries()) {
      harness.delete(`/p/${nameOf(index)}`);
      present.delete(nameOf(index));
      if (step % 500 === 0 || present.size < 3) {
        const sorted = [...present].sort();
        expect(names(harness)).toEqual(sorted);
        const after = nameOf(1500);
        const behind = sorted.filter((name) => name > after);
        expect(names(harness, after)).toEqual(behind);
        expect(harness.tree.childrenAfter(harness.tree.find('/p'), after)).toBe(behind.length);
      }
    }
    expect(harness.stat('/p')).toMatchObject({ numChildren: 0, cversion: 2 * count });
    harness.delete('/p');
  });

  it('go to and fro around the size at which the form changes', () => {
    const harness = new Harness();
    harness.create('/p');
    for (let index = 0; index < 140; index++) harness.create(`/p/${nameOf(index)}`);
    for (let round = 0; round < 3; round++) {
      for (let index = 139; index >= 50; index--) harness.delete(`/p/${nameOf(index)}`);
      expect(names(harness)).toHaveLength(50);
      for (let index = 50; index < 140; index++) harness.create(`/p/${nameOf(index)}`);
      expect(names(harness)).toEqual(Array.from({ length: 140 }, (_, index) => nameOf(index)));
    }
  });

  it('are paged through without a gap', () => {
    const harness = new Harness();
    harness.create('/p');
    for (const index of shuffled(1500, 5)) harness.create(`/p/${nameOf(index)}`);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = readChildren(
        harness.tree,
        {
          type: 'children',
          path: path('/p'),
          limit: 97,
          ...(after === undefined ? {} : { after }),
        },
        harness.reader(),
      );
      found.push(...page.children.map(({ name }) => name));
      after = page.next;
    } while (after !== undefined);
    expect(found).toEqual(Array.from({ length: 1500 }, (_, index) => nameOf(index)));
  });
});
