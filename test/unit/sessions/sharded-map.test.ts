import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathHash, ShardedMap } from '../../../src/sessions/sharded-map.ts';

const identity = (key: number): number => key;

describe('sharded map', () => {
  it.each([0, 8100, 8192, 30_000])(
    'agrees with a plain map that starts with %i keys',
    (preload) => {
      const anyStep = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: preload + 200 }));
      fc.assert(
        fc.property(fc.array(anyStep, { maxLength: 150 }), (steps) => {
          const plain = new Map<number, number>();
          const map = new ShardedMap<number, number>(identity);
          for (let key = 0; key < preload; key++) {
            plain.set(key, -key);
            map.set(key, -key);
          }
          for (const [isSet, key] of steps) {
            if (isSet) {
              plain.set(key, key);
              map.set(key, key);
            } else {
              expect(map.delete(key)).toBe(plain.delete(key));
            }
            expect([map.get(key), map.has(key)]).toEqual([plain.get(key), plain.has(key)]);
          }
          expect(map.size).toBe(plain.size);
          expect([...map.keys()].sort((a, b) => a - b)).toEqual(
            [...plain.keys()].sort((a, b) => a - b),
          );
        }),
        { numRuns: 5 },
      );
    },
  );

  it('keeps keys beyond 32 bits apart', () => {
    const map = new ShardedMap<number, string>(identity);
    for (let key = 0; key < 10_000; key++) map.set(key * 2 ** 32 + 7, String(key));
    expect(map.size).toBe(10_000);
    expect(map.get(9999 * 2 ** 32 + 7)).toBe('9999');
  });

  it('is empty after clear', () => {
    const map = new ShardedMap<number, number>(identity);
    for (let key = 0; key < 10_000; key++) map.set(key, key);
    map.clear();
    expect([map.size, map.has(5), [...map.keys()]]).toEqual([0, false, []]);
  });
});

describe('hash of paths', () => {
  it.each([
    ['numbers at the end', (index: number) => `/app/locks/lock-${String(index).padStart(10, '0')}`],
    ['numbers within', (index: number) => `/app/host-${String(index)}/config/db/primary`],
    ['short names', (index: number) => `/${String(index)}`],
  ])('spreads paths with %s', (_what, pathOf) => {
    const counts = new Map<number, number>();
    for (let index = 0; index < 64_000; index++) {
      const shard = pathHash(pathOf(index)) & 63;
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThan(8000);
  });

  it('is defined for the root', () => {
    expect(pathHash('/') & 63).toBeGreaterThanOrEqual(0);
  });
});
