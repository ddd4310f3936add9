/**
 * One data directory through many lives, each of which ends in another way: power lost, process killed,
 * while it starts, in order, over and over. One history goes through all of them.
 */
import { expect, test } from 'vitest';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskFault } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { examine, examineLater } from './examine.ts';
import { LifeOver } from './fail.ts';
import type { Ledger, Mark } from './ledger.ts';
import { during, Life } from './life.ts';
import { newLedger, scale, seedsFor, sessionTimeoutMs, tickMs } from './settings.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';
import type { Moment } from './world.ts';

const lives = 40;

interface Node {
  readonly disk: MemoryDisk;
  readonly ledger: Ledger;
  readonly mark?: Mark;
  readonly moment: Moment;
}

/** The disk stops at its n-th operation, counted from the start of the life. */
function stopAt(n: number): { fault: (operation: { index: number }) => DiskFault | undefined } {
  return { fault: ({ index }) => (index === n ? { type: 'crash' } : undefined) };
}

function aftermath(disk: MemoryDisk, random: Random, world: World): MemoryDisk {
  const stop = random() < 0.7 ? stopAt(Math.floor(random() * 250)) : {};
  const options = { ...stop, random, schedule: world.schedule };
  const choice = random();
  if (choice < 0.4) return disk.kill(options);
  return disk.powerLoss(choice < 0.8 ? random : undefined, options);
}

/** Starts the node, uses it until it or the test has had enough. @returns the next life's beginning */
async function liveOnce(node: Node, random: Random): Promise<Node> {
  const world = new World(random, node.moment);
  const disk = aftermath(node.disk, random, world);
  let { ledger } = node;
  const onLedger = (of: Ledger): void => void (ledger = of);
  const life = await Life.begin({ ...node, disk, world, onLedger });
  if (life === undefined) expect(disk.isStopped).toBe(true);
  else await useUntilStopped(life, random);
  if (random() < 0.2) world.jump(-60_000);
  // Of a start that was cut short before it had read the log nothing is new.
  const mark = ledger === node.ledger ? node.mark : ledger.mark;
  return { disk, ledger, moment: world.moment, ...(mark && { mark }) };
}

async function useUntilStopped(life: Life, random: Random): Promise<void> {
  const { disk } = life;
  try {
    await examine(life);
    const workload = new Workload(life, random);
    const steps = Math.floor(random() * 80);
    for (let step = 0; step < steps && !disk.isStopped; step += 1) await workload.step();
    if (random() < 0.2) await stopInOrder(life);
  } catch (error) {
    if (!(error instanceof LifeOver)) throw error;
  }
  expect(life.fatal).toBeUndefined();
}

/** After an orderly end everything is on the disk, asked for or not. */
async function stopInOrder(life: Life): Promise<void> {
  await during(life.world, life.replica.stop());
  if (life.disk.isStopped) throw new LifeOver();
  life.ledger.acknowledged = life.ledger.records.length;
}

/** No session outlives its timeout by more than it must, and none takes its ephemerals along later. */
async function silence(life: Life): Promise<void> {
  for (let ms = 0; ms < sessionTimeoutMs + 2 * tickMs; ms += 100) {
    life.world.pass(100);
    await life.world.settle();
  }
  const { sessions, nodes } = life.ledger.present;
  expect(sessions.size).toBe(0);
  expect([...nodes.values()].filter(({ owner }) => owner !== 0)).toEqual([]);
  await life.settled();
  await examineLater(life);
}

test.for(seedsFor([3, 4, 5, 6], 16 * scale))('a node of many lives, seed %i', async (seed) => {
  const random = seededRandom(seed);
  const first = new World(random);
  let node: Node = { disk: new MemoryDisk(), ledger: newLedger(), moment: first.moment };
  node = { ...node, mark: node.ledger.mark };
  try {
    for (let life = 0; life < lives; life += 1) node = await liveOnce(node, random);
    const disk = node.disk.powerLoss();
    const life = await Life.begin({ ...node, disk, world: new World(random, node.moment) });
    if (life === undefined) throw new Error('the node does not start');
    await examine(life);
    await silence(life);
    expect(life.ledger.last).toBeGreaterThan(100);
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  }
});
