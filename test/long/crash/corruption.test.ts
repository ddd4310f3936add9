/**
 * Bits rot. Whatever byte of a data directory changes, the node either starts with everything that it ever
 * acknowledged, or refuses to start and says where the damage is: it never takes damage for an end.
 */
import { expect, test } from 'vitest';
import { CorruptionError } from '../../../src/storage/errors.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { examine } from './examine.ts';
import { Life } from './life.ts';
import { newLedger, scale, seedsFor } from './settings.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

const markBytes = 32;

/** A directory with everything in it, of a node that was killed when nothing was under way. */
async function usedNode(seed: number): Promise<Life> {
  const random = seededRandom(seed);
  const world = new World(random);
  const disk = new MemoryDisk({ schedule: world.schedule });
  const life = await Life.begin({ disk, world, ledger: newLedger() });
  if (life === undefined) throw new Error('the node does not start');
  const workload = new Workload(life, random);
  for (let step = 0; step < 400; step += 1) await workload.step();
  await life.settled();
  return life;
}

async function restart({ ledger, world }: Life, disk: MemoryDisk, random: Random): Promise<Life> {
  const options = { disk, world: new World(random, world.moment), ledger, mark: ledger.mark };
  const life = await Life.begin(options);
  if (life === undefined) throw new Error('the node does not start');
  await examine(life);
  return life;
}

async function filesOf(disk: MemoryDisk): Promise<readonly string[]> {
  const files: string[] = [];
  for (const directory of ['', 'log', 'snapshots']) {
    const names = await disk.list(directory);
    files.push(...names.map((name) => (directory === '' ? name : `${directory}/${name}`)));
  }
  return files.filter((path) => !['log', 'snapshots', 'log/spare'].includes(path));
}

/** Bytes before the zeros at the end. */
function usedBytes(disk: MemoryDisk, path: string): number {
  return disk.peek(path).findLastIndex((byte) => byte !== 0) + 1;
}

test.for(seedsFor([11], scale))('any flipped bit is survived or refused, seed %i', async (seed) => {
  const node = await usedNode(seed);
  const random = seededRandom(seed + 1);
  const files = await filesOf(node.disk.fork());
  let refusals = 0;
  for (let flip = 0; flip < 250; flip += 1) {
    const disk = node.disk.fork();
    const path = files[Math.floor(random() * files.length)] ?? '';
    const used = usedBytes(disk, path);
    const offset = Math.floor(random() * (random() < 0.9 ? used : disk.peek(path).length));
    const bit = Math.floor(random() * 8);
    disk.flipBit(path, offset, bit);
    const where = `seed ${seed}, flip ${flip}: ${path} at ${offset} of ${used}`;
    try {
      await restart(node, disk, random);
      expect(path.startsWith('log/') && offset < used - markBytes, where).toBe(false);
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw new Error(where, { cause: error });
      expect(error.message).toContain(path);
      expect(error.damage.file).toBe(path);
      expect(error.damage.offset).toBeLessThanOrEqual(offset);
      refusals += 1;
      // The refusal has changed nothing: with the byte put right, everything is there.
      disk.flipBit(path, offset, bit);
      if (flip % 10 === 0) await restart(node, disk, random);
    }
  }
  expect(refusals).toBeGreaterThan(50);
});

test('a damaged snapshot is replaced by an older one and the log, also after a power loss', async () => {
  const node = await usedNode(12);
  const snapshots = (await filesOf(node.disk.fork())).filter((path) =>
    path.startsWith('snapshots/'),
  );
  expect(snapshots.length).toBe(2);
  const newest = snapshots.at(-1) ?? '';
  const random = seededRandom(13);
  for (let offset = 0; offset < usedBytes(node.disk, newest); offset += 37) {
    const disk = node.disk.fork().powerLoss();
    disk.flipBit(newest, offset, offset % 8);
    const life = await restart(node, disk, random);
    expect(life.recovered.alarms.join()).toContain(newest);
    expect(life.recovered.snapshot?.path).toBe(snapshots[0]);
  }
});
