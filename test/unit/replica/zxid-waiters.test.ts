import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pending } from '../../../src/replica/stream.ts';
import { ZxidWaiters } from '../../../src/replica/zxid-waiters.ts';

function pending(id: number, deadlineMs = 1000): Pending {
  const made = new Pending(
    { type: 'request', stream: 0, id, operation: { type: 'ping' } },
    undefined,
  );
  made.deadlineMs = deadlineMs;
  return made;
}

function ids(taken: readonly Pending[]): number[] {
  return taken.map(({ message }) => message.id);
}

describe('waiting for a zxid', () => {
  it('releases in the order of the zxid, then of arrival', () => {
    const waiters = new ZxidWaiters();
    [7, 3, 5, 3].forEach((zxid, index) => waiters.add(zxid, pending(index)));
    expect(ids(waiters.takeUpTo(2))).toEqual([]);
    expect(ids(waiters.takeUpTo(5))).toEqual([1, 3, 2]);
    expect(waiters.size).toBe(1);
  });

  it('gives up those whose deadline has come, and only those', () => {
    const waiters = new ZxidWaiters();
    waiters.add(9, pending(1, 100));
    waiters.add(9, pending(2, 200));
    expect(waiters.takeOverdue(100)).toMatchObject([{ zxid: 9, pending: { message: { id: 1 } } }]);
    expect(ids(waiters.takeUpTo(9))).toEqual([2]);
  });

  it('loses and invents nobody (against a sorted list)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 })),
        fc.integer({ min: 0, max: 21 }),
        (zxids, upTo) => {
          const waiters = new ZxidWaiters();
          zxids.forEach((zxid, index) => waiters.add(zxid, pending(index)));
          const expected = zxids
            .map((zxid, index) => ({ zxid, index }))
            .filter(({ zxid }) => zxid <= upTo)
            .sort((a, b) => a.zxid - b.zxid || a.index - b.index)
            .map(({ index }) => index);
          expect(ids(waiters.takeUpTo(upTo))).toEqual(expected);
          expect(waiters.size).toBe(zxids.length - expected.length);
        },
      ),
    );
  });
});
