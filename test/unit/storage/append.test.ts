/** One append is on its way to the disk, what comes meanwhile is the next batch, and an error is the end. */
import { describe, expect, test } from 'vitest';
import type { Storage } from '../../../src/storage/storage.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk, type DiskFault, type DiskOperation } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { appendDurably, hexOf, openStorage, recordsOf, somePromise } from './open.ts';

interface Observed {
  readonly storage: Storage;
  readonly disk: MemoryDisk;
  readonly durable: number[];
  readonly failures: Error[];
  /** Operations on log segments since the start. */
  readonly operations: DiskOperation[];
}

/** A storage on a disk whose faults are decided by `fault`, of which only log segments are asked about. */
async function observe(
  fault: (operation: DiskOperation) => DiskFault | undefined,
  options: { segmentBytes?: number; batchBytesMax?: number } = {},
): Promise<Observed> {
  const operations: DiskOperation[] = [];
  let isStarted = false;
  const disk = new MemoryDisk({
    random: seededRandom(1),
    fault: (operation) => {
      if (!isStarted || !operation.path.startsWith('log/0')) return undefined;
      operations.push(operation);
      return fault(operation);
    },
  });
  const { storage } = await openStorage(disk, { segmentBytes: 65_536, ...options });
  await storage.writePromise(somePromise);
  const durable: number[] = [];
  const failures: Error[] = [];
  storage.onDurable(({ zxid }) => durable.push(zxid));
  storage.onFailure((error) => failures.push(error));
  isStarted = true;
  return { storage, disk, durable, failures, operations };
}

/** Lets everything run that can run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
}

const stallSyncs = ({ kind }: DiskOperation): DiskFault | undefined =>
  kind === 'sync' ? { type: 'stall' } : undefined;

const syncs = (operations: readonly DiskOperation[]): number =>
  operations.filter(({ kind }) => kind === 'sync').length;

describe('group commit', () => {
  test('what is appended in one go is one batch and one sync', async () => {
    const { storage, durable, operations } = await observe(() => undefined);
    const history = new History();
    for (let count = 0; count < 10; count += 1) storage.append([history.next()]);
    await settle();
    expect(durable).toEqual([10]);
    expect(syncs(operations)).toBe(1);
  });

  test('one sync is on its way, and the batch behind it grows', async () => {
    const { storage, disk, durable, operations } = await observe(stallSyncs);
    const history = new History();
    storage.append([history.next()]);
    await settle();
    for (let count = 0; count < 50; count += 1) {
      storage.append([history.next()]);
      await settle();
    }
    expect(durable).toEqual([]);
    expect(syncs(operations)).toBe(1);
    disk.release();
    await settle();
    expect(durable).toEqual([1]);
    expect(syncs(operations)).toBe(2);
    disk.release();
    await settle();
    expect(durable).toEqual([1, 51]);
    await storage.close();
  });

  test('a batch is capped in bytes, but a longer record goes alone', async () => {
    const { storage, durable } = await observe(() => undefined, { batchBytesMax: 1000 });
    const history = new History();
    const sizes = [300, 300, 300, 300, 5000, 10];
    storage.append(sizes.map((bytes) => history.next({ bytes })));
    await settle();
    expect(durable).toEqual([3, 4, 5, 6]);
  });

  test('closing writes what is queued', async () => {
    const { storage, disk, durable } = await observe(() => undefined);
    const history = new History();
    storage.append(history.many(30));
    await storage.close();
    expect(durable.at(-1)).toBe(30);
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.last).toEqual(history.end);
  });

  test('records beyond the size of a segment are written all the same', async () => {
    const disk = new MemoryDisk();
    const { storage } = await openStorage(disk);
    await storage.writePromise(somePromise);
    const history = new History();
    await appendDurably(storage, [history.next({ bytes: 100_000 })]);
    await appendDurably(storage, history.many(2, { bytes: 3000 }));
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(hexOf(await recordsOf(recovered))).toBe(hexOf(history.records));
  });
});

describe('what is appended', () => {
  test('follows without a gap, and its epoch has been promised', async () => {
    const { storage } = await openStorage(new MemoryDisk());
    const history = new History();
    const first = history.next();
    expect(() => storage.append([first])).toThrow(/before it is promised/);
    await storage.writePromise(somePromise);
    await appendDurably(storage, [first]);
    history.next();
    expect(() => storage.append([history.next()])).toThrow(/zxid 3 appended after 1/);
    await storage.close();
  });
});

describe('an error of the disk', () => {
  const faults: readonly [string, (operation: DiskOperation) => DiskFault | undefined][] = [
    ['a write that fails', failing('write', { type: 'error', code: 'EIO' })],
    ['a write that is cut short', failing('write', { type: 'error', code: 'ENOSPC', written: 50 })],
    ['a sync that fails', failing('sync', { type: 'error', code: 'EIO' })],
  ];

  function failing(kind: string, fault: DiskFault) {
    return (operation: DiskOperation) => (operation.kind === kind ? fault : undefined);
  }

  test.each(faults)('%s is told once, and nothing is durable any more', async (_name, fault) => {
    let isBroken = false;
    const { storage, disk, durable, failures } = await observe((operation) =>
      isBroken ? fault(operation) : undefined,
    );
    const history = new History();
    storage.append(history.many(3));
    await settle();
    isBroken = true;
    storage.append(history.many(3));
    await settle();
    isBroken = false;
    storage.append(history.many(3));
    await settle();
    expect(failures).toHaveLength(1);
    expect(durable).toEqual([3]);
    const { recovered } = await openStorage(disk.powerLoss(seededRandom(2)));
    expect(recovered.last.position.zxid).toBeGreaterThanOrEqual(3);
    expect(recovered.last).toEqual(history.endAt(recovered.last.position.zxid));
  });

  test('so is an error of a listener, who might otherwise miss what is durable', async () => {
    const { storage, failures } = await observe(() => undefined);
    storage.onDurable(() => {
      throw new Error('a broken listener');
    });
    storage.append([new History().next()]);
    await settle();
    expect(failures.map(({ message }) => message)).toEqual(['a broken listener']);
  });

  test('a full disk is felt when the next segment is filled, not in the middle of one', async () => {
    const disk = new MemoryDisk({ capacityBytes: 40_000 });
    const { storage } = await openStorage(disk, { segmentBytes: 8192 });
    await storage.writePromise(somePromise);
    const history = new History();
    const failures: Error[] = [];
    let durable = 0;
    storage.onFailure((error) => failures.push(error));
    storage.onDurable(({ zxid }) => (durable = zxid));
    const warnings: boolean[] = [];
    for (let count = 0; count < 60; count += 1) {
      storage.append([history.next({ bytes: 500 })]);
      await settle();
      warnings.push(await storage.nearlyFull());
    }
    expect(warnings[0]).toBe(false);
    expect(failures).toMatchObject([{ code: 'ENOSPC' }]);
    expect(warnings.indexOf(true)).toBeLessThan(durable);
    const roomier = disk.powerLoss();
    const { recovered } = await openStorage(roomier, { segmentBytes: 8192 });
    expect(recovered.last).toEqual(history.endAt(durable));
  });

  test('a segment that cannot be prepared is told of at once, leaves its room, and is tried again', async () => {
    const room = { capacityBytes: 1_000_000 };
    const options = Object.defineProperty({}, 'capacityBytes', { get: () => room.capacityBytes });
    const disk = new MemoryDisk(options);
    const { storage } = await openStorage(disk, { segmentBytes: 8192 });
    await storage.writePromise(somePromise);
    await settle();
    const told: boolean[] = [];
    storage.onSpaceTaken(() => void storage.nearlyFull().then((full) => told.push(full)));
    const history = new History();
    room.capacityBytes -= (await disk.freeBytes()) - 100;
    while (told.length === 0) {
      storage.append([history.next({ bytes: 500 })]);
      await settle();
    }
    expect(told).toEqual([true]);
    expect(await disk.list('log')).not.toContain('spare');
    room.capacityBytes = 1_000_000;
    await storage.prepareAgain();
    await settle();
    expect(told).toEqual([true, false]);
    expect(await disk.list('log')).toContain('spare');
    await storage.close();
    expect(await disk.list('log')).not.toContain('spare');
  });

  test('a promise that cannot be written is an error, and the end of the log too', async () => {
    let isBroken = false;
    const disk = new MemoryDisk({
      fault: ({ kind, path }) =>
        isBroken && kind === 'sync' && path.startsWith('promise')
          ? { type: 'error', code: 'EIO' }
          : undefined,
    });
    const { storage } = await openStorage(disk);
    await storage.writePromise(somePromise);
    const failures: Error[] = [];
    const durable: number[] = [];
    storage.onFailure((error) => failures.push(error));
    storage.onDurable(({ zxid }) => durable.push(zxid));
    isBroken = true;
    await expect(storage.writePromise({ ...somePromise, epoch: 2 })).rejects.toMatchObject({
      code: 'EIO',
    });
    storage.append([new History().next()]);
    await settle();
    expect(failures).toHaveLength(1);
    expect(durable).toEqual([]);
    isBroken = false;
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.promise?.epoch).toBe(1);
  });
});
