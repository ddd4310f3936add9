/** After a truncation the log ends exactly where it was cut, and nothing of what was cut comes back. */
import { describe, expect, test } from 'vitest';
import type { Storage } from '../../../src/storage/storage.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk, type MemoryDiskOptions } from '../../support/memory-disk.ts';
import { appendDurably, chunksOf, hexOf, openStorage, recordsOf, somePromise } from './open.ts';

async function setUp(
  options: MemoryDiskOptions = {},
): Promise<{ disk: MemoryDisk; storage: Storage; history: History; durable: number[] }> {
  const disk = new MemoryDisk(options);
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise({ ...somePromise, epoch: 2 });
  const history = new History();
  const durable: number[] = [];
  for (let count = 0; count < 6; count += 1) await appendDurably(storage, history.many(5));
  storage.onDurable(({ zxid }) => durable.push(zxid));
  return { disk, storage, history, durable };
}

const firstsOf = async (disk: MemoryDisk): Promise<readonly number[]> =>
  (await disk.list('log'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => parseInt(name, 10));

describe('a truncation', () => {
  test('at any record ends the log exactly there; what is appended then is read back', async () => {
    for (let zxid = 0; zxid <= 30; zxid += 1) {
      const { disk, storage, history } = await setUp();
      const cut = history.cut(zxid);
      await storage.truncateAfter(cut);
      const found = await openStorage(disk.powerLoss());
      expect(found.recovered.last).toEqual(history.end);
      expect(found.recovered.alarms).toEqual([]);
      await found.storage.close();
    }
    for (let zxid = 0; zxid <= 30; zxid += 1) {
      const { disk, storage, history } = await setUp();
      await storage.truncateAfter(history.cut(zxid));
      await appendDurably(storage, history.many(7, { epoch: 2 }));
      const { recovered } = await openStorage(disk.powerLoss());
      expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
      expect(recovered.last).toEqual(history.end);
    }
  });

  test('lets appends follow at once, before it is done', async () => {
    const { storage, disk, history, durable } = await setUp();
    storage.append(history.many(3));
    const cutting = storage.truncateAfter(history.cut(12));
    await appendDurably(storage, history.many(2, { epoch: 2 }));
    await cutting;
    expect(durable.filter((zxid) => zxid > 14)).toEqual([]);
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
  });

  test('of what is only queued touches no file', async () => {
    let isStalled = false;
    const { storage, disk, history, durable } = await setUp({
      fault: ({ kind }) => (isStalled && kind === 'sync' ? { type: 'stall' } : undefined),
    });
    isStalled = true;
    storage.append([history.next()]);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    storage.append(history.many(5));
    await storage.truncateAfter(history.cut(33));
    storage.append(history.many(1, { epoch: 2 }));
    isStalled = false;
    disk.release();
    await storage.close();
    expect(durable).toEqual([31, 34]);
    const { recovered } = await openStorage(disk.powerLoss());
    expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
  });

  test('reports nothing that it cuts, though it was on its way', async () => {
    let isStalled = false;
    const { storage, disk, history, durable } = await setUp({
      fault: ({ kind }) => (isStalled && kind === 'sync' ? { type: 'stall' } : undefined),
    });
    isStalled = true;
    storage.append(history.many(4));
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    const cutting = storage.truncateAfter(history.cut(32));
    isStalled = false;
    disk.release();
    await cutting;
    expect(durable).toEqual([32]);
    await storage.close();
  });

  test('of a position that is not in the log is refused', async () => {
    for (const position of [
      { epoch: 2, zxid: 12 },
      { epoch: 1, zxid: 31 },
    ]) {
      const { storage, disk } = await setUp();
      const before = await firstsOf(disk);
      await expect(storage.truncateAfter(position)).rejects.toThrow(/the log/);
      expect(await firstsOf(disk)).toEqual(before);
    }
  });

  test('never goes below a snapshot, but to it', async () => {
    const { storage, disk, history } = await setUp();
    await storage.snapshot(history.endAt(20), chunksOf('state'));
    await expect(storage.truncateAfter(history.endAt(19).position)).rejects.toThrow(/snapshot/);
    await storage.truncateAfter(history.cut(20));
    await appendDurably(storage, history.many(2, { epoch: 2 }));
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.last).toEqual(history.end);
    expect(recovered.snapshot?.position.zxid).toBe(20);
  });

  test('that fails ends the log: a node with two ends must not go on', async () => {
    let isBroken = false;
    const { storage, disk, history } = await setUp({
      fault: ({ kind }) =>
        isBroken && kind === 'rename' ? { type: 'error', code: 'EIO' } : undefined,
    });
    const failures: Error[] = [];
    storage.onFailure((error) => failures.push(error));
    isBroken = true;
    const before = [...history.records];
    await expect(storage.truncateAfter(history.cut(17))).rejects.toMatchObject({ code: 'EIO' });
    expect(failures).toHaveLength(1);
    isBroken = false;
    const { recovered } = await openStorage(disk.powerLoss());
    const found = await recordsOf(recovered);
    expect(found.length).toBeGreaterThanOrEqual(17);
    expect(hexOf(found)).toBe(hexOf(before.slice(0, found.length)));
  });
});

describe('truncations that follow one another at once', () => {
  test('end where the last one says, with what was appended behind each', async () => {
    for (const [first, second] of [
      [25, 10],
      [12, 12],
      [25, 24],
      [28, 0],
    ] as const) {
      const { disk, storage, history, durable } = await setUp();
      const cutting = storage.truncateAfter(history.cut(first));
      storage.append(history.many(3, { epoch: 2 }));
      const cuttingAgain = storage.truncateAfter(history.cut(second));
      storage.append(history.many(2, { epoch: 2 }));
      await Promise.all([cutting, cuttingAgain]);
      await appendDurably(storage, history.many(1, { epoch: 2 }));
      expect(Math.max(...durable)).toBe(second + 3);
      await storage.close();
      const { recovered } = await openStorage(disk.powerLoss());
      expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
    }
  });

  test('and one that only concerns what waits behind another leaves that one as it is', async () => {
    const { disk, storage, history } = await setUp();
    const cutting = storage.truncateAfter(history.cut(20));
    storage.append(history.many(5, { epoch: 2 }));
    await storage.truncateAfter(history.cut(22));
    await cutting;
    await appendDurably(storage, history.many(1, { epoch: 2 }));
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.last).toEqual(history.end);
    expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
  });
});
