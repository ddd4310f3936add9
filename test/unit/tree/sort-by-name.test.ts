import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import { NameSorter } from '../../../src/tree/sort-by-name.ts';
import { Store } from '../../../src/tree/store.ts';

function planted(names: readonly string[]): { store: Store; ids: Int32Array } {
  const store = new Store();
  const ids = names.map((name, index) =>
    store.addNode({
      parent: 0,
      path: `/${name}` as ZnodePath,
      name,
      hash: index,
      kind: 'persistent',
      acl: 0,
      data: new Uint8Array(0),
      ownerOrTtl: 0,
      zxid: 1,
      time: 1,
    }),
  );
  return { store, ids: Int32Array.from(ids) };
}

const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'é') }),
  fc.nat({ max: 5000 }).map((number) => `node-${String(number).padStart(10, '0')}`),
  fc.nat({ max: 50 }).map((number) => `a-very-long-common-prefix-${'x'.repeat(number)}`),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' }),
);

describe('sorting by name', () => {
  it('is bytewise, whatever the names share', () => {
    const names = fc.uniqueArray(name, { maxLength: 300, size: 'max' });
    fc.assert(
      fc.property(names, (given) => {
        const { store, ids } = planted(given);
        expect(new NameSorter(store).sort(ids, 0, ids.length)).toBe(0);
        const sorted = [...ids].map((id) => store.names.name(id));
        expect(sorted).toEqual([...given].sort());
      }),
      { numRuns: 100 },
    );
  });

  it('tells a name that is there twice', () => {
    for (const count of [2, 30, 400]) {
      const names = Array.from({ length: count }, (_, index) => `n-${String(index)}`);
      const { store, ids } = planted([...names, 'n-1']);
      const duplicate = new NameSorter(store).sort(ids, 0, ids.length);
      expect(store.names.name(duplicate)).toBe('n-1');
    }
  });
});
