import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../../src/protocol/model.ts';
import { ownerOf } from '../../../src/replica/caller.ts';
import { IdempotencyTable } from '../../../src/replica/idempotency.ts';

const limits = {
  idempotencyKeysMax: 3,
  idempotencyKeysPerOwnerMax: 10,
  idempotencyBytesMax: 10_000,
};

/** The owner is the key's first letter. */
function remember(table: IdempotencyTable, zxid: number, key: string, bytes = 10): void {
  const [owner = ''] = key;
  const result = new Uint8Array(bytes);
  table.remember(zxid, { key, owner, fingerprint: `f${String(zxid)}`, result });
}

function keysOf(table: IdempotencyTable): string[] {
  return table.entries().map(([key]) => key);
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
    const table = new IdempotencyTable({
      ...{ idempotencyKeysMax: 100, idempotencyKeysPerOwnerMax: 100, idempotencyBytesMax: 3000 },
    });
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

describe('the share of an owner', () => {
  const room = { idempotencyKeysMax: 100, idempotencyBytesMax: 1_000_000 };

  it('is so many keys; beyond it the owner loses its oldest', () => {
    const table = new IdempotencyTable({ ...room, idempotencyKeysPerOwnerMax: 2 });
    ['b1', 'a1', 'a2', 'a3', 'b2'].forEach((key, index) => remember(table, index + 1, key));
    expect(keysOf(table)).toEqual(['b1', 'a2', 'a3', 'b2']);
    expect([table.size, table.owners, table.largestShare]).toEqual([4, 2, 2]);
  });

  it('is what the one who takes the most gives away from when all is full, never the others', () => {
    const table = new IdempotencyTable({ ...limits, idempotencyKeysMax: 10 });
    const others = ['b1', 'b2', 'c1'];
    others.forEach((key, index) => remember(table, index + 1, key));
    for (let index = 0; index < 1000; index++) remember(table, 10 + index, `a${String(index)}`);
    expect(keysOf(table).slice(0, 3)).toEqual(others);
    expect(keysOf(table).slice(3)).toEqual([993, 994, 995, 996, 997, 998, 999].map((n) => `a${n}`));
  });

  it('counts bytes: a few large answers give way before many small ones of others', () => {
    const table = new IdempotencyTable({
      ...{ idempotencyKeysMax: 100, idempotencyKeysPerOwnerMax: 100, idempotencyBytesMax: 10_000 },
    });
    for (let index = 0; index < 10; index++) remember(table, 1 + index, `b${String(index)}`);
    for (let index = 0; index < 5; index++) remember(table, 20 + index, `a${String(index)}`, 3000);
    expect(keysOf(table).filter((key) => key.startsWith('b'))).toHaveLength(10);
    expect(keysOf(table).at(-1)).toBe('a4');
  });

  it('is the same on a node that began from a snapshot', () => {
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat({ max: 30 }), fc.nat(400));
    const steps = fc.array(step, { maxLength: 80 });
    const few = {
      ...{ idempotencyKeysMax: 8, idempotencyKeysPerOwnerMax: 5, idempotencyBytesMax: 3000 },
    };
    fc.assert(
      fc.property(steps, fc.nat({ max: 80 }), (all, cut) => {
        const one = new IdempotencyTable(few);
        let other = new IdempotencyTable(few);
        for (const [index, [owner, number, bytes]] of all.entries()) {
          if (index === cut) {
            other = new IdempotencyTable(few);
            for (const [key, { zxid, ...answer }] of one.entries()) {
              other.remember(zxid, { key, ...answer });
            }
          }
          const key = `${owner}${String(number)}`;
          for (const table of [one, other]) remember(table, index + 1, key, bytes);
          expect(keysOf(other)).toEqual(keysOf(one));
          expect(one.size).toBeLessThanOrEqual(8);
          const shares = new Map<string, number>();
          for (const [, answer] of one.entries()) {
            shares.set(answer.owner, (shares.get(answer.owner) ?? 0) + 1);
          }
          expect(one.owners).toBe(shares.size);
          for (const count of shares.values()) expect(count).toBeLessThanOrEqual(5);
        }
      }),
    );
  });
});

describe('the owner of a key', () => {
  const ip = { scheme: 'ip', id: '10.0.0.1' };
  const ann = { scheme: 'digest', id: 'ann:x' };

  it('is the session, else the first identity that was proved, else the address', () => {
    const owner = (identities: readonly Identity[], session = 0): string =>
      ownerOf({ identities, session });
    expect(owner([ip, ann], 7)).toBe(owner([], 7));
    expect(owner([ip, ann], 7)).not.toBe(owner([ip, ann], 8));
    expect(owner([ip, ann])).toBe(owner([{ scheme: 'ip', id: '10.0.0.2' }, ann]));
    expect(owner([ip, ann])).not.toBe(owner([ip]));
    expect(owner([ip])).not.toBe(owner([{ scheme: 'ip', id: '10.0.0.2' }]));
    expect(owner([ip, ann])).not.toContain('ann');
  });
});
