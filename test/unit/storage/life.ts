/** A life of a storage that may be stopped anywhere, and what must be found afterwards. */
import { expect } from 'vitest';
import type { Recovered, Storage } from '../../../src/storage/storage.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { appendDurably, chunksOf, hexOf, openStorage, recordsOf, textsOf } from './open.ts';

/** What the storage has been asked for, and what it has said to be done. */
export class Ledger {
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

export class Life {
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

  async appendDurably(
    count: number,
    options: { bytes?: number; epoch?: number } = {},
  ): Promise<void> {
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
  }

  async close(): Promise<void> {
    await this.#storage.close();
  }
}

/** Lives on the disk; tells of itself once it has begun. */
export type Script = (disk: MemoryDisk, begin: (life: Life) => void) => Promise<void>;

/** The disk stops at its n-th operation. @returns undefined when the life had fewer */
export async function stopAt(
  n: number,
  script: Script,
): Promise<{ disk: MemoryDisk; ledger: Ledger } | undefined> {
  const disk = new MemoryDisk({
    fault: ({ index }) => (index === n ? { type: 'crash' } : undefined),
  });
  let ledger = new Ledger();
  const ended = script(disk, (life) => {
    ledger = life.ledger;
  });
  await Promise.race([ended, disk.crashed]);
  return disk.isStopped ? { disk, ledger } : undefined;
}

export function* aftermaths(
  disk: MemoryDisk,
  n: number,
): Generator<[name: string, disk: MemoryDisk]> {
  yield ['all that was not synced is lost', disk.powerLoss()];
  for (let seed = 1; seed <= 3; seed += 1) {
    yield [`power loss, seed ${seed}`, disk.powerLoss(seededRandom(n * 1000 + seed))];
  }
  yield ['killed', disk.kill()];
}

export async function check(disk: MemoryDisk, ledger: Ledger): Promise<void> {
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
