/** The promise and the identity outlive the loss of one of their copies, and never go back. */
import { describe, expect, test } from 'vitest';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskOperation } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { appendDurably, openStorage, somePromise } from './open.ts';

async function promised(...epochs: readonly number[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  for (const epoch of epochs) await storage.writePromise({ ...somePromise, epoch });
  await storage.close();
  return disk.powerLoss();
}

describe('the promise', () => {
  test('is there as it was given', async () => {
    const { recovered } = await openStorage(await promised(3, 8));
    expect(recovered.promise).toEqual({ epoch: 8, leader: 1, incarnation: 'leader' });
    expect(recovered.alarms).toEqual([]);
  });

  test.each(['promise.a', 'promise.b'])('survives damage to %s, with an alarm', async (copy) => {
    const disk = await promised(3, 8);
    const { length } = disk.peek(copy);
    for (let offset = 0; offset < length; offset += 1) {
      const rotten = disk.powerLoss();
      rotten.flipBit(copy, offset, offset % 8);
      const { storage, recovered } = await openStorage(rotten);
      expect(recovered.promise?.epoch).toBe(8);
      expect(recovered.alarms).toEqual([
        `${copy} does not match its checksum; the other copy replaces it`,
      ]);
      await storage.close();
      expect((await openStorage(rotten.powerLoss())).recovered.alarms).toEqual([]);
    }
  });

  test('survives the loss of a copy, and has two again', async () => {
    const disk = await promised(3, 8);
    disk.lose('promise.a');
    const { storage, recovered } = await openStorage(disk);
    expect(recovered.promise?.epoch).toBe(8);
    await storage.close();
    const healed = disk.powerLoss();
    healed.lose('promise.b');
    expect((await openStorage(healed)).recovered.promise?.epoch).toBe(8);
  });

  test('of the newer copy counts, and is in both before anybody hears of it', async () => {
    const older = await promised(3);
    const newer = await promised(3, 8);
    older.poke('promise.b', newer.peek('promise.b'));
    const { storage, recovered } = await openStorage(older);
    expect(recovered.promise?.epoch).toBe(8);
    await storage.close();
    const healed = older.powerLoss();
    healed.lose('promise.b');
    expect((await openStorage(healed)).recovered.promise?.epoch).toBe(8);
  });

  test('damaged in both copies refuses to start', async () => {
    const disk = await promised(3);
    disk.flipBit('promise.a', 20);
    disk.flipBit('promise.b', 20);
    await expect(openStorage(disk)).rejects.toThrow(/neither copy of its promise file/);
  });

  test('lower than the epoch of the log refuses to start', async () => {
    const disk = new MemoryDisk();
    const { storage } = await openStorage(disk);
    await storage.writePromise({ ...somePromise, epoch: 5 });
    await appendDurably(storage, new History().many(1, { epoch: 5 }));
    await storage.close();
    const lower = await promised(4);
    for (const copy of ['promise.a', 'promise.b']) disk.poke(copy, lower.peek(copy));
    await expect(openStorage(disk.powerLoss())).rejects.toThrow(
      /its log is of epoch 5, its promise only of 4/,
    );
  });

  test('never gets lower', async () => {
    const { storage } = await openStorage(await promised(3));
    await expect(storage.writePromise({ ...somePromise, epoch: 2 })).rejects.toThrow(/never/);
    await storage.writePromise({ ...somePromise, epoch: 3, leader: 2 });
  });
});

describe('on a disk without room for another file', () => {
  const isNewFile = ({ kind, path }: DiskOperation): boolean =>
    kind === 'write' && path.endsWith('.tmp');
  const full = { type: 'error', code: 'ENOSPC', written: 7 } as const;

  test('the promise is written over its copies, and nothing else stays', async () => {
    const limited = (await promised(3)).powerLoss(undefined, {
      fault: (operation) => (isNewFile(operation) ? full : undefined),
    });
    const { storage } = await openStorage(limited);
    await storage.writePromise({ ...somePromise, epoch: 12_345 });
    await storage.writePromise({ ...somePromise, epoch: 12_345, leader: 2, incarnation: '' });
    const after = limited.powerLoss();
    expect((await after.list('')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const { recovered } = await openStorage(after);
    expect(recovered.promise).toEqual({ epoch: 12_345, leader: 2, incarnation: '' });
    expect(recovered.alarms).toEqual([]);
  });

  test.each([undefined, 'promise.a', 'promise.b'])(
    'the old promise or the new one is there whenever the power goes (damaged before: %s)',
    async (damaged) => {
      const outcomes = new Set<number | undefined>();
      const seeds = Array.from({ length: 6 }, (_, index) => index + 1);
      for (let crashAt = 1; ; crashAt += 1) {
        const crash = { isReached: false };
        for (const seed of seeds) {
          const disk = await promised(3);
          if (damaged !== undefined) disk.flipBit(damaged, 20);
          let written = 0;
          const limited = disk.powerLoss(undefined, {
            fault: (operation) => {
              if (isNewFile(operation)) return full;
              const isPromise = operation.path.startsWith('promise') && operation.kind !== 'read';
              if (!isPromise || operation.kind === 'remove' || ++written !== crashAt) return;
              crash.isReached = true;
              return { type: 'crash' };
            },
          });
          const write = { isDurable: false };
          const opened = openStorage(limited).then(async ({ storage }) => {
            await storage.writePromise({ ...somePromise, epoch: 8 });
            write.isDurable = true;
          });
          await Promise.race([opened, limited.crashed]);
          const { recovered } = await openStorage(limited.powerLoss(seededRandom(seed)));
          expect(write.isDurable ? [8] : [3, 8]).toContain(recovered.promise?.epoch);
          outcomes.add(recovered.promise?.epoch);
        }
        if (!crash.isReached) break;
      }
      expect(outcomes).toEqual(new Set([3, 8]));
    },
  );

  test('a first promise has no place, and says so', async () => {
    const disk = new MemoryDisk({
      fault: (operation) =>
        isNewFile(operation) && operation.path.startsWith('promise') ? full : undefined,
    });
    const { storage } = await openStorage(disk);
    await expect(storage.writePromise(somePromise)).rejects.toThrow(/ENOSPC/);
  });
});

test('the identity survives the loss of a copy too', async () => {
  const disk = await promised(1);
  const before = (await openStorage(disk)).recovered.identity;
  const rotten = disk.powerLoss();
  rotten.flipBit('identity.b', 15);
  const { recovered } = await openStorage(rotten);
  expect(recovered.identity).toEqual(before);
  expect(recovered.alarms).toHaveLength(1);
});

test('a directory has one holder at a time', async () => {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  await expect(openStorage(disk)).rejects.toThrow(/in use by/);
  await appendDurably((await storage.writePromise(somePromise), storage), new History().many(1));
  await storage.close();
});
