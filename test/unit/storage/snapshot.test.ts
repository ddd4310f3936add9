/** Snapshots come back as they were given, take over from the log, and never leave the node without one. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readSnapshotFile } from '../../../src/storage/snapshot-file.ts';
import { snapshotPath } from '../../../src/storage/snapshots.ts';
import { noPosition } from '../../../src/zab/types.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk, type MemoryDiskOptions } from '../../support/memory-disk.ts';
import { appendDurably, chunksOf, openStorage, recordsOf, somePromise, textsOf } from './open.ts';

interface Setting {
  readonly disk: MemoryDisk;
  readonly storage: Storage;
  readonly history: History;
}

/** A log of several segments of a few records each. */
async function setUp(records: number, options: MemoryDiskOptions = {}): Promise<Setting> {
  const disk = new MemoryDisk(options);
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise(somePromise);
  const history = new History();
  for (let count = 0; count < records; count += 4) await appendDurably(storage, history.many(4));
  return { disk, storage, history };
}

/** As they were given. */
function chunks(disk: MemoryDisk, zxid: number): AsyncIterable<Uint8Array> {
  return readSnapshotFile(disk, { path: snapshotPath(zxid) }, crc32);
}

const names = (disk: MemoryDisk): Promise<readonly string[]> => disk.list('snapshots');

describe('a snapshot', () => {
  test('comes back chunk by chunk, with its position', async () => {
    const { disk, storage, history } = await setUp(8);
    const texts = ['one', 'two'.repeat(50_000), '', 'three'];
    const info = await storage.snapshot(history.endAt(6), chunksOf(...texts));
    const path = 'snapshots/0000000000000006.snapshot';
    expect(info).toEqual({
      zxid: 6,
      bytes: disk.peek(path).length,
    });
    expect(storage.listSnapshots()).toEqual([info]);
    const given = texts.filter((text) => text !== '');
    expect(await textsOf(chunks(disk, 6))).toEqual(given);
    const parts: Uint8Array[] = [];
    for await (const part of storage.readSnapshot(6) ?? []) parts.push(part);
    expect(Buffer.concat(parts)).toEqual(Buffer.from(disk.peek(path)));
    expect(storage.readSnapshot(5)).toBeUndefined();
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.snapshot).toMatchObject(history.endAt(6));
    expect(await textsOf(recovered.snapshot?.chunks())).toEqual(given);
    expect((await recordsOf(recovered)).at(-1)?.zxid).toBe(8);
  });

  test('of a position that is there already is not written again', async () => {
    const { disk, storage, history } = await setUp(8);
    const first = await storage.snapshot(history.endAt(6), chunksOf('a'));
    expect(await storage.snapshot(history.endAt(6), chunksOf('b'))).toEqual(first);
    expect(await textsOf(chunks(disk, 6))).toEqual(['a']);
  });

  test('is refused for what is not durable, and for the past', async () => {
    const { storage, history } = await setUp(8);
    const ahead = { position: { epoch: 1, zxid: 9 }, chain: 0 };
    await expect(storage.snapshot(ahead, chunksOf('a'))).rejects.toThrow(/of what is durable/);
    await storage.snapshot(history.endAt(6), chunksOf('a'));
    await expect(storage.snapshot(history.endAt(5), chunksOf('a'))).rejects.toThrow(/not older/);
  });

  test('that fails leaves no trace, and the log goes on', async () => {
    let isBroken = false;
    const { disk, storage, history } = await setUp(8, {
      fault: ({ kind, path }) =>
        isBroken && kind === 'write' && path.startsWith('snapshots')
          ? { type: 'error', code: 'ENOSPC', written: 10 }
          : undefined,
    });
    await storage.snapshot(history.endAt(4), chunksOf('old'));
    isBroken = true;
    await expect(storage.snapshot(history.endAt(8), chunksOf('new'))).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect(await names(disk)).toEqual(['0000000000000004.snapshot']);
    await appendDurably(storage, history.many(2));
    expect(storage.listSnapshots().map(({ zxid }) => zxid)).toEqual([4]);
  });

  test('whose source fails leaves no trace either', async () => {
    const { disk, storage, history } = await setUp(8);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* chunksOf('a');
      throw new Error('the tree is gone');
    }
    await expect(storage.snapshot(history.endAt(8), failing())).rejects.toThrow('the tree is gone');
    expect(await names(disk)).toEqual([]);
  });
});

describe('closing', () => {
  test('ends a snapshot that is being written, and leaves no trace of it', async () => {
    const { disk, storage, history } = await setUp(8);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield* chunksOf('a');
      await held;
      yield* chunksOf('b');
    }
    const writing = storage.snapshot(history.endAt(8), slow());
    await expect(storage.snapshot(history.endAt(8), slow())).rejects.toThrow(/one snapshot/);
    const closing = storage.close();
    release();
    await expect(writing).rejects.toThrow('the storage is being closed');
    await closing;
    expect(await names(disk)).toEqual([]);
  });
});

describe('what a snapshot makes superfluous', () => {
  test('goes: older snapshots, and segments wholly before the oldest retained one', async () => {
    const { disk, storage, history } = await setUp(40);
    for (const zxid of [10, 20, 30, 40]) {
      await storage.snapshot(history.endAt(zxid), chunksOf(`state ${zxid}`));
    }
    expect(storage.listSnapshots().map(({ zxid }) => zxid)).toEqual([20, 30, 40]);
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    const first = (await recordsOf(recovered))[0]?.zxid ?? 0;
    expect(first).toBeGreaterThan(1);
    expect(first).toBeLessThanOrEqual(21);
  });

  test('but not the records that somebody still needs', async () => {
    const { disk, storage, history } = await setUp(40);
    await storage.snapshot(history.endAt(40), chunksOf('state'), { keepRecordsFrom: 15 });
    const segments = (await disk.list('log')).filter((name) => name.endsWith('.log'));
    const firsts = segments.map((name) => parseInt(name, 10));
    expect(Math.min(...firsts)).toBeGreaterThan(1);
    expect(Math.min(...firsts)).toBeLessThanOrEqual(15);
  });

  test('and never the segment that is being written', async () => {
    const { disk, storage, history } = await setUp(40);
    await storage.snapshot(history.end, chunksOf('state'));
    await appendDurably(storage, history.many(3));
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.last).toEqual(history.end);
    expect(recovered.snapshot?.position.zxid).toBe(40);
  });
});

describe('a damaged snapshot', () => {
  test('is replaced by an older one and the log, with an alarm, wherever the damage is', async () => {
    const { disk, storage, history } = await setUp(24);
    await storage.snapshot(history.endAt(12), chunksOf('old'));
    await storage.snapshot(history.endAt(24), chunksOf('new', 'x'.repeat(100)));
    await storage.close();
    const path = 'snapshots/0000000000000024.snapshot';
    const { length } = disk.peek(path);
    for (let offset = 0; offset < length; offset += 1) {
      const rotten = disk.powerLoss();
      rotten.flipBit(path, offset, offset % 8);
      const { recovered, storage: restarted } = await openStorage(rotten, { segmentBytes: 1024 });
      expect(recovered.snapshot?.position.zxid).toBe(12);
      expect(recovered.last).toEqual(history.end);
      expect((await recordsOf(recovered))[0]?.zxid).toBeLessThanOrEqual(13);
      expect(recovered.alarms).toHaveLength(1);
      expect(recovered.alarms[0]).toContain(`snapshot ${path} is damaged`);
      await restarted.snapshot(history.endAt(24), chunksOf('again'));
      expect(await textsOf(chunks(rotten, 24))).toEqual(['again']);
      await restarted.close();
    }
  });

  test('cut short is damaged too', async () => {
    const { disk, storage, history } = await setUp(8);
    await storage.snapshot(history.endAt(8), chunksOf('state', 'x'.repeat(100)));
    await storage.close();
    const path = 'snapshots/0000000000000008.snapshot';
    const bytes = disk.peek(path);
    for (const length of [0, 20, 48, 60, bytes.length - 24, bytes.length - 1]) {
      const cut = disk.powerLoss();
      cut.poke(path, bytes.subarray(0, length));
      const { recovered } = await openStorage(cut);
      expect(recovered.snapshot).toBeUndefined();
      expect((await recordsOf(recovered)).length).toBe(8);
    }
  });

  test('that only now is found to be so fails while it is read', async () => {
    const { disk, storage, history } = await setUp(8);
    await storage.snapshot(history.endAt(8), chunksOf('state'));
    disk.flipBit('snapshots/0000000000000008.snapshot', 60);
    await expect(textsOf(storage.readSnapshot(8))).rejects.toThrow(
      /checksum mismatch at offset 48/,
    );
  });

  test('with the log before it gone is refused', async () => {
    const { disk, storage, history } = await setUp(40);
    await storage.snapshot(history.end, chunksOf('state'));
    await storage.close();
    disk.flipBit('snapshots/0000000000000040.snapshot', 60);
    await expect(openStorage(disk.powerLoss())).rejects.toThrow(
      /the log begins at zxid \d+, and there is no snapshot to begin from/,
    );
  });

  test('of another history than the log is refused', async () => {
    const { disk, storage, history } = await setUp(8);
    const other = { position: history.endAt(6).position, chain: history.endAt(6).chain ^ 1 };
    await storage.snapshot(other, chunksOf('state'));
    await storage.close();
    await expect(openStorage(disk.powerLoss())).rejects.toThrow(/not of the history/);
  });
});

test('a snapshot of the empty log is possible', async () => {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  const info = await storage.snapshot({ position: noPosition, chain: 0 }, chunksOf('empty'));
  expect(info.zxid).toBe(0);
  expect(await textsOf(chunks(disk, 0))).toEqual(['empty']);
});
