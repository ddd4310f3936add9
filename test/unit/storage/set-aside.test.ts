/** A damaged log of a member of an ensemble: set aside, never deleted, and known to be missing ever after. */
import { describe, expect, test } from 'vitest';
import { CorruptionError, InconsistentDirectoryError } from '../../../src/storage/errors.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { aftermaths } from './life.ts';
import { appendDurably, chunksOf, openStorage, recordsOf, somePromise } from './open.ts';

const firstSegment = 'log/0000000000000001.log';
const setAside = { onDamage: 'set-aside' } as const;

/** Several segments and a snapshot. */
async function used(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  await storage.writePromise(somePromise);
  await storage.setClusterId('cluster');
  const history = new History();
  for (let batch = 0; batch < 8; batch += 1) await appendDurably(storage, history.many(6));
  await storage.snapshot(history.endAt(10), chunksOf('state'));
  await storage.close();
  return disk.kill();
}

async function damaged(): Promise<MemoryDisk> {
  const disk = await used();
  disk.flipBit(firstSegment, 200);
  return disk;
}

const filesOf = async (disk: MemoryDisk): Promise<readonly string[]> => [
  ...(await disk.list('log')),
  ...(await disk.list('snapshots')),
];

describe('a damaged log', () => {
  test('is refused, and nothing changes, unless an ensemble has it all', async () => {
    const disk = await damaged();
    const before = await filesOf(disk);
    await expect(openStorage(disk)).rejects.toThrow(CorruptionError);
    expect(await filesOf(disk)).toEqual(before);
  });

  test('is renamed with the snapshots, and the node begins with nothing and says so', async () => {
    const disk = await damaged();
    const before = (await filesOf(disk)).filter((name) => /\.(log|snapshot)$/.test(name));
    const { storage, recovered } = await openStorage(disk, setAside);
    expect(recovered).toMatchObject({ recovering: true, promise: somePromise });
    expect(recovered.identity.clusterId).toBe('cluster');
    expect(recovered.last.position.zxid).toBe(0);
    expect(recovered.snapshot).toBeUndefined();
    expect(recovered.alarms[0]).toContain('is damaged at offset');
    expect(recovered.alarms[0]).toContain('neither votes nor counts');
    const aside = (await filesOf(disk)).filter((name) => name.endsWith('.aside-1'));
    expect(aside).toEqual(before.map((name) => `${name}.aside-1`));
    await storage.close();
  });

  test('stays known to be missing until a leader has given it back', async () => {
    const disk = await damaged();
    const { storage } = await openStorage(disk, setAside);
    const history = new History();
    await appendDurably(storage, history.many(5));
    await storage.close();
    const again = await openStorage(disk.kill(), setAside);
    expect(again.recovered.recovering).toBe(true);
    expect(await recordsOf(again.recovered)).toHaveLength(5);
    await again.storage.recovered();
    await again.storage.recovered();
    await again.storage.close();
    const whole = await openStorage(disk.kill(), setAside);
    expect(whole.recovered.recovering).toBe(false);
    expect(whole.recovered.alarms).toEqual([]);
  });

  test('is set aside a second time beside the first', async () => {
    const disk = await damaged();
    const { storage } = await openStorage(disk, setAside);
    await appendDurably(storage, new History().many(40));
    await storage.close();
    disk.flipBit(firstSegment, 200);
    const again = await openStorage(disk.kill(), setAside);
    expect(again.recovered.recovering).toBe(true);
    const names = await filesOf(disk.kill());
    expect(names).toContain('0000000000000001.log.aside-1');
    expect(names).toContain('0000000000000001.log.aside-2');
  });

  test.each([
    ['a missing log', (disk: MemoryDisk) => removeAll(disk, 'log')],
    ['a log that lacks its beginning', (disk: MemoryDisk) => loseFirst(disk)],
  ])('may be %s too', async (_name, damage) => {
    const disk = await used();
    await damage(disk);
    await expect(openStorage(disk.fork())).rejects.toThrow(InconsistentDirectoryError);
    const { recovered } = await openStorage(disk, setAside);
    expect(recovered.recovering).toBe(true);
    expect(recovered.last.position.zxid).toBe(0);
  });

  test('without a promise is refused: who knows whom this node has helped?', async () => {
    const disk = await damaged();
    disk.lose('promise.a');
    disk.lose('promise.b');
    await expect(openStorage(disk, setAside)).rejects.toThrow('is damaged at offset');
    expect((await filesOf(disk)).some((name) => name.includes('aside'))).toBe(false);
  });

  test('whose promise is behind it is refused: that promise is not the last one', async () => {
    const disk = await used();
    const { storage, recovered } = await openStorage(disk);
    const end = recovered.last;
    const old = ['promise.a', 'promise.b'].map((path) => [path, disk.peek(path)] as const);
    await storage.writePromise({ ...somePromise, epoch: 4 });
    const history = new History(end);
    await appendDurably(storage, history.many(1, { epoch: 4 }));
    await storage.close();
    for (const [path, bytes] of old) disk.poke(path, bytes);
    await expect(openStorage(disk.kill(), setAside)).rejects.toThrow('its promise only of 1');
  });

  test('is set aside whole or known to be missing, wherever the machine stops', async () => {
    let n = 1;
    for (; ; n += 1) {
      const start = await damaged();
      const disk = start.fork({
        fault: ({ index }) => (index === n ? { type: 'crash' } : undefined),
      });
      await Promise.race([openStorage(disk, setAside), disk.crashed]);
      if (!disk.isStopped) break;
      for (const [name, after] of aftermaths(disk, n)) {
        const { recovered, storage } = await openStorage(after, setAside).catch(
          (cause: unknown) => {
            throw new Error(`stopped at operation ${n}, ${name}`, { cause });
          },
        );
        expect(recovered.recovering, `${n}, ${name}`).toBe(true);
        await storage.close();
      }
    }
    expect(n).toBeGreaterThan(50);
  }, 60_000);
});

describe('a state that is condemned', () => {
  test('is set aside at the next start, whole as its files are', async () => {
    const disk = await used();
    const { storage } = await openStorage(disk);
    await storage.condemn();
    await storage.close();
    const { recovered, storage: next } = await openStorage(disk.kill(), setAside);
    expect(recovered.recovering).toBe(true);
    expect(recovered.last.position.zxid).toBe(0);
    expect(recovered.alarms[0]).toContain('was not what the quorum held');
    await next.recovered();
    await next.close();
    const again = await openStorage(disk.kill(), setAside);
    expect(again.recovered.recovering).toBe(false);
    expect(again.recovered.alarms).toEqual([]);
  });
});

async function removeAll(disk: MemoryDisk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) disk.lose(`${directory}/${name}`);
}

function loseFirst(disk: MemoryDisk): Promise<void> {
  disk.lose(firstSegment);
  return Promise.resolve();
}
