import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BytePool } from '../../../src/tree/byte-pool.ts';

interface Kept {
  readonly handle: number;
  readonly content: Uint8Array;
}

const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 70_000 }) },
);

describe('the byte pool', () => {
  it('keeps every value apart from all others while they come and go', () => {
    const steps = fc.array(fc.record({ length, drop: fc.nat({ max: 20 }) }), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (program) => {
        const pool = new BytePool();
        const kept: Kept[] = [];
        for (const [index, step] of program.entries()) {
          const content = new Uint8Array(step.length).fill(index + 1);
          kept.push({ handle: pool.store(content), content });
          const [dropped] = step.drop < 10 ? kept.splice(step.drop % kept.length, 1) : [];
          if (dropped) pool.free(dropped.handle, dropped.content.length);
        }
        for (const { handle, content } of kept) {
          expect(Buffer.compare(pool.copy(handle, content.length), content)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('uses memory again', () => {
    const pool = new BytePool();
    const first = pool.allocate(100);
    pool.free(first, 100);
    expect(pool.allocate(101)).toBe(first);
    const large = pool.allocate(100_000);
    pool.free(large, 100_000);
    expect(pool.allocate(90_000)).toBe(large);
  });

  it('gives pages of one size to another when they are empty', () => {
    const pool = new BytePool();
    const handles = Array.from({ length: 400 }, () => pool.allocate(60_000));
    const pages = Math.max(...handles) >>> 17;
    for (const handle of handles) pool.free(handle, 60_000);
    const others = Array.from({ length: 300 }, () => pool.allocate(50_000));
    expect(Math.max(...others) >>> 17).toBeLessThanOrEqual(pages);
  });

  it('knows when a value fits in the place of another', () => {
    const pool = new BytePool();
    expect(pool.sameSlot(97, 104)).toBe(true);
    expect(pool.sameSlot(104, 105)).toBe(false);
    expect(pool.sameSlot(0, 1)).toBe(false);
    expect(pool.sameSlot(0, 0)).toBe(true);
    expect(pool.sameSlot(70_000, 70_000)).toBe(false);
  });

  it('has slots that waste at most an eighth', () => {
    const pool = new BytePool();
    for (let size = 64; size <= 65_536; size = Math.ceil(size * 1.07)) {
      let widest = size;
      while (widest < 65_536 && pool.sameSlot(size, widest + 1)) widest += 1;
      expect(widest - size).toBeLessThanOrEqual(Math.max(7, size / 8));
    }
  });

  it('refuses a handle freed with a length of another slot', () => {
    const pool = new BytePool();
    const handle = pool.allocate(10);
    expect(() => {
      pool.free(handle, 100);
    }).toThrow('freed with another length');
  });
});
