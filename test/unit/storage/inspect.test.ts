/** A data directory can be looked into, and says where it is damaged, without being touched. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  listLog,
  listSnapshotFiles,
  printLog,
  verifyLog,
  verifySnapshots,
} from '../../../src/storage/inspect.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { allKept, appendDurably, chunksOf, collect, openStorage, somePromise } from './open.ts';

const changing = new Set(['create', 'write', 'truncate', 'sync', 'rename', 'remove', 'lock']);

async function setUp(): Promise<{ disk: MemoryDisk; history: History }> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise(somePromise);
  const history = new History();
  for (let count = 0; count < 15; count += 1) await appendDurably(storage, history.many(4));
  await storage.snapshot(history.endAt(20), chunksOf('one', 'two'), { keepRecordsFrom: 1 });
  await storage.close();
  return { disk, history };
}

/** The disk as it is, refusing every change. */
function readOnly(disk: MemoryDisk): MemoryDisk {
  return disk.powerLoss(allKept, {
    fault: ({ kind }) => (changing.has(kind) ? { type: 'error', code: 'EROFS' } : undefined),
  });
}

const describePayload = (payload: Uint8Array): unknown => payload.length;

describe('the log', () => {
  test('is listed by segment', async () => {
    const { disk } = await setUp();
    const segments = await collect(listLog({ disk: readOnly(disk), checksum: crc32 }));
    expect(segments.length).toBeGreaterThan(2);
    expect(segments[0]).toEqual({
      file: 'log/0000000000000001.log',
      firstZxid: 1,
      bytes: 1024,
    });
  });

  test('is verified, and found whole', async () => {
    const { disk } = await setUp();
    const reports = await collect(verifyLog({ disk: readOnly(disk), checksum: crc32 }));
    expect(reports.map(({ status }) => status)).toEqual(reports.map(() => 'ok'));
    expect(reports.reduce((sum, { records }) => sum + records, 0)).toBe(60);
    expect(reports.at(-1)).toMatchObject({ lastZxid: 60, lastEpoch: 1 });
  });

  test('is verified, and damage is named by segment and offset', async () => {
    const { disk } = await setUp();
    const [, second, third] = await collect(listLog({ disk, checksum: crc32 }));
    const rotten = readOnly(disk);
    rotten.flipBit(second?.file ?? '', 150);
    rotten.flipBit(third?.file ?? '', 10);
    const reports = await collect(verifyLog({ disk: rotten, checksum: crc32 }));
    expect(reports[0]?.status).toBe('ok');
    expect(reports[1]).toMatchObject({ status: 'damaged', offset: 64, records: 0 });
    expect(reports[1]?.problem).toMatch(/record 1 of 4 of a batch|checksum/);
    expect(reports[2]).toMatchObject({ status: 'damaged', offset: 0 });
    expect(reports.at(-1)?.status).toBe('ok');
  });

  test('tells a missing segment, and a torn end', async () => {
    const { disk } = await setUp();
    const listing = await collect(listLog({ disk, checksum: crc32 }));
    const holed = readOnly(disk);
    holed.lose(listing[1]?.file ?? '');
    const last = listing.at(-1)?.file ?? '';
    const bytes = holed.peek(last);
    bytes[bytes.findLastIndex((byte) => byte !== 0) + 5] = 1;
    holed.poke(last, bytes);
    const reports = await collect(verifyLog({ disk: holed, checksum: crc32 }));
    expect(reports[1]?.problem).toContain('does not go on where the segment before it ends');
    expect(reports.at(-1)?.status).toBe('torn');
  });

  test('tells that the newest segment is missing, although nothing follows it', async () => {
    const { disk } = await setUp();
    const listing = await collect(listLog({ disk, checksum: crc32 }));
    const newest = listing.at(-1);
    const shortened = readOnly(disk);
    shortened.lose(newest?.file ?? '');
    const reports = await collect(verifyLog({ disk: shortened, checksum: crc32 }));
    expect(reports.map(({ file }) => file)).toEqual(listing.map(({ file }) => file));
    expect(reports.slice(0, -1).every(({ status }) => status === 'ok')).toBe(true);
    expect(reports.at(-1)).toMatchObject({
      ...{ status: 'damaged', firstZxid: newest?.firstZxid, bytes: 0, records: 0 },
      lastZxid: (newest?.firstZxid ?? 0) - 1,
      problem: expect.stringContaining('is missing') as string,
    });
  });

  test('is printed up to the newest segment that is missing, and then it says so', async () => {
    const { disk } = await setUp();
    const newest = (await collect(listLog({ disk, checksum: crc32 }))).at(-1);
    const shortened = readOnly(disk);
    shortened.lose(newest?.file ?? '');
    const inspection = { disk: shortened, checksum: crc32 };
    const to = (newest?.firstZxid ?? 0) - 1;
    expect(await collect(printLog(inspection, { to, describePayload }))).toHaveLength(to);
    await expect(collect(printLog(inspection, { describePayload }))).rejects.toThrow('is missing');
  });

  test('is printed from one zxid to another', async () => {
    const { disk, history } = await setUp();
    const inspection = { disk: readOnly(disk), checksum: crc32 };
    const all = await collect(printLog(inspection, { describePayload }));
    expect(all.map(({ zxid }) => zxid)).toEqual(history.records.map(({ zxid }) => zxid));
    expect(all[0]).toEqual({
      zxid: 1,
      epoch: 1,
      kind: 'epoch',
      bytes: 68,
      chain: (history.records[0]?.chain ?? 0).toString(16).padStart(8, '0'),
      payload: 40,
    });
    const some = await collect(printLog(inspection, { from: 9, to: 18, describePayload }));
    expect(some.map(({ zxid }) => zxid)).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
  });

  test('is printed up to what cannot be read, and then it says so', async () => {
    const { disk } = await setUp();
    const rotten = readOnly(disk);
    rotten.flipBit('log/0000000000000001.log', 500);
    const zxids: number[] = [];
    const printing = (async () => {
      for await (const { zxid } of printLog(
        { disk: rotten, checksum: crc32 },
        { describePayload },
      )) {
        zxids.push(zxid);
      }
    })();
    await expect(printing).rejects.toThrow(/damaged at offset \d+/);
    expect(zxids).toEqual([1, 2, 3, 4]);
  });
});

describe('snapshots', () => {
  test('are listed and verified', async () => {
    const { disk } = await setUp();
    const inspection = { disk: readOnly(disk), checksum: crc32 };
    const [listing, ...none] = await collect(listSnapshotFiles(inspection));
    expect(none).toEqual([]);
    expect(listing).toMatchObject({ file: 'snapshots/0000000000000020.snapshot', zxid: 20 });
    expect(await collect(verifySnapshots(inspection))).toEqual([
      { ...listing, epoch: 1, status: 'ok' },
    ]);
  });

  test('that are damaged say so', async () => {
    const { disk } = await setUp();
    const rotten = readOnly(disk);
    rotten.flipBit('snapshots/0000000000000020.snapshot', 57);
    const [report] = await collect(verifySnapshots({ disk: rotten, checksum: crc32 }));
    expect(report).toMatchObject({ status: 'damaged' });
    expect(report?.problem).toContain('checksum mismatch at offset 48');
  });
});
