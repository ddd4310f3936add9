/** What rots is found at the next start: nothing that was acknowledged is taken for an end of the log. */
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { Storage } from '../../src/storage/index.ts';
import { encodeRecord } from '../../src/zab/record.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { rot } from './rot.ts';
import type { RotKind } from './rot.ts';

const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);
const promise = { epoch: 1, leader: 1, incarnation: 'i' };

function open(disk: MemoryDisk, segmentBytes = 16_384): ReturnType<typeof Storage.open> {
  return Storage.open({
    disk,
    checksum,
    randomId: () => 'i',
    onDamage: 'set-aside',
    segmentBytes,
  });
}

/** A disk with a promise and a log of ten batches, whose process has ended. */
async function usedDisk(segmentBytes?: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { storage } = await open(disk, segmentBytes);
  await storage.writePromise(promise);
  let previousChain = 0;
  for (let zxid = 1; zxid <= 10; zxid += 1) {
    const kind = zxid === 1 ? 'epoch' : 'txn';
    const head = { epoch: 1, zxid, kind, previousChain } as const;
    const record = encodeRecord(head, new Uint8Array(40), checksum);
    previousChain = record.chain;
    const durable = new Promise<void>((resolve) => storage.onDurable(() => resolve()));
    storage.append([record]);
    await durable;
  }
  return disk.kill();
}

async function afterRot(kind: RotKind, which: number, where: number) {
  const disk = await usedDisk();
  const path = await rot(disk, { kind, suffix: 'a', which, where });
  const { recovered } = await open(disk);
  return { path, recovered };
}

test.each([0, 0.1, 0.33, 0.5, 0.77, 0.99])('a log that rots at %s is set aside', async (where) => {
  const { path, recovered } = await afterRot('log', 0, where);
  expect(path).toMatch(/^log\/.*\.log$/);
  expect(recovered.recovering).toBe(true);
  expect(recovered.promise).toEqual(promise);
  expect(recovered.last.position.zxid).toBe(0);
});

test.each(['promise.a', 'identity.a'])('one rotten copy of %s costs nothing', async (name) => {
  const { path, recovered } = await afterRot('copy', name === 'promise.a' ? 0.1 : 0.9, 0.5);
  expect(path).toBe(name);
  expect(recovered.recovering).toBe(false);
  expect(recovered.promise).toEqual(promise);
  expect(recovered.last.position.zxid).toBe(10);
  expect(recovered.alarms.join()).toContain(name);
});

test('a lost copy of a small file costs nothing', async () => {
  const { path, recovered } = await afterRot('missing', 0.1, 0.1);
  expect(path).toBe('promise.a');
  expect(recovered.recovering).toBe(false);
  expect(recovered.promise).toEqual(promise);
});

test('a segment that is missing before another is found out', async () => {
  const disk = await usedDisk(1024);
  const path = await rot(disk, { kind: 'missing', suffix: 'a', which: 0.5, where: 0.5 });
  expect(path).toMatch(/^log\/.*\.log$/);
  expect((await open(disk)).recovered.recovering).toBe(true);
});

test('a write that has gone elsewhere is found out, and so is what it has hit', async () => {
  const { recovered } = await afterRot('misdirected', 0, 0.5);
  expect(recovered.recovering).toBe(true);
  expect(recovered.promise).toEqual(promise);
  expect(recovered.alarms.join()).toContain('promise.a');
});

test('nothing rots where nothing is', async () => {
  const place = { suffix: 'a', which: 0.5, where: 0.5 } as const;
  const disk = new MemoryDisk();
  for (const kind of ['copy', 'snapshot', 'log', 'missing', 'misdirected'] as const) {
    expect(await rot(disk, { kind, ...place })).toBeUndefined();
  }
});
