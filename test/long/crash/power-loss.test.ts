/**
 * The power goes at every single disk operation of a life with everything in it. What the disk is found to
 * hold afterwards is one of the many things it may hold; whichever it is, the node starts, with every write
 * that it has acknowledged, exactly, and goes on.
 */
import { expect, test } from 'vitest';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { examine } from './examine.ts';
import type { Ledger, Mark } from './ledger.ts';
import { Life } from './life.ts';
import { newLedger, scale, seedsFor } from './settings.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';
import type { Moment } from './world.ts';

/** The node as a crash would have found it. */
interface Image {
  readonly disk: MemoryDisk;
  readonly mark: Mark;
  readonly moment: Moment;
}

const steps = 260;

/** Lives a life, and takes an image before each of its disk operations. */
async function live(seed: number, onImages: (images: Image[], life: Life) => Promise<void>) {
  const images: Image[] = [];
  const random = seededRandom(seed);
  const world = new World(seededRandom(seed + 1));
  const ledger = newLedger();
  const disk: MemoryDisk = new MemoryDisk({
    random,
    schedule: world.schedule,
    fault: () => {
      images.push({ disk: disk.fork(), mark: ledger.mark, moment: world.moment });
      return undefined;
    },
  });
  const life = await Life.begin({ disk, world, ledger });
  if (life === undefined) throw new Error('the node has not started');
  await life.watch('persistent-recursive', '/' as never);
  await life.watch('persistent', '/q' as never);
  const workload = new Workload(life, random);
  for (let step = 0; step < steps; step += 1) {
    await workload.step();
    await onImages(images.splice(0), life);
  }
  await life.settled();
  await onImages(images.splice(0), life);
  expect(life.fatal).toBeUndefined();
  return life;
}

function* aftermaths(image: MemoryDisk, random: Random): Generator<[string, MemoryDisk]> {
  yield ['all that was not synced is lost', image.fork().powerLoss()];
  yield ['power loss', image.fork().powerLoss(random)];
  yield ['killed', image.fork()];
}

/** Starts on the disk, is examined, goes on for a while, and loses power once more. */
async function goOn(
  disk: MemoryDisk,
  ledger: Ledger,
  { mark, moment, random }: { mark: Mark; moment: Moment; random: Random },
): Promise<void> {
  const world = new World(random, moment);
  const life = await Life.begin({ disk, world, ledger, mark });
  if (life === undefined) throw new Error('the node does not start');
  await examine(life);
  const workload = new Workload(life, random);
  for (let step = 0; step < 6; step += 1) await workload.step();
  const second = disk.fork().powerLoss(random() < 0.5 ? random : undefined);
  const again = await Life.begin({
    disk: second,
    world: new World(random, world.moment),
    ledger: life.ledger,
    mark: life.ledger.mark,
  });
  if (again === undefined) throw new Error('the node does not start a second time');
  await examine(again);
  expect(life.fatal ?? again.fatal).toBeUndefined();
}

test.for(seedsFor([1, 2], scale))(
  'what was acknowledged survives a power loss at any disk operation, seed %i',
  async (seed) => {
    let operations = 0;
    const crashRandom = seededRandom(seed + 2);
    const life = await live(seed, async (images, { ledger }) => {
      for (const { disk, mark, moment } of images) {
        operations += 1;
        for (const [name, found] of aftermaths(disk, crashRandom)) {
          try {
            await goOn(found, ledger, { mark, moment, random: crashRandom });
          } catch (error) {
            const where = `seed ${seed}, operation ${operations}, ${name}`;
            throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
          }
        }
      }
    });
    expect(operations).toBeGreaterThan(300);
    const { snapshotsTaken } = life.replica.metrics();
    expect(snapshotsTaken).toBeGreaterThan(2);
  },
);
