import { describe, expect, it } from 'vitest';
import { IdempotencyTable } from '../../../src/replica/idempotency.ts';

const limits = { idempotencyKeysMax: 3, idempotencyBytesMax: 10_000 };

function remember(table: IdempotencyTable, zxid: number, key: string, bytes = 10): void {
  table.remember(zxid, { key, fingerprint: `f${String(zxid)}`, result: new Uint8Array(bytes) });
}

describe('remembered answers', () => {
  it('forgets the oldest beyond the number of keys', () => {
    const table = new IdempotencyTable(limits);
    ['a', 'b', 'c', 'd'].forEach((key, index) => remember(table, index + 1, key));
    expect(table.get('a')).toBeUndefined();
    expect(table.get('b')).toMatchObject({ fingerprint: 'f2', zxid: 2 });
    expect(table.size).toBe(3);
  });

  it('forgets the oldest beyond the bytes', () => {
    const table = new IdempotencyTable({ idempotencyKeysMax: 100, idempotencyBytesMax: 3000 });
    ['a', 'b', 'c'].forEach((key, index) => remember(table, index + 1, key, 1000));
    expect([...table.entries()].map(([key]) => key)).toEqual(['b', 'c']);
  });

  it('counts a key that is used again as young, once', () => {
    const table = new IdempotencyTable(limits);
    ['a', 'b', 'c', 'a', 'd'].forEach((key, index) => remember(table, index + 1, key));
    expect([...table.entries()].map(([key]) => key)).toEqual(['c', 'a', 'd']);
    expect(table.get('a')?.zxid).toBe(4);
  });
});
