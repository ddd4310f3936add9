/**
 * The machine stops at every single disk operation of a life with everything in it, and the disk is found
 * as a killed process or a power loss may leave it: what was reported durable is there, nothing that was
 * cut comes back, and the node starts by itself.
 */
import { expect, test } from 'vitest';
import type { Recovered, Storage } from '../../../src/storage/storage.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { appendDurably, chunksOf, hexOf, openStorage, recordsOf, textsOf } from './open.ts';

/** What the storage has been asked for, and what it has said to be done. */
class Ledger {
  readonly history = new History();
  /** The log must be a beginning of this, while a truncation is under way or before. */
  expected: readonly LogRecord[] = this.history.records;
  durableZxid = 0;
  promise = { asked: 0, done: 0 };
  snapshotZxid = 0;
  keptFrom = 1;
  incarnation: string | undefined;
  clusterId: string | undefined;
}

class Life {
  readonly ledger = new Ledger();
  readonly #storage: Storage;

  constructor(storage: Storage, recovered: Recovered) {
    this.#storage = storage;
    this.ledger.incarnation = recovered.identity.incarnation;
    storage.onDurable(({ zxid }) => {
      this.ledger.durableZxid = zxid;
    });
  }

  append(count: number, options: { bytes?: number; epoch?: number } = {}): void {
    this.#storage.append(this.ledger.history.many(count, options));
  }

  async appendDurably(count: number, options: { bytes?: number } = {}): Promise<void> {
    await appendDurably(this.#storage, this.ledger.history.many(count, options));
  }

  async promise(epoch: number): Promise<void> {
    this.ledger.promise.asked = epoch;
    await this.#storage.writePromise({ epoch, leader: 1, incarnation: 'leader' });
    this.ledger.promise.done = epoch;
  }

  async setClusterId(id: string): Promise<void> {
    await this.#storage.setClusterId(id);
    this.ledger.clusterId = id;
  }

  async snapshot(zxid: number, keepRecordsFrom: number): Promise<void> {
    const { ledger } = this;
    const at = ledger.history.endAt(zxid);
    const texts = [`state ${zxid}`, 'x'.repeat(700)];
    ledger.keptFrom = Math.max(ledger.keptFrom, keepRecordsFrom);
    await this.#storage.snapshot(at, chunksOf(...texts), { keepRecordsFrom });
    ledger.snapshotZxid = zxid;
  }

  async truncateAfter(zxid: number): Promise<void> {
    const { ledger } = this;
    const before = [...ledger.history.records];
    const position = ledger.history.cut(zxid);
    ledger.expected = before;
    ledger.durableZxid = Math.min(ledger.durableZxid, zxid);
    await this.#storage.truncateAfter(position);
    ledger.expected = ledger.history.records;
    ledger.durableZxid = zxid;
  }

  async close(): Promise<void> {
    await this.#storage.close();
  }
}

async function live(disk: MemoryDisk, begin: (life: Life) => void): Promise<void> {
  const { storage, recovered } = await openStorage(disk, { snapshotsRetained: 2 });
  const life = new Life(storage, recovered);
  begin(life);
  await life.promise(1);
  life.append(1);
  await life.appendDurably(5);
  await life.setClusterId('cluster');
  await life.appendDurably(20, { bytes: 120 });
  await life.snapshot(18, 10);
  life.append(3, { bytes: 2500 });
  await life.promise(2);
  life.append(1, { epoch: 2 });
  const snapshot = life.snapshot(25, 20);
  await life.appendDurably(12, { bytes: 150 });
  await snapshot;
  await life.truncateAfter(33);
  life.append(2, { epoch: 2 });
  await life.appendDurably(6, { bytes: 200 });
  await life.promise(3);
  await life.appendDurably(1, { bytes: 10 });
  life.append(1, { epoch: 3 });
  await life.appendDurably(15, { bytes: 200 });
  await life.truncateAfter(36);
  await life.appendDurably(9, { bytes: 100 });
  await life.snapshot(40, 38);
  await life.truncateAfter(40);
  await life.appendDurably(4);
  for (let batch = 0; batch < 4; batch += 1) await life.appendDurably(10, { bytes: 180 });
  await life.snapshot(75, 80);
  await life.snapshot(80, 80);
  await life.close();
}

/** The disk stops at its n-th operation. @returns undefined when the life had fewer */
async function stopAt(n: number): Promise<{ disk: MemoryDisk; ledger: Ledger } | undefined> {
  const disk = new MemoryDisk({
    fault: ({ index }) => (index === n ? { type: 'crash' } : undefined),
  });
  let ledger = new Ledger();
  const ended = live(disk, (life) => {
    ledger = life.ledger;
  });
  await Promise.race([ended, disk.crashed]);
  return disk.isStopped ? { disk, ledger } : undefined;
}

function* aftermaths(disk: MemoryDisk, n: number): Generator<[name: string, disk: MemoryDisk]> {
  yield ['all that was not synced is lost', disk.powerLoss()];
  for (let seed = 1; seed <= 4; seed += 1) {
    yield [`power loss, seed ${seed}`, disk.powerLoss(seededRandom(n * 1000 + seed))];
  }
  yield ['killed', disk.kill()];
}

async function check(disk: MemoryDisk, ledger: Ledger): Promise<void> {
  const { storage, recovered } = await openStorage(disk, { snapshotsRetained: 2 });
  const records = await recordsOf(recovered);
  const { zxid } = recovered.last.position;
  const first = records[0]?.zxid ?? zxid + 1;
  expect(zxid).toBeGreaterThanOrEqual(ledger.durableZxid);
  expect(first).toBeLessThanOrEqual(Math.max(1, ledger.keptFrom));
  expect(first).toBeLessThanOrEqual((recovered.snapshot?.position.zxid ?? 0) + 1);
  expect(hexOf(records)).toBe(hexOf(ledger.expected.slice(first - 1, zxid)));
  expect(recovered.last.chain).toBe(ledger.expected[zxid - 1]?.chain ?? 0);
  checkPromise(recovered, ledger);
  await checkSnapshot(recovered, ledger);
  await goOn(storage, { disk, last: recovered.last });
}

function checkPromise(recovered: Recovered, ledger: Ledger): void {
  const { promise, identity } = recovered;
  expect(promise?.epoch ?? 0).toBeGreaterThanOrEqual(ledger.promise.done);
  expect(promise?.epoch ?? 0).toBeLessThanOrEqual(ledger.promise.asked);
  expect(identity.incarnation).toBe(ledger.incarnation ?? identity.incarnation);
  expect(identity.clusterId).toBe(ledger.clusterId ?? identity.clusterId);
}

async function checkSnapshot({ snapshot }: Recovered, ledger: Ledger): Promise<void> {
  const zxid = snapshot?.position.zxid ?? 0;
  expect(zxid).toBeGreaterThanOrEqual(ledger.snapshotZxid);
  const whole = zxid === 0 ? [] : [`state ${zxid}`, 'x'.repeat(700)];
  expect(await textsOf(snapshot?.chunks())).toEqual(whole);
}

/** What is appended after a recovery is read back, without a trace of what the crash had left. */
async function goOn(
  storage: Storage,
  { disk, last }: { disk: MemoryDisk; last: Recovered['last'] },
): Promise<void> {
  const more = new History(last);
  await storage.writePromise({ epoch: 100, leader: 1, incarnation: 'leader' });
  await appendDurably(storage, more.many(2, { bytes: 5 }));
  const again = await openStorage(disk.kill());
  expect(again.recovered.last).toEqual(more.end);
  expect(again.recovered.alarms).toEqual([]);
}

test('a machine that stops at any disk operation starts again with all it had acknowledged', async () => {
  let n = 1;
  for (; ; n += 1) {
    const stopped = await stopAt(n);
    if (stopped === undefined) break;
    for (const [name, disk] of aftermaths(stopped.disk, n)) {
      try {
        await check(disk, stopped.ledger);
      } catch (error) {
        throw new Error(`stopped at operation ${n}, ${name}`, { cause: error });
      }
    }
  }
  expect(n).toBeGreaterThan(200);
});

test('and so does one that stops again while it starts', async () => {
  for (let n = 5; ; n += 11) {
    const stopped = await stopAt(n);
    if (stopped === undefined) break;
    for (let m = 1; m < 200; m += 1) {
      const fault = { fault: ({ index }: { index: number }) => (index === m ? crash : undefined) };
      const again = stopped.disk.powerLoss(seededRandom(n), fault);
      await Promise.race([openStorage(again, { snapshotsRetained: 2 }), again.crashed]);
      if (!again.isStopped) break;
      await check(again.powerLoss(seededRandom(n + m)), stopped.ledger);
    }
  }
});

const crash = { type: 'crash' } as const;
