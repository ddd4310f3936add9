/**
 * A process ends, the machine goes on: what the next process reads may stand in the memory of the kernel
 * alone. Whatever it has read and counts as durable must be there after a power loss too.
 */
import { expect, test } from 'vitest';
import { History } from '../../support/history.ts';
import { MemoryDisk, type DiskFault, type DiskOperation } from '../../support/memory-disk.ts';
import { appendDurably, openStorage, recordsOf, somePromise } from './open.ts';

type Fault = (operation: DiskOperation) => DiskFault | undefined;

/** A storage whose `history` is durable, and then the fault comes over the next append. */
async function appendUnder(history: History, fault: Fault): Promise<MemoryDisk> {
  let isArmed = false;
  const disk = new MemoryDisk({
    random: () => 0.9,
    fault: (operation) => (isArmed ? fault(operation) : undefined),
  });
  const { storage } = await openStorage(disk);
  await storage.writePromise(somePromise);
  await appendDurably(storage, history.many(3));
  isArmed = true;
  const failed = new Promise<void>((resolve) => storage.onFailure(() => resolve()));
  storage.append(history.many(2));
  await Promise.race([failed, disk.crashed]);
  return disk;
}

/** A process reads the disk and ends at once; then the power goes. @returns what both have found */
async function readThenLosePower(disk: MemoryDisk): Promise<{ read: number; left: number }> {
  const next = disk.kill();
  const { recovered } = await openStorage(next);
  const { recovered: afterwards } = await openStorage(next.powerLoss());
  const records = await recordsOf(afterwards);
  expect(records.length).toBe(afterwards.last.position.zxid);
  return { read: recovered.last.position.zxid, left: records.length };
}

test('a batch whose writer was killed before its sync is durable once it was read', async () => {
  const disk = await appendUnder(new History(), ({ kind, path }) =>
    kind === 'sync' && path.endsWith('.log') ? { type: 'crash' } : undefined,
  );
  expect(await readThenLosePower(disk)).toEqual({ read: 5, left: 5 });
});

test('a batch whose sync has failed is written again before it counts', async () => {
  const disk = await appendUnder(new History(), ({ kind, path }) =>
    kind === 'sync' && path.endsWith('.log') ? { type: 'error', code: 'EIO' } : undefined,
  );
  expect(await readThenLosePower(disk)).toEqual({ read: 5, left: 5 });
});

test('the name of a segment whose writer was killed before it was synced is durable once it was read', async () => {
  const history = new History();
  let isKilled = false;
  const disk = new MemoryDisk({
    fault: ({ kind, path }) => {
      isKilled = kind === 'rename' && path === 'log/spare';
      return isKilled ? { type: 'crash' } : undefined;
    },
  });
  await Promise.race([openStorage(disk), disk.crashed]);
  expect(isKilled).toBe(true);
  const next = disk.kill();
  const { storage } = await openStorage(next);
  await storage.writePromise(somePromise);
  await appendDurably(storage, history.many(3));
  const { recovered } = await openStorage(next.powerLoss());
  expect(await recordsOf(recovered)).toHaveLength(3);
});
