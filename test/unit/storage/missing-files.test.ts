/** A file of the log that is gone is noticed, whichever it is, and nothing that never was is missed. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CorruptionError } from '../../../src/storage/errors.ts';
import { segmentPath } from '../../../src/storage/log-recovery.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { aftermaths } from './life.ts';
import { allKept, appendDurably, chunksOf, openStorage, somePromise } from './open.ts';

const small = { segmentBytes: 1024 };

interface Written {
  readonly disk: MemoryDisk;
  readonly history: History;
  readonly segments: readonly string[];
}

/** A log of several segments, of a process that has ended. */
async function written(
  use?: (storage: Storage, history: History) => Promise<void>,
): Promise<Written> {
  const disk = new MemoryDisk();
  const history = new History();
  const { storage } = await openStorage(disk, small);
  await storage.writePromise(somePromise);
  for (let batch = 0; batch < 16; batch += 1) await appendDurably(storage, history.many(4));
  await use?.(storage, history);
  await storage.close();
  const after = disk.powerLoss();
  const segments = (await after.list('log')).map((name) => `log/${name}`);
  return { disk: after, history, segments };
}

async function lastOf(disk: MemoryDisk): Promise<number> {
  const { storage, recovered } = await openStorage(disk, small);
  await storage.close();
  return recovered.last.position.zxid;
}

/** The identity as a release wrote it that did not note what stands in it now. */
function asWrittenBefore(disk: MemoryDisk): void {
  for (const copy of ['identity.a', 'identity.b']) {
    const line = new TextDecoder().decode(disk.peek(copy));
    const { generation, value } = JSON.parse(line.slice(9)) as {
      generation: number;
      value: object;
    };
    const old = Object.fromEntries(
      Object.entries(value).filter(([name]) => name !== 'newestSegment' && name !== 'promised'),
    );
    const json = JSON.stringify({ generation, value: old });
    const sum = crc32(json).toString(16).padStart(8, '0');
    disk.poke(copy, new TextEncoder().encode(`${sum} ${json}\n`));
  }
}

describe('the newest file of the log', () => {
  test('is missed, by its name, and by what may have been in it', async () => {
    const { disk, segments } = await written();
    const newest = segments.at(-1) ?? '';
    disk.lose(newest);
    const refusal = await openStorage(disk.powerLoss(), small).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CorruptionError);
    const zxid = Number(newest.slice('log/'.length, -'.log'.length));
    expect(refusal).toMatchObject({ damage: { file: newest, zxid } });
    expect((refusal as Error).message).toMatch(/file is missing.*acknowledged.*Keep a copy/s);
  });

  test.each([1, 2, 3])('is missed with the %d before it', async (count) => {
    const { disk, segments } = await written();
    for (const path of segments.slice(-1 - count)) disk.lose(path);
    await expect(openStorage(disk.powerLoss(), small)).rejects.toThrow(segments.at(-1));
  });

  test('is set aside with the rest where an ensemble has it all: the node does not count', async () => {
    const { disk, segments } = await written();
    disk.lose(segments.at(-1) ?? '');
    const options = { ...small, onDamage: 'set-aside' } as const;
    const { storage, recovered } = await openStorage(disk.powerLoss(), options);
    expect(recovered).toMatchObject({ recovering: true, last: { position: { zxid: 0 } } });
    await storage.close();
  });

  test('is not missed in a directory of before it was noted, and is from then on', async () => {
    const { disk, history, segments } = await written();
    asWrittenBefore(disk);
    const old = disk.powerLoss(allKept);
    expect(await lastOf(old)).toBe(history.end.position.zxid);
    const again = old.kill();
    again.lose(segments.at(-1) ?? '');
    await expect(openStorage(again, small)).rejects.toThrow(segments.at(-1));
  });

  test('is not missed when the log was cut before it', async () => {
    const { disk } = await written(async (storage, history) => {
      await storage.truncateAfter(history.endAt(5).position);
    });
    expect(await lastOf(disk)).toBe(5);
  });

  test('is missed again when the log has gone on behind a cut', async () => {
    const { disk, segments } = await written(async (storage, history) => {
      await storage.truncateAfter(history.endAt(5).position);
      const other = new History(history.endAt(5));
      for (let batch = 0; batch < 8; batch += 1) await appendDurably(storage, other.many(4));
    });
    disk.lose(segments.at(-1) ?? '');
    await expect(openStorage(disk, small)).rejects.toThrow(segments.at(-1));
  });

  test.each([6, 80])(
    'is not missed when a snapshot of %d has taken the place of all',
    async (zxid) => {
      const leader = new History();
      const records = leader.many(zxid);
      const source = new MemoryDisk();
      const { storage: other } = await openStorage(source);
      await other.writePromise(somePromise);
      await appendDurably(other, records);
      await other.snapshot(leader.end, chunksOf('state'));
      const [name] = await source.list('snapshots');
      const file = source.peek(`snapshots/${name ?? ''}`);
      const { disk } = await written(async (storage) => {
        const incoming = await storage.receiveSnapshot();
        await incoming.write(file);
        await incoming.finish();
        await storage.install(incoming, leader.end);
      });
      const segments = await disk.list('log');
      const holed = disk.fork();
      expect(await lastOf(disk)).toBe(zxid);
      holed.lose(`log/${segments[0] ?? ''}`);
      await expect(openStorage(holed, small)).rejects.toThrow('its log is missing');
    },
  );

  test('is neither missed nor forgotten wherever the machine stops', async () => {
    let n = 1;
    for (; ; n += 1) {
      const history = new History();
      const disk = new MemoryDisk({
        fault: ({ index }) => (index === n ? { type: 'crash' } : undefined),
      });
      let durable = 0;
      const life = async (): Promise<void> => {
        const { storage } = await openStorage(disk, small);
        await storage.writePromise(somePromise);
        storage.onDurable(({ zxid }) => (durable = zxid));
        for (let batch = 0; batch < 4; batch += 1) await appendDurably(storage, history.many(4));
        durable = 3;
        await storage.truncateAfter(history.endAt(3).position);
        await storage.close();
      };
      await Promise.race([life(), disk.crashed]);
      if (!disk.isStopped) break;
      for (const [name, after] of aftermaths(disk, n)) {
        const last = await lastOf(after).catch((cause: unknown) => {
          throw new Error(`stopped at operation ${n}, ${name}`, { cause });
        });
        expect(last, `${n}, ${name}`).toBeGreaterThanOrEqual(durable);
      }
    }
    expect(n).toBeGreaterThan(50);
  }, 60_000);

  test('goes on where a full disk has no room for its name', async () => {
    const room = { capacityBytes: 1_000_000 };
    const disk = new MemoryDisk(
      Object.defineProperty({}, 'capacityBytes', { get: () => room.capacityBytes }),
    );
    const { storage } = await openStorage(disk, small);
    await storage.writePromise(somePromise);
    const history = new History();
    await appendDurably(storage, history.many(4));
    await storage.nearlyFull();
    room.capacityBytes -= await disk.freeBytes();
    const before = await disk.list('log');
    await appendDurably(storage, history.many(4));
    await appendDurably(storage, history.many(4));
    expect((await disk.list('log')).length).toBeGreaterThanOrEqual(before.length);
    room.capacityBytes = 1_000_000;
    await storage.close();
    expect(await lastOf(disk.powerLoss())).toBe(12);
  });
});

describe('another file', () => {
  test.each(['first', 'second', 'middle'] as const)(
    'of the log: the %s is missed',
    async (which) => {
      const { disk, segments } = await written();
      expect(segments.length).toBeGreaterThan(3);
      const at = { first: 0, second: 1, middle: Math.floor(segments.length / 2) }[which];
      disk.lose(segments[at] ?? '');
      const message =
        which === 'first' ? /the log begins at zxid/ : /the log ends there, but the next/;
      await expect(openStorage(disk, small)).rejects.toThrow(message);
    },
  );

  test('of the log that snapshots stand for is not missed', async () => {
    const { disk, segments, history } = await written(async (storage, { end }) => {
      await storage.snapshot(end, chunksOf('state'), { keepRecordsFrom: 1 });
    });
    disk.lose(segments[0] ?? '');
    expect(await lastOf(disk)).toBe(history.end.position.zxid);
  });

  test('the newest snapshot is missed where the log before it is gone', async () => {
    const { disk } = await written(async (storage, { end }) => {
      await storage.snapshot(end, chunksOf('state'));
    });
    const [snapshot] = await disk.list('snapshots');
    disk.lose(`snapshots/${snapshot ?? ''}`);
    await expect(openStorage(disk, small)).rejects.toThrow('there is no snapshot to begin from');
  });

  test('the whole directory of the log is missed', async () => {
    const { disk, segments } = await written();
    for (const path of segments) disk.lose(path);
    await expect(openStorage(disk, small)).rejects.toThrow('its log is missing');
    expect(segmentPath(1)).toBe(segments[0]);
  });

  test('both copies of the promise are missed, also before the first record', async () => {
    const disk = new MemoryDisk();
    const { storage } = await openStorage(disk);
    await storage.writePromise(somePromise);
    await storage.close();
    const after = disk.powerLoss();
    after.lose('promise.a');
    after.lose('promise.b');
    for (const onDamage of ['refuse', 'set-aside'] as const) {
      await expect(openStorage(after.fork(), { onDamage })).rejects.toThrow(
        'neither copy of its promise file can be read',
      );
    }
  });
});
