/**
 * Another node's snapshot takes the place of the log and of all snapshots: at one stroke, wherever the
 * machine stops.
 */
import { describe, expect, test } from 'vitest';
import type { Recovered, Storage } from '../../../src/storage/storage.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { aftermaths } from './life.ts';
import { appendDurably, chunksOf, hexOf, openStorage, recordsOf, textsOf } from './open.ts';

const wholeState = ['the state of the leader', 'y'.repeat(900)];

/** The leader's history, which has nothing to do with this node's own surplus. */
function leadersHistory(): History {
  const history = new History();
  history.many(30, { bytes: 60 });
  history.many(11, { bytes: 60, epoch: 3 });
  return history;
}

/** The bytes of a snapshot file as the leader has it. */
async function snapshotFile(history: History, zxid: number): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk);
  await storage.writePromise({ epoch: 3, leader: 2, incarnation: 'leader' });
  await appendDurably(storage, history.records.slice(0, zxid));
  await storage.snapshot(history.endAt(zxid), chunksOf(...wholeState));
  const kept = await storage.openSnapshot(zxid);
  const bytes = await kept.read(0, kept.bytes);
  expect(kept.at).toEqual(history.endAt(zxid));
  await kept.close();
  await storage.close();
  return bytes;
}

interface Progress {
  /** What this node had before. */
  readonly own: History;
  readonly at: ReturnType<History['endAt']>;
  begun: boolean;
  done: boolean;
  /** Of the leader's records that follow, durable here. */
  durableZxid: number;
}

/** A node with a log and snapshots of its own gets the leader's at 35, and goes on behind it. */
async function live(
  disk: MemoryDisk,
  { leader, file, progress }: { leader: History; file: Uint8Array; progress: Progress },
): Promise<Storage> {
  const { storage } = await openStorage(disk, { snapshotsRetained: 2 });
  await storage.writePromise({ epoch: 3, leader: 2, incarnation: 'leader' });
  await appendDurably(storage, progress.own.many(30, { bytes: 90 }));
  await storage.snapshot(progress.own.endAt(10), chunksOf('old'));
  await storage.snapshot(progress.own.endAt(20), chunksOf('newer'));
  progress.begun = true;
  const incoming = await storage.receiveSnapshot();
  await incoming.write(file.subarray(0, 500));
  await incoming.write(file.subarray(500));
  expect(await incoming.finish()).toEqual(progress.at);
  expect(await textsOf(incoming.chunks())).toEqual(wholeState);
  storage.append(progress.own.many(2));
  await storage.install(incoming, progress.at);
  progress.done = true;
  storage.onDurable(({ zxid }) => {
    progress.durableZxid = zxid;
  });
  await appendDurably(storage, leader.records.slice(35));
  return storage;
}

async function check(disk: MemoryDisk, leader: History, progress: Progress): Promise<void> {
  const { storage, recovered } = await openStorage(disk, { snapshotsRetained: 2 });
  const snapshotZxid = recovered.snapshot?.position.zxid ?? 0;
  const isNew = snapshotZxid === progress.at.position.zxid;
  if (progress.done) expect(isNew).toBe(true);
  if (!progress.begun) expect(isNew).toBe(false);
  const records = await recordsOf(recovered);
  if (isNew) await checkNew(recovered, leader, progress);
  else expect(hexOf(records)).toBe(hexOf(progress.own.records.slice(0, records.length)));
  for (const alarm of recovered.alarms) expect(alarm).toContain('never acknowledged');
  expect((await disk.list('snapshots')).filter((name) => !name.endsWith('.snapshot'))).toEqual([]);
  await storage.close();
}

async function checkNew(recovered: Recovered, leader: History, progress: Progress): Promise<void> {
  expect(await textsOf(recovered.snapshot?.chunks())).toEqual(wholeState);
  const records = await recordsOf(recovered);
  const { zxid } = recovered.last.position;
  expect(zxid).toBeGreaterThanOrEqual(progress.durableZxid);
  expect(hexOf(records)).toBe(hexOf(leader.records.slice(35, zxid)));
  expect(recovered.last).toEqual(leader.endAt(zxid));
  expect(recovered.epochStarts).toEqual([progress.at.position]);
}

async function begin(): Promise<{ leader: History; file: Uint8Array; progress: Progress }> {
  const leader = leadersHistory();
  const file = await snapshotFile(leader, 35);
  const at = leader.endAt(35);
  const progress = { own: new History(), at, begun: false, done: false, durableZxid: 0 };
  return { leader, file, progress };
}

describe('a snapshot of another node', () => {
  test('is the beginning of the log from then on', async () => {
    const parts = await begin();
    const disk = new MemoryDisk();
    const storage = await live(disk, parts);
    expect(storage.listSnapshots().map(({ zxid }) => zxid)).toEqual([35]);
    expect(storage.oldestRecord).toBe(36);
    await storage.close();
    await check(disk.powerLoss(), parts.leader, parts.progress);
  });

  test('is there whole or not at all, wherever the machine stops', async () => {
    let n = 1;
    for (; ; n += 1) {
      const parts = await begin();
      const fault = ({ index }: { index: number }): { type: 'crash' } | undefined =>
        index === n ? { type: 'crash' } : undefined;
      const disk = new MemoryDisk({ fault });
      const lived = live(disk, parts);
      await Promise.race([lived, disk.crashed]);
      if (!disk.isStopped) break;
      for (const [name, after] of aftermaths(disk, n)) {
        await check(after, parts.leader, parts.progress).catch((cause: unknown) => {
          throw new Error(`stopped at operation ${n}, ${name}`, { cause });
        });
      }
    }
    expect(n).toBeGreaterThan(100);
  }, 60_000);

  test('and so it is when the machine stops again while it starts', async () => {
    for (let n = 60; ; n += 3) {
      const parts = await begin();
      const fault = ({ index }: { index: number }): { type: 'crash' } | undefined =>
        index === n ? { type: 'crash' } : undefined;
      const disk = new MemoryDisk({ fault });
      await Promise.race([live(disk, parts), disk.crashed]);
      if (!disk.isStopped) break;
      if (!parts.progress.begun) continue;
      const stopped = disk.kill();
      for (let m = 1; ; m += 1) {
        const copy = stopped.fork({
          fault: ({ index }) => (index === m ? { type: 'crash' } : undefined),
        });
        await Promise.race([openStorage(copy), copy.crashed]);
        if (!copy.isStopped) break;
        await check(copy.powerLoss(), parts.leader, parts.progress);
      }
    }
  }, 60_000);

  test('that is given up leaves everything as it was', async () => {
    const { file, progress } = await begin();
    const disk = new MemoryDisk();
    const { storage } = await openStorage(disk);
    await storage.writePromise({ epoch: 3, leader: 2, incarnation: 'leader' });
    await appendDurably(storage, progress.own.many(5));
    const incoming = await storage.receiveSnapshot();
    await incoming.write(file.subarray(0, 700));
    await incoming.discard();
    await incoming.discard();
    expect(await disk.list('snapshots')).toEqual([]);
    const damaged = await storage.receiveSnapshot();
    await damaged.write(file.map((byte, index) => (index === 300 ? byte ^ 1 : byte)));
    await expect(damaged.finish()).rejects.toThrow('checksum mismatch');
    await appendDurably(storage, progress.own.many(5));
    await storage.close();
    const { recovered } = await openStorage(disk.kill());
    expect(hexOf(await recordsOf(recovered))).toBe(hexOf(progress.own.records));
  });

  test('stops the snapshot of the old state that is being written', async () => {
    const { file, progress } = await begin();
    const disk = new MemoryDisk();
    const { storage } = await openStorage(disk);
    await storage.writePromise({ epoch: 3, leader: 2, incarnation: 'leader' });
    await appendDurably(storage, progress.own.many(5));
    const gate: { open: () => void } = { open: () => undefined };
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      await new Promise<void>((resolve) => {
        gate.open = resolve;
      });
      yield Uint8Array.of(2);
    }
    const own = storage.snapshot(progress.own.endAt(5), slow());
    const outcome = own.then(
      () => 'written',
      () => 'given up',
    );
    const incoming = await storage.receiveSnapshot();
    await incoming.write(file);
    await incoming.finish();
    const installed = storage.install(incoming, progress.at);
    gate.open();
    await installed;
    expect(await outcome).toBe('given up');
    expect(await disk.list('snapshots')).toEqual(['0000000000000035.snapshot']);
  });
});
