import { describe, expect, it } from 'vitest';
import { hashPath } from '../../../src/tree/hash.ts';
import { Harness } from './harness.ts';

/** Paths of which each has the hash of another one. */
function collidingPaths(): string[][] {
  const seen = new Map<number, string>();
  const pairs: string[][] = [];
  for (let index = 0; index < 250_000; index++) {
    const path = `/p/${Math.imul(index, 0x9e3779b1).toString(36)}-${index.toString(36)}`;
    const hash = hashPath(path);
    const other = seen.get(hash);
    if (other === undefined) seen.set(hash, path);
    else pairs.push([other, path]);
  }
  return pairs;
}

describe('the index of paths', () => {
  it('tells paths with the same hash apart', () => {
    const pairs = collidingPaths();
    expect(pairs.length).toBeGreaterThan(0);
    const harness = new Harness();
    harness.create('/p');
    for (const [one = '', other = ''] of pairs) {
      harness.create(one);
      expect(harness.exists(other)).toBe(false);
      harness.create(other);
      harness.set(other, 'other');
      expect(harness.stat(one).version).toBe(0);
      expect(harness.stat(other).version).toBe(1);
      harness.delete(one);
      expect(harness.exists(one)).toBe(false);
      expect(harness.exists(other)).toBe(true);
    }
  });

  it('finds whole names only', () => {
    const harness = new Harness();
    harness.create('/ab/cd', { parents: true });
    for (const path of ['/a', '/ab/c', '/ab/cde', '/b/cd', '/ab/ab/cd', '/cd', '/x/ab/cd', '//']) {
      expect(harness.exists(path), path).toBe(false);
    }
    expect(harness.exists('/ab/cd')).toBe(true);
  });

  it('keeps finding everything while it grows and empties', () => {
    const harness = new Harness();
    harness.create('/p');
    const count = 20_000;
    for (let index = 0; index < count; index++) harness.create(`/p/${String(index)}`);
    for (let index = 0; index < count; index += 3) harness.delete(`/p/${String(index)}`);
    for (let index = 0; index < count; index++) {
      if (harness.exists(`/p/${String(index)}`) !== (index % 3 !== 0)) {
        throw new Error(`wrong about ${String(index)}`);
      }
    }
    expect(harness.tree.nodeCount).toBe(5 + count - Math.ceil(count / 3));
  });
});
