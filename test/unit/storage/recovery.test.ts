/** A torn tail is dropped, corruption is refused, and neither is taken for the other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptionError } from '../../../src/storage/errors.ts';
import { batchHeaderBytes } from '../../../src/storage/log-format.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { allKept, appendDurably, chunksOf, openStorage, recordsOf, somePromise } from './open.ts';

const firstSegment = 'log/0000000000000001.log';

interface Written {
  readonly disk: MemoryDisk;
  readonly history: History;
  /** End of each batch in the first segment, with the zxid it ends with. */
  readonly batches: readonly { readonly end: number; readonly zxid: number }[];
}

/** A log of one segment with a batch for each of `sizes`; the last batch has its mark behind it. */
async function writeBatches(sizes: readonly number[]): Promise<Written> {
  const disk = new MemoryDisk();
  const history = new History();
  const { storage } = await openStorage(disk, { segmentBytes: 4096 });
  await storage.writePromise(somePromise);
  let end = 64;
  const batches = [];
  for (const size of sizes) {
    const records = history.many(size);
    await appendDurably(storage, records);
    end += batchHeaderBytes + records.reduce((sum, { bytes }) => sum + bytes.length, 0);
    batches.push({ end, zxid: history.end.position.zxid });
  }
  await storage.close();
  return { disk: disk.kill(), history, batches };
}

/** Its bytes with the last batch cut at `length`, as a power loss before its sync may leave it. */
function tear(disk: MemoryDisk, from: number, length: number): void {
  const bytes = disk.peek(firstSegment);
  bytes.fill(0, from + length);
  disk.poke(firstSegment, bytes);
}

describe('the last batch, not known to have been durable', () => {
  test('is dropped wherever it was torn, once, and the log goes on', async () => {
    const { disk, history, batches } = await writeBatches([3, 2, 3]);
    const [, before, last] = batches;
    if (before === undefined || last === undefined) throw new Error('three batches');
    for (let length = 0; length < last.end - before.end; length += 1) {
      const torn = disk.powerLoss();
      tear(torn, before.end, length);
      const { storage, recovered } = await openStorage(torn);
      expect(recovered.last).toEqual(history.endAt(before.zxid));
      expect(recovered.alarms).toHaveLength(length === 0 ? 0 : 1);
      expect(await recordsOf(recovered)).toEqual(history.records.slice(0, before.zxid));
      await appendDurably(storage, history.records.slice(before.zxid));
      await storage.close();
      const again = await openStorage(torn.kill());
      expect(again.recovered.last).toEqual(history.end);
      expect(again.recovered.alarms).toEqual([]);
      await again.storage.close();
    }
  });

  test('is named in the alarm by file, offset and zxid', async () => {
    const { disk, batches } = await writeBatches([3, 2]);
    const [first] = batches;
    tear(disk, first?.end ?? 0, 50);
    const { recovered } = await openStorage(disk);
    const [alarm] = recovered.alarms;
    expect(alarm).toContain(`${firstSegment}: dropped`);
    expect(alarm).toContain(`at offset ${first?.end} behind zxid 3`);
    expect(alarm).toContain('never acknowledged');
  });

  test('is never what a mark stands behind: then a flipped bit is corruption', async () => {
    const { disk, batches } = await writeBatches([3, 2]);
    const from = batches[0]?.end ?? 0;
    for (let offset = from; offset < (batches[1]?.end ?? 0); offset += 1) {
      const rotten = disk.powerLoss(allKept);
      rotten.flipBit(firstSegment, offset, offset % 8);
      const refusal = await openStorage(rotten).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(CorruptionError);
      expect(refusal).toMatchObject({ damage: { file: firstSegment, offset: from, zxid: 4 } });
    }
  });

  test('is what it is where only the mark is damaged', async () => {
    const { disk, batches, history } = await writeBatches([3, 2]);
    disk.flipBit(firstSegment, batches[1]?.end ?? 0);
    const { recovered } = await openStorage(disk);
    expect(recovered.last).toEqual(history.end);
    expect(recovered.alarms).toHaveLength(1);
  });
});

describe('damage to what was durable', () => {
  test('anywhere in a log of several segments is refused, and named', async () => {
    const disk = new MemoryDisk();
    const history = new History();
    const { storage } = await openStorage(disk, { segmentBytes: 1024 });
    await storage.writePromise(somePromise);
    for (let batch = 0; batch < 12; batch += 1) await appendDurably(storage, history.many(4));
    await storage.close();
    const files = (await disk.kill().list('log')).map((name) => `log/${name}`);
    expect(files.length).toBeGreaterThan(2);
    const whole = disk.powerLoss(allKept);
    const used = (path: string): number => whole.peek(path).findLastIndex((byte) => byte !== 0) + 1;
    const where = fc
      .constantFrom(...files)
      .chain((path) => fc.tuple(fc.constant(path), fc.nat(used(path) - 1), fc.nat(7)));
    await fc.assert(
      fc.asyncProperty(where, async ([path, offset, bit]) => {
        const isMark = offset >= used(path) - batchHeaderBytes;
        const rotten = whole.powerLoss(allKept);
        rotten.flipBit(path, offset, bit);
        const outcome = await openStorage(rotten).catch((error: unknown) => error);
        if (isMark) return;
        expect(outcome).toBeInstanceOf(CorruptionError);
        expect(outcome).toMatchObject({ damage: { file: path } });
        const { damage } = outcome as CorruptionError;
        expect(damage.offset).toBeLessThanOrEqual(offset);
        expect((outcome as Error).message).toMatch(/at offset \d+ \(zxid \d+\).*Keep a copy/s);
      }),
      { numRuns: 300 },
    );
  });

  test('a refusal changes nothing and gives the directory back', async () => {
    const { disk } = await writeBatches([3, 2]);
    disk.flipBit(firstSegment, 100);
    const before = disk.peek(firstSegment);
    await expect(openStorage(disk)).rejects.toThrow(CorruptionError);
    expect(disk.peek(firstSegment)).toEqual(before);
    await expect(openStorage(disk)).rejects.toThrow(CorruptionError);
  });

  test('a hole of zeros in the middle is no end of the log', async () => {
    const { disk, batches } = await writeBatches([3, 2, 3]);
    const bytes = disk.peek(firstSegment);
    bytes.fill(0, batches[0]?.end, batches[1]?.end);
    disk.poke(firstSegment, bytes);
    await expect(openStorage(disk)).rejects.toMatchObject({
      damage: { offset: batches[0]?.end, zxid: 4 },
    });
  });

  test('a missing segment in the middle, or at the end, is noticed', async () => {
    const disk = new MemoryDisk();
    const history = new History();
    const { storage } = await openStorage(disk, { segmentBytes: 1024 });
    await storage.writePromise(somePromise);
    for (let batch = 0; batch < 12; batch += 1) await appendDurably(storage, history.many(4));
    await storage.snapshot(history.end, chunksOf('state'), { keepRecordsFrom: 1 });
    await storage.close();
    const files = await disk.kill().list('log');
    for (const lost of files.slice(1)) {
      const holed = disk.powerLoss();
      holed.lose(`log/${lost}`);
      await expect(openStorage(holed)).rejects.toThrow(CorruptionError);
    }
    for (const lost of files) disk.lose(`log/${lost}`);
    await expect(openStorage(disk.powerLoss())).rejects.toThrow(/its log is missing/);
  });
});

describe('a data directory of which a part is missing', () => {
  async function withoutFiles(...names: readonly string[]): Promise<MemoryDisk> {
    const { disk } = await writeBatches([3]);
    for (const name of names) disk.lose(name);
    return disk;
  }

  test.each([
    [['identity.a', 'identity.b'], /neither copy of its identity file/],
    [['promise.a', 'promise.b'], /neither copy of its promise file/],
    [[firstSegment], /its log is missing/],
  ])('without %j is refused', async (names, message) => {
    const disk = await withoutFiles(...names);
    await expect(openStorage(disk)).rejects.toThrow(message);
  });

  test('a log that begins behind the snapshots is refused', async () => {
    const disk = new MemoryDisk();
    const history = new History();
    const { storage } = await openStorage(disk, { segmentBytes: 1024 });
    await storage.writePromise(somePromise);
    for (let batch = 0; batch < 12; batch += 1) await appendDurably(storage, history.many(4));
    await storage.close();
    disk.lose(firstSegment);
    await expect(openStorage(disk.powerLoss())).rejects.toThrow(
      /the log begins at zxid \d+, and there is no snapshot/,
    );
  });
});

describe('what a recovery reports', () => {
  test('the first kept record of each epoch, and the end', async () => {
    const disk = new MemoryDisk();
    const history = new History();
    const { storage } = await openStorage(disk);
    await storage.writePromise({ ...somePromise, epoch: 7 });
    for (const epoch of [1, 4, 7]) await appendDurably(storage, history.many(3, { epoch }));
    await storage.close();
    const { recovered } = await openStorage(disk.powerLoss());
    expect(recovered.epochStarts).toEqual([
      { epoch: 1, zxid: 1 },
      { epoch: 4, zxid: 4 },
      { epoch: 7, zxid: 7 },
    ]);
    expect(recovered.last).toEqual(history.end);
    expect(recovered.snapshot).toBeUndefined();
    expect(recovered.promise?.epoch).toBe(7);
  });

  test('a new directory has an identity and nothing else, and keeps it', async () => {
    const disk = new MemoryDisk();
    const { storage, recovered } = await openStorage(disk);
    expect(recovered.last).toEqual({ position: { epoch: 0, zxid: 0 }, chain: 0 });
    expect(recovered.promise).toBeUndefined();
    expect(recovered.identity.clusterId).toBeUndefined();
    await storage.setClusterId('cluster');
    await storage.close();
    const again = await openStorage(disk.powerLoss(), { randomId: () => 'other' });
    expect(again.recovered.identity).toEqual({
      incarnation: recovered.identity.incarnation,
      clusterId: 'cluster',
    });
  });
});
