/**
 * The machine stops at every single disk operation of a life with everything in it, and the disk is found
 * as a killed process or a power loss may leave it: what was reported durable is there, nothing that was
 * cut comes back, and the node starts by itself.
 */
import { expect, test } from 'vitest';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import { Life, aftermaths, check, stopAt } from './life.ts';
import { openStorage } from './open.ts';

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

test('a machine that stops at any disk operation starts again with all it had acknowledged', async () => {
  let n = 1;
  for (; ; n += 1) {
    const stopped = await stopAt(n, live);
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
}, 60_000);

test('and so does one that stops again while it starts', async () => {
  for (let n = 5; ; n += 11) {
    const stopped = await stopAt(n, live);
    if (stopped === undefined) break;
    for (let m = 1; m < 200; m += 1) {
      const fault = { fault: ({ index }: { index: number }) => (index === m ? crash : undefined) };
      const again = stopped.disk.powerLoss(seededRandom(n), fault);
      await Promise.race([openStorage(again, { snapshotsRetained: 2 }), again.crashed]);
      if (!again.isStopped) break;
      await check(again.powerLoss(seededRandom(n + m)), stopped.ledger);
    }
  }
}, 60_000);

const crash = { type: 'crash' } as const;
