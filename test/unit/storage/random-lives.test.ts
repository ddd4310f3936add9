/** Lives that nobody has thought of, stopped anywhere: the same must hold. A failure names its seed. */
import { expect, test } from 'vitest';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { seededRandom, type Random } from '../../support/random.ts';
import { Life, aftermaths, check, stopAt, type Script } from './life.ts';
import { openStorage } from './open.ts';

const STEPS = 25;

/** What a step may do, until `weight` of all chance. */
interface Choice {
  readonly weight: number;
  readonly step: (state: State) => Promise<void> | void;
}

interface State {
  readonly life: Life;
  /** A whole number from 0 to below `bound`. */
  readonly pick: (bound: number) => number;
  epoch: number;
  /** Where the last snapshot was taken. */
  floor: number;
  snapshot: Promise<void> | undefined;
}

const choices: readonly Choice[] = [
  {
    weight: 0.3,
    step: ({ life, pick, epoch }) => life.append(1 + pick(6), { bytes: pick(400), epoch }),
  },
  {
    weight: 0.6,
    step: ({ life, pick, epoch }) => life.appendDurably(1 + pick(12), { bytes: pick(200), epoch }),
  },
  { weight: 0.7, step: newEpoch },
  { weight: 0.85, step: snapshot },
  { weight: 1, step: truncate },
];

async function newEpoch(state: State): Promise<void> {
  state.epoch += 1 + state.pick(2);
  await state.life.promise(state.epoch);
  state.life.append(1, { epoch: state.epoch });
}

/** Sometimes waits for it, sometimes goes on beside it. */
async function snapshot(state: State): Promise<void> {
  const { life, pick, floor } = state;
  const { durableZxid } = life.ledger;
  if (state.snapshot !== undefined || durableZxid <= floor) return;
  state.floor = floor + 1 + pick(durableZxid - floor);
  state.snapshot = life.snapshot(state.floor, 1 + pick(state.floor)).finally(() => {
    state.snapshot = undefined;
  });
  if (pick(2) === 0) await state.snapshot;
}

async function truncate({ life, pick, floor, ...state }: State): Promise<void> {
  const { length } = life.ledger.history.records;
  await state.snapshot;
  await life.truncateAfter(floor + pick(length - floor + 1));
}

function scriptOf(random: Random): Script {
  return async (disk, begin) => {
    const pick = (bound: number): number => Math.floor(random() * bound);
    const { storage, recovered } = await openStorage(disk, {
      snapshotsRetained: 1 + pick(3),
      segmentBytes: 1024 + pick(3000),
      batchBytesMax: 200 + pick(3000),
    });
    const life = new Life(storage, recovered);
    const state: State = { life, pick, epoch: 1, floor: 0, snapshot: undefined };
    begin(life);
    await life.promise(1);
    for (let count = 0; count < STEPS; count += 1) {
      const chance = random();
      await choices.find(({ weight }) => chance < weight)?.step(state);
      for (let turn = pick(20); turn > 10; turn -= 1) await Promise.resolve();
    }
    await state.snapshot;
    await life.close();
  };
}

test('a random life, stopped anywhere, starts again with all it had acknowledged', async () => {
  let checked = 0;
  for (let seed = 1; seed <= 50; seed += 1) {
    const whole = new MemoryDisk();
    await scriptOf(seededRandom(seed))(whole, () => undefined);
    const where = seededRandom(-seed);
    for (let stop = 0; stop < 3; stop += 1) {
      const n = 1 + Math.floor(where() * whole.operations);
      const stopped = await stopAt(n, scriptOf(seededRandom(seed)));
      if (stopped === undefined) continue;
      for (const [name, disk] of aftermaths(stopped.disk, n)) {
        checked += 1;
        await check(disk, stopped.ledger).catch((cause: unknown) => {
          throw new Error(`seed ${seed}, stopped at operation ${n}, ${name}`, { cause });
        });
      }
    }
  }
  expect(checked).toBeGreaterThan(600);
}, 60_000);
