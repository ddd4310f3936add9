/** The log is read from any position on while it is being written, cut and purged. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptionError } from '../../../src/storage/errors.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import type { LogPosition, LogRecord } from '../../../src/zab/types.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { appendDurably, chunksOf, hexOf, openStorage } from './open.ts';

async function setUp(
  sizes: readonly number[] = [5, 1, 9, 3, 12, 2],
): Promise<{ disk: MemoryDisk; storage: Storage; history: History }> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise({ epoch: 9, leader: 1, incarnation: 'leader' });
  const history = new History();
  for (const [index, size] of sizes.entries()) {
    await appendDurably(storage, history.many(size, { epoch: 1 + Math.floor(index / 3) }));
  }
  return { disk, storage, history };
}

async function readAll(
  storage: Storage,
  after: LogPosition,
  bytesMax: number,
): Promise<readonly LogRecord[] | 'gone'> {
  const cursor = storage.readAfter(after);
  const all: LogRecord[] = [];
  for (;;) {
    const piece = await cursor.next(bytesMax);
    if (piece === 'gone') return 'gone';
    expect(piece.previous.position).toEqual(
      all.length === 0 ? after : { epoch: all.at(-1)?.epoch, zxid: all.at(-1)?.zxid },
    );
    if (piece.records.length === 0) break;
    all.push(...piece.records);
  }
  await cursor.close();
  return all;
}

describe('a cursor on the log', () => {
  test('reads all that follows any position, in pieces of any size', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.integer({ min: 1, max: 3000 }), async (all, at, max) => {
        const { storage, history } = await setUp(all);
        const zxid = at % (history.records.length + 1);
        const read = await readAll(storage, history.endAt(zxid).position, max);
        expect(read).not.toBe('gone');
        if (read === 'gone') return;
        expect(hexOf(read)).toBe(hexOf(history.records.slice(zxid)));
      }),
      { numRuns: 60 },
    );
  });

  test('tells the chain at the position it begins from', async () => {
    const { storage, history } = await setUp();
    for (let zxid = 0; zxid < history.records.length; zxid += 1) {
      const piece = await storage.readAfter(history.endAt(zxid).position).next(1);
      expect(piece).toMatchObject({ previous: history.endAt(zxid) });
      expect(piece === 'gone' ? 0 : piece.records.length).toBe(1);
    }
  });

  test('goes on with what has been appended since, also in the same segment and in new ones', async () => {
    const { storage, history } = await setUp([3]);
    const cursor = storage.readAfter(history.endAt(1).position);
    const read: LogRecord[] = [];
    for (let round = 0; round < 30; round += 1) {
      const piece = await cursor.next(10_000);
      if (piece === 'gone') throw new Error('it is all there');
      read.push(...piece.records);
      await appendDurably(storage, history.many(1 + (round % 4)));
    }
    const last = await cursor.next(10_000);
    if (last !== 'gone') read.push(...last.records);
    expect(hexOf(read)).toBe(hexOf(history.records.slice(1)));
    await cursor.close();
  });

  test('never shows what is not durable yet', async () => {
    const stall = { on: false };
    const disk = new MemoryDisk({
      fault: ({ kind, path }) =>
        stall.on && kind === 'sync' && path.startsWith('log/') ? { type: 'stall' } : undefined,
    });
    const { storage } = await openStorage(disk, { segmentBytes: 4096 });
    await storage.writePromise({ epoch: 1, leader: 1, incarnation: 'leader' });
    const history = new History();
    await appendDurably(storage, history.many(3));
    stall.on = true;
    storage.append(history.many(2));
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    const cursor = storage.readAfter(history.endAt(0).position);
    expect(await cursor.next(10_000)).toMatchObject({ records: { length: 3 } });
    expect(await cursor.next(10_000)).toMatchObject({ records: [] });
    stall.on = false;
    disk.release();
    await appendDurably(storage, history.many(1));
    expect(await cursor.next(10_000)).toMatchObject({ records: { length: 3 } });
  });

  test('says that the log no longer reaches back, or has another record there', async () => {
    const { storage, history } = await setUp();
    await storage.snapshot(history.endAt(28), chunksOf('state'));
    expect(storage.oldestRecord).toBeGreaterThan(10);
    expect(await storage.readAfter(history.endAt(3).position).next(10)).toBe('gone');
    const other = { epoch: 7, zxid: 30 };
    expect(await storage.readAfter(other).next(10)).toBe('gone');
  });

  test('keeps what it still needs, as long as somebody says so', async () => {
    const { storage, history } = await setUp();
    const release = storage.keep({ recordsFrom: 4 });
    await storage.snapshot(history.endAt(28), chunksOf('state'));
    expect(storage.oldestRecord).toBeLessThanOrEqual(4);
    expect(await readAll(storage, history.endAt(3).position, 500)).toHaveLength(29);
    release();
    await storage.snapshot(history.endAt(30), chunksOf('state'));
    expect(storage.oldestRecord).toBeGreaterThan(4);
  });

  test('finds damage, and names it', async () => {
    const { disk, storage, history } = await setUp();
    disk.flipBit('log/0000000000000001.log', 150);
    const read = storage.readAfter(history.endAt(0).position).next(100_000);
    await expect(read).rejects.toThrow(CorruptionError);
  });

  test('that is closed while it reads completes the read first', async () => {
    const { disk, storage, history } = await setUp();
    const cursor = storage.readAfter(history.endAt(0).position);
    const reading = cursor.next(100_000);
    await cursor.close();
    expect(await reading).toMatchObject({ records: { length: 32 } });
    const before = disk.operations;
    await cursor.close();
    expect(disk.operations).toBe(before);
  });
});

test('of the snapshots one that is being sent stays', async () => {
  const { disk, storage, history } = await setUp();
  await storage.snapshot(history.endAt(5), chunksOf('five'));
  const sending = await storage.openSnapshot(5);
  for (const zxid of [10, 15, 20, 25]) {
    await storage.snapshot(history.endAt(zxid), chunksOf(`at ${zxid}`));
  }
  const names = await disk.list('snapshots');
  expect(names[0]).toBe('0000000000000005.snapshot');
  expect((await sending.read(0, 10_000)).length).toBe(sending.bytes);
  await sending.close();
  await sending.close();
  await storage.snapshot(history.endAt(30), chunksOf('thirty'));
  expect((await disk.list('snapshots'))[0]).not.toBe('0000000000000005.snapshot');
});
