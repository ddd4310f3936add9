/** The whole life of a storage on real files, and what a file system alone can show. */
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyLog } from '../../../src/storage/inspect.ts';
import { NodeDisk } from '../../../src/storage/node-disk.ts';
import { History } from '../../support/history.ts';
import {
  appendDurably,
  chunksOf,
  collect,
  hexOf,
  openStorage,
  recordsOf,
  textsOf,
} from './open.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'zoogate-storage-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const promise = { epoch: 2, leader: 1, incarnation: 'leader' };

test('appends, rolls, takes snapshots, purges, truncates, and finds it all again', async () => {
  const history = new History();
  const { storage } = await openStorage(await NodeDisk.open(root), { segmentBytes: 16_384 });
  await storage.writePromise(promise);
  for (let batch = 0; batch < 20; batch += 1) {
    await appendDurably(storage, history.many(20, { bytes: 150 }));
  }
  await storage.snapshot(history.endAt(300), chunksOf('state', 'x'.repeat(3_000_000)));
  await storage.truncateAfter(history.cut(350));
  await appendDurably(storage, history.many(30, { epoch: 2 }));
  await storage.close();

  const { storage: again, recovered } = await openStorage(await NodeDisk.open(root));
  expect(recovered.alarms).toEqual([]);
  expect(recovered.last).toEqual(history.end);
  expect(recovered.promise).toEqual(promise);
  const records = await recordsOf(recovered);
  const first = records[0]?.zxid ?? 0;
  expect(first).toBeGreaterThan(1);
  expect(hexOf(records)).toBe(hexOf(history.records.slice(first - 1)));
  expect(await textsOf(recovered.snapshot?.chunks())).toEqual(['state', 'x'.repeat(3_000_000)]);
  expect(await again.nearlyFull()).toBe(false);
  await again.close();
});

test('takes the snapshot of another node in the place of its own log, and goes on behind it', async () => {
  const leader = new History();
  leader.many(300, { bytes: 150 });
  const source = await openStorage(await NodeDisk.open(join(root, 'leader')));
  await source.storage.writePromise(promise);
  await appendDurably(source.storage, leader.records);
  await source.storage.snapshot(leader.endAt(200), chunksOf('state', 'x'.repeat(900_000)));
  const sending = await source.storage.openSnapshot(200);

  const { storage } = await openStorage(await NodeDisk.open(join(root, 'learner')));
  await storage.writePromise(promise);
  await appendDurably(storage, new History().many(40, { bytes: 300 }));
  const incoming = await storage.receiveSnapshot();
  for (let at = 0; at < sending.bytes; at += 100_000) {
    await incoming.write(await sending.read(at, 100_000));
  }
  await storage.install(incoming, await incoming.finish());
  const piece = await source.storage.readAfter(sending.at.position).next(1_000_000);
  if (piece === 'gone') throw new Error('the leader has it all');
  await appendDurably(storage, piece.records);
  await Promise.all([sending.close(), source.storage.close(), storage.close()]);

  const again = await openStorage(await NodeDisk.open(join(root, 'learner')));
  expect(again.recovered.alarms).toEqual([]);
  expect(again.recovered.last).toEqual(leader.end);
  expect(again.recovered.snapshot?.position).toEqual(leader.endAt(200).position);
  expect(hexOf(await recordsOf(again.recovered))).toBe(hexOf(leader.records.slice(200)));
  await again.storage.close();
});

test('a second storage on the directory is refused, and disturbs nothing', async () => {
  const history = new History();
  const { storage } = await openStorage(await NodeDisk.open(root));
  await storage.writePromise(promise);
  await appendDurably(storage, history.many(3));
  await expect(openStorage(await NodeDisk.open(root))).rejects.toThrow(
    `data directory ${root} is in use by process ${process.pid}`,
  );
  await appendDurably(storage, history.many(3));
  await storage.close();
  const { storage: again, recovered } = await openStorage(await NodeDisk.open(root));
  expect(recovered.last).toEqual(history.end);
  await again.close();
});

test('what is not in use is not left behind, and segments are preallocated', async () => {
  const { storage } = await openStorage(await NodeDisk.open(root), { segmentBytes: 8192 });
  await storage.writePromise(promise);
  await appendDurably(storage, new History().many(3));
  await storage.close();
  expect(await readdir(root)).toEqual([
    'identity.a',
    'identity.b',
    'log',
    'promise.a',
    'promise.b',
    'snapshots',
  ]);
  expect(await readdir(join(root, 'log'))).toEqual(['0000000000000001.log']);
  expect((await stat(join(root, 'log/0000000000000001.log'))).size).toBe(8192);
});

test('a damaged file is named, beside a look into it that takes no lock', async () => {
  const history = new History();
  const { storage } = await openStorage(await NodeDisk.open(root));
  await storage.writePromise(promise);
  for (let batch = 0; batch < 3; batch += 1) await appendDurably(storage, history.many(3));
  const inspection = { disk: NodeDisk.existing(root), checksum: crc32 };
  const [report] = await collect(verifyLog(inspection));
  expect(report).toMatchObject({ records: 9, status: 'ok' });
  await storage.close();
  const path = join(root, 'log/0000000000000001.log');
  const bytes = await readFile(path);
  bytes[120] = (bytes[120] ?? 0) ^ 4;
  await writeFile(path, bytes);
  await expect(openStorage(await NodeDisk.open(root))).rejects.toThrow(
    'log/0000000000000001.log is damaged at offset 64 (zxid 1)',
  );
  await expect(openStorage(await NodeDisk.open(root))).rejects.toThrow(/is damaged/);
});
