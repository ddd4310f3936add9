/** Checks of what a node says of its disk, and of the name of the newest file of its log. */
import { match, strictEqual } from 'node:assert/strict';
import { statusOf } from '../../../src/replica/status.ts';
import type { StatusParts } from '../../../src/replica/status.ts';
import type { Context } from '../../../src/zab/context.ts';
import { DiskWatch } from '../../../src/zab/disk-watch.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { appendDurably, openStorage, somePromise } from '../storage/open.ts';
import type { Checks } from './checks.ts';

/** Of a node alone, which serves. */
function hangingDiskIsReady(): void {
  const zab = { role: 'leading', established: true, epoch: 1, leader: 1, learners: [] };
  const settings = { self: 1, voters: [1] };
  const parts = {
    ...{ core: { settings, zxid: 1, state: {} }, zab, clusterId: 'a', availability: 'serving' },
    ...{ seen: [], links: new Map(), urls: new Map(), committed: 1, serving: true },
    ...{ stopping: false, diskStalledMs: 0 },
  } as unknown as StatusParts;
  strictEqual(statusOf(parts).notReady, undefined, 'it serves');
  const { notReady } = statusOf({ ...parts, diskStalledMs: 2500 });
  match(String(notReady), /the disk has completed nothing for 2\.5 s/);
}

/** It is given more and more, and completes nothing. */
function moreWorkIsProgress(): void {
  const diskStallMs = 1000;
  const context = { nowMs: 0, graceUntilMs: 0, timeouts: { diskStallMs }, log: { inProgress: 1 } };
  const watch = new DiskWatch(context as unknown as Context);
  for (context.nowMs = 0; context.nowMs <= 2 * diskStallMs; context.nowMs += 100) {
    watch.handedOut(true, false);
  }
  strictEqual(watch.isStalled, true, 'it hangs');
}

/** The log begins a file while the identity, which is to name it, stands still. */
async function newestFileNamedTooLate(): Promise<void> {
  let isStalling = false;
  const disk = new MemoryDisk({
    fault: ({ kind, path }) =>
      isStalling && kind === 'write' && path.startsWith('identity') ? { type: 'stall' } : undefined,
  });
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise(somePromise);
  const history = new History();
  await appendDurably(storage, history.many(2));
  const files = (await disk.list('log')).filter((name) => name.endsWith('.log')).length;
  isStalling = true;
  let newest = 0;
  let durable = 0;
  storage.onDurable(({ zxid }) => (durable = zxid));
  for (let batch = 0; batch < 8; batch += 1) {
    storage.append(history.many(4));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const names = (await disk.list('log')).filter((name) => name.endsWith('.log')).slice(files);
    newest = Number.parseInt(names[0] ?? '0', 10);
    if (newest > 0) break;
  }
  strictEqual(newest > 0, true, 'a file has been begun');
  strictEqual(durable < newest, true, 'what stands in it counts before it is named');
  isStalling = false;
  disk.release();
  await storage.close();
  strictEqual(durable, history.end.position.zxid, 'and counts when it is');
}

/** The newest of several files of a log is gone. */
async function newestFileIsNotMissed(): Promise<void> {
  const disk = new MemoryDisk();
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise(somePromise);
  const history = new History();
  for (let batch = 0; batch < 8; batch += 1) await appendDurably(storage, history.many(4));
  await storage.close();
  const [newest = ''] = (await disk.list('log')).slice(-1);
  disk.lose(`log/${newest}`);
  const opened = openStorage(disk.powerLoss(), { segmentBytes: 1024 });
  const outcome = await opened.then(() => 'it has started', String);
  strictEqual(outcome.includes(`${newest} is damaged`), true, 'a lost file is missed');
}

/** The next file of the log cannot be opened, on a disk that has room. */
async function outOfFilesIsFull(): Promise<void> {
  let isOut = false;
  const disk = new MemoryDisk({
    fault: ({ kind, path }) =>
      isOut && kind === 'create' && path === 'log/spare'
        ? { type: 'error', code: 'EMFILE' }
        : undefined,
  });
  const { storage } = await openStorage(disk, { segmentBytes: 1024 });
  await storage.writePromise(somePromise);
  const history = new History();
  isOut = true;
  while (storage.outOfFiles === undefined && history.end.position.zxid < 100) {
    await appendDurably(storage, history.many(4));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  match(storage.outOfFiles ?? '', /may open no more files/);
  strictEqual(await storage.nearlyFull(), false, 'its disk has room');
}

export const checks: Checks = {
  outOfFilesIsFull,
  hangingDiskIsReady,
  moreWorkIsProgress,
  newestFileNamedTooLate,
  newestFileIsNotMissed,
};
