/** A node without a vote promises nothing, and still keeps what it learns, whatever the machine does. */
import { expect, test } from 'vitest';
import { InconsistentDirectoryError } from '../../../src/storage/errors.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { appendDurably, openStorage, recordsOf } from './open.ts';

const asLearner = { asLearner: true } as const;

test('a learner keeps records of epochs that it never promised', async () => {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  const history = new History();
  storage.append(history.many(3), asLearner);
  storage.append(history.many(3, { epoch: 4 }), asLearner);
  await storage.close();
  const { recovered } = await openStorage(disk.powerLoss());
  expect(recovered.promise).toBeUndefined();
  expect(await recordsOf(recovered)).toHaveLength(6);
  expect(recovered.last).toEqual(history.end);
});

test('a voter does not: without its promise it does not start', async () => {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  expect(() => storage.append(new History().many(1))).toThrow('before it is promised');
  await storage.writePromise({ epoch: 1, leader: 1, incarnation: 'leader' });
  await appendDurably(storage, new History().many(1));
  await storage.close();
  for (const copy of ['promise.a', 'promise.b']) disk.lose(copy);
  await expect(openStorage(disk.kill())).rejects.toThrow(InconsistentDirectoryError);
});

test('that it is a learner is on the disk before the first record, wherever the machine stops', async () => {
  let n = 1;
  for (; ; n += 1) {
    const disk = new MemoryDisk({
      fault: ({ index }) => (index === n ? { type: 'crash' } : undefined),
    });
    const live = async (): Promise<void> => {
      const { storage } = await openStorage(disk);
      const history = new History();
      storage.append(history.many(2), asLearner);
      storage.append(history.many(2, { epoch: 2 }), asLearner);
      await storage.close();
    };
    await Promise.race([live(), disk.crashed]);
    if (!disk.isStopped) break;
    for (const after of [disk.powerLoss(), disk.powerLoss(() => 0.4), disk.kill()]) {
      const { storage, recovered } = await openStorage(after).catch((cause: unknown) => {
        throw new Error(`stopped at operation ${n}`, { cause });
      });
      expect(recovered.last.position.zxid).toBeLessThanOrEqual(4);
      await storage.close();
    }
  }
  expect(n).toBeGreaterThan(20);
});

test('a truncation while that is being written waits for it', async () => {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  const history = new History();
  storage.append(history.many(5), asLearner);
  await storage.truncateAfter(history.cut(2));
  storage.append(history.many(1), asLearner);
  await storage.close();
  const { recovered } = await openStorage(disk.powerLoss());
  expect(recovered.last).toEqual(history.end);
});
