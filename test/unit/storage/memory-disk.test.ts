/** The disk in memory passes the suite of every disk, and loses exactly what a real one may lose. */
import { describe, expect, test } from 'vitest';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { describeDisk } from './disk-suite.ts';

describeDisk('a disk in memory', async () => {
  const disk = new MemoryDisk();
  return { disk, again: async () => disk };
});

const text = (disk: MemoryDisk, path: string): string => new TextDecoder().decode(disk.peek(path));

describe('a power loss', () => {
  test('keeps synced bytes under synced names, and nothing else', async () => {
    const disk = new MemoryDisk();
    for (const name of ['kept', 'unnamed']) {
      const file = await disk.open(name, 'create');
      await file.write(0, Buffer.from('synced'));
      await file.sync();
      await file.write(0, Buffer.from('UNSYNC'));
      if (name === 'kept') await disk.syncDirectory('');
    }
    const after = disk.powerLoss();
    expect(await after.list('')).toEqual(['kept']);
    expect(text(after, 'kept')).toBe('synced');
  });

  test('loses, keeps or tears what was not synced, by whole sectors or at any byte', async () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 100; seed += 1) {
      const disk = new MemoryDisk();
      const file = await disk.open('a', 'create');
      await file.write(0, Buffer.alloc(1024, '-'));
      await file.sync();
      await disk.syncDirectory('');
      await file.write(256, Buffer.alloc(500, '#'));
      kept.add(text(disk.powerLoss(seededRandom(seed)), 'a').split('#').length - 1);
    }
    expect([...kept]).toEqual(expect.arrayContaining([0, 244, 256, 500]));
    expect([...kept].filter((bytes) => ![0, 244, 256, 500].includes(bytes))).not.toHaveLength(0);
  });

  test('does not give back a file that is lost for good, though a sync had pretended to keep its name', async () => {
    const disk = new MemoryDisk({ isLying: () => true });
    for (const name of ['a', 'b']) await disk.open(name, 'create');
    await disk.syncDirectory('');
    disk.lose('a');
    disk.honour();
    expect(await disk.powerLoss().list('')).toEqual(['b']);
  });

  test('takes what a sync has pretended to keep, unless it is honoured', async () => {
    let isLying = true;
    const disk = new MemoryDisk({ isLying: () => isLying });
    const file = await disk.open('a', 'create');
    await file.write(0, Buffer.from('said'));
    await file.sync();
    await disk.syncDirectory('');
    expect(await disk.fork().powerLoss().list('')).toEqual([]);
    await file.write(0, Buffer.from('open'));
    const honest = disk.fork();
    honest.honour();
    expect(text(honest.powerLoss(), 'a')).toBe('said');
    isLying = false;
    await file.sync();
    await disk.syncDirectory('');
    expect(text(disk.powerLoss(), 'a')).toBe('open');
  });

  test('does not undo a rename by halves', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const disk = new MemoryDisk();
      const file = await disk.open('a', 'create');
      await file.sync();
      await disk.syncDirectory('');
      await disk.rename('a', 'b');
      expect(await disk.powerLoss(seededRandom(seed)).list('')).toHaveLength(1);
    }
  });
});

describe('faults', () => {
  test('a full disk writes a part and says so', async () => {
    const disk = new MemoryDisk({ capacityBytes: 10 });
    const file = await disk.open('a', 'create');
    await expect(file.write(0, Buffer.alloc(12))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await file.size()).toBe(10);
    expect(await disk.freeBytes()).toBe(0);
  });

  test('after a failed sync bytes may be lost although a reader sees them and the next sync succeeds', async () => {
    let fail = true;
    const disk = new MemoryDisk({
      random: () => 0.9,
      fault: ({ kind }) => (kind === 'sync' && fail ? { type: 'error', code: 'EIO' } : undefined),
    });
    const file = await disk.open('a', 'create');
    await disk.syncDirectory('');
    await file.write(0, Buffer.from('gone'));
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
    fail = false;
    await file.sync();
    expect(text(disk, 'a')).toBe('gone');
    expect(text(disk.powerLoss(), 'a')).toBe('');
  });

  test('a crash stops everything, a stall only waits', async () => {
    let stall = true;
    const disk = new MemoryDisk({
      fault: ({ kind, path }) => {
        if (kind === 'sync' && stall) return { type: 'stall' };
        return path === 'b' ? { type: 'crash' } : undefined;
      },
    });
    const file = await disk.open('a', 'create');
    let synced = false;
    const syncing = file.sync().then(() => (synced = true));
    await Promise.resolve();
    expect(synced).toBe(false);
    stall = false;
    disk.release();
    await syncing;
    void disk.open('b', 'create');
    await disk.crashed;
    expect(disk.isStopped).toBe(true);
    expect(await disk.kill().list('')).toEqual(['a', 'b']);
  });
});
