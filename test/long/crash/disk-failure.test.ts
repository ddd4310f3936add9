/**
 * The disk fails, fills up or hangs under a living node: it acknowledges nothing that is not safe, says so
 * where it must end, and goes on where it may.
 */
import { describe, expect, test } from 'vitest';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type { WriteOperation } from '../../../src/protocol/operations.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskFault, DiskOperation } from '../../support/memory-disk.ts';
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { codeOf, examine, examineLater } from './examine.ts';
import { LifeOver } from './fail.ts';
import type { Ledger } from './ledger.ts';
import { Life, operator } from './life.ts';
import { newLedger, scale, seedsFor } from './settings.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

type Fault = (operation: DiskOperation, random: Random) => DiskFault | undefined;

interface Run {
  readonly disk: MemoryDisk;
  readonly world: World;
  ledger: Ledger;
  /** Undefined when the node has not come to serve. */
  life?: Life;
  /** Why it has not, or has ended. */
  fatal?: Error;
}

const steps = 90;
const excused = new Set(['CONNECTIONLOSS', 'OPERATIONTIMEOUT']);

/** A life under a fault, to its end or the node's. */
async function live(seed: number, fault: Fault): Promise<Run> {
  const random = seededRandom(seed);
  const world = new World(random);
  const options = { random, schedule: world.schedule };
  const disk = new MemoryDisk({ ...options, fault: (operation) => fault(operation, random) });
  const run: Run = { disk, world, ledger: newLedger() };
  try {
    const onLedger = (ledger: Ledger): void => void (run.ledger = ledger);
    const life = await Life.begin({ disk, world, ledger: run.ledger, onLedger });
    if (life === undefined) {
      run.fatal = new Error('it does not serve');
      return run;
    }
    run.life = life;
    await use(run, life, random);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    run.fatal = error as Error;
  }
  return run;
}

async function use(run: Run, life: Life, random: Random): Promise<void> {
  const workload = new Workload(life, random);
  life.excused = excused;
  try {
    for (let step = 0; step < steps; step += 1) {
      if (life.fatal !== undefined) throw new LifeOver();
      await workload.step();
    }
    await life.settled();
    await examineLater(life);
  } catch (error) {
    if (!(error instanceof LifeOver) || life.fatal === undefined) throw error;
    run.fatal = life.fatal;
    await expectSilence(life);
  }
}

/** Whatever is asked of a node whose disk has failed, it writes nothing, and says so. */
async function expectSilence(life: Life): Promise<void> {
  const path = '/after' as ZnodePath;
  let code: string | undefined;
  life.excused = new Set();
  life.send({ operation: { type: 'put', path, data: new Uint8Array() } }, operator, (answer) => {
    code = codeOf(answer);
  });
  await life.world.settle();
  expect(code).toBe('CONNECTIONLOSS');
}

/** The next process on what the disk holds now, and the one after a power loss. */
async function restartTwice({ disk, world, ledger }: Run, random: Random): Promise<void> {
  let found = disk.kill();
  let mark = ledger.mark;
  for (const isLast of [false, true]) {
    const options = { disk: found, world: new World(random, world.moment), ledger, mark };
    const life = await Life.begin(options);
    if (life === undefined) throw new Error('the node does not start');
    await examine(life);
    expect(life.fatal).toBeUndefined();
    if (isLast) return;
    ledger = life.ledger;
    mark = ledger.mark;
    found = found.powerLoss(random() < 0.5 ? random : undefined);
  }
}

/** One run for each disk operation of the life that `seed` gives. */
async function atEveryOperation(
  seed: number,
  failure: (operation: DiskOperation, random: Random) => DiskFault,
): Promise<{ ended: number; wentOn: number }> {
  const count = { ended: 0, wentOn: 0 };
  for (let n = 1, isDue = true; isDue; n += 1) {
    isDue = false;
    const run = await live(seed, (operation, random) => {
      if (operation.index !== n) return undefined;
      isDue = true;
      return failure(operation, random);
    });
    try {
      if (run.fatal === undefined) count.wentOn += 1;
      else count.ended += 1;
      await restartTwice(run, seededRandom(seed + n));
    } catch (error) {
      const text = `seed ${seed}, operation ${n}: ${(error as Error).message}`;
      throw new Error(text, { cause: error });
    }
  }
  return count;
}

describe('a disk that fails', () => {
  test.for(seedsFor([1], scale))('at any operation, seed %i', async (seed) => {
    const count = await atEveryOperation(seed, (_operation, random) => ({
      type: 'error',
      code: 'EIO',
      written: Math.floor(random() * 600),
    }));
    // The log and the promise end the node, snapshots and the next segment do not.
    expect(count.ended).toBeGreaterThan(60);
    expect(count.wentOn).toBeGreaterThan(0);
  });
});

/** The n-th operation on the log and those behind it do not end before the disk is released. */
async function stalledAt(seed: number, n: number): Promise<{ unknown: number } | undefined> {
  const random = seededRandom(seed);
  const world = new World(random);
  const stall = { isDue: true };
  const disk = new MemoryDisk({
    random,
    schedule: world.schedule,
    fault: ({ index, path }) => {
      if (index < n || !stall.isDue || !path.startsWith('log/')) return undefined;
      stall.isDue = false;
      return { type: 'stall' };
    },
  });
  const life = await Life.begin({ disk, world, ledger: newLedger() });
  if (life === undefined) throw new Error('the node does not start');
  await life.watch('persistent-recursive', '/' as ZnodePath);
  const workload = new Workload(life, random);
  while (stall.isDue) await workload.step();
  life.excused = new Set([...excused, 'THROTTLEDOP']);
  for (let step = 0; step < 10; step += 1) await workload.step();
  for (let ms = 0; ms <= 5000; ms += 100) {
    world.pass(100);
    await world.settle();
  }
  expect(life.unanswered).toBe(0);
  disk.release();
  await life.settled();
  life.excused = new Set();
  for (let step = 0; step < 10; step += 1) await workload.step();
  await life.settled();
  await examineLater(life);
  expect(life.fatal).toBeUndefined();
  return { unknown: life.excusedAnswers };
}

describe('a disk that hangs', () => {
  test.for(seedsFor([8], scale))(
    'leaves writes with an unknown outcome, and the node goes on when it does, seed %i',
    async (seed) => {
      let unknown = 0;
      for (let n = 75; n < 175; n += 3) {
        const result = await stalledAt(seed + n, n);
        unknown += result?.unknown ?? 0;
      }
      expect(unknown).toBeGreaterThan(30);
    },
  );
});

describe('a full disk', () => {
  const path = '/big' as ZnodePath;
  const data = new Uint8Array(600);
  const small = new Uint8Array();

  async function start(): Promise<{
    readonly life: Life;
    readonly disk: MemoryDisk;
    readonly room: { capacityBytes: number };
  }> {
    const world = new World(seededRandom(9));
    const room = { capacityBytes: 1_000_000 };
    const options = Object.defineProperty({ schedule: world.schedule }, 'capacityBytes', {
      get: () => room.capacityBytes,
    });
    const disk = new MemoryDisk(options);
    const life = await Life.begin({ disk, world, ledger: newLedger() });
    if (life === undefined) throw new Error('the node does not start');
    return { life, disk, room };
  }

  async function passSeconds({ world }: Life, seconds: number): Promise<void> {
    for (let ms = 0; ms < seconds * 1000; ms += 100) {
      world.pass(100);
      await world.settle();
    }
  }

  async function accepted(life: Life, operation: WriteOperation): Promise<void> {
    life.write(operation, operator);
    await life.settled();
  }

  test('refuses growth when it is nearly so, and takes what makes room', async () => {
    const { life, disk, room } = await start();
    const put = { type: 'put', path, data } as const;
    await accepted(life, put);
    room.capacityBytes -= (await disk.freeBytes()) - 5000;
    await passSeconds(life, 6);
    const refused = await life.ask(put);
    expect(codeOf(refused)).toBe('QUOTAEXCEEDED');
    expect(codeOf(await life.ask({ type: 'newSession' }))).toBe('QUOTAEXCEEDED');
    await accepted(life, { type: 'delete', path });
    room.capacityBytes = 1_000_000;
    await passSeconds(life, 6);
    await accepted(life, put);
    expect(life.fatal).toBeUndefined();
  });

  test('ends the node before it acknowledges what has found no place', async () => {
    const { life, disk, room } = await start();
    const paths = Array.from({ length: 100 }, (_, index) => `/n${index}` as ZnodePath);
    for (const one of paths) await accepted(life, { type: 'put', path: one, data: small });
    room.capacityBytes -= await disk.freeBytes();
    life.excused = excused;
    // The segments that are there are filled up to the last byte.
    for (const one of paths) {
      if (life.fatal === undefined) life.write({ type: 'delete', path: one }, operator);
      await life.world.settle();
    }
    expect((life.fatal as NodeJS.ErrnoException | undefined)?.code).toBe('ENOSPC');
    expect(life.ledger.acknowledged).toBeGreaterThan(paths.length + 20);
    await expectSilence(life);
    await restartTwice({ disk, world: life.world, ledger: life.ledger }, seededRandom(10));
  });
});
