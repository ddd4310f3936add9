import { describe, expect, it } from 'vitest';
import type { Observation, SlotEvents, Target } from '../../crosscheck/observation.ts';
import type { Step } from '../../crosscheck/program.ts';
import { emptyStatistics, runProgram, type Failure } from '../../crosscheck/runner.ts';

/** A tree so simple that it only counts its writes; what it does wrong is said at its making. */
class FakeTarget implements Target {
  readonly name = 'fake';
  readonly ordersEvents = true;
  readonly tellsKind = false;
  readonly #wrong: (step: Step, right: Observation) => Observation;
  readonly #tells: boolean;
  #zxid: number;
  #events: SlotEvents = [[], []];
  finished = 0;

  constructor(
    firstZxid: number,
    wrong: (step: Step, right: Observation) => Observation = (_step, right) => right,
    tells = true,
  ) {
    this.#zxid = firstZxid;
    this.#wrong = wrong;
    this.#tells = tells;
  }

  async begin(): Promise<readonly [string, string]> {
    return [`${this.#zxid}`, `${this.#zxid + 1}`];
  }

  async execute(step: Step): Promise<Observation> {
    if (step.type !== 'set') return this.#wrong(step, { code: 0 });
    this.#zxid++;
    const event = { type: 'NodeDataChanged', path: step.path };
    if (this.#tells) this.#events = [[event], []];
    return this.#wrong(step, { code: 0, zxid: this.#zxid });
  }

  async collect(): Promise<SlotEvents> {
    const events = this.#events;
    this.#events = [[], []];
    return events;
  }

  async abandon(): Promise<void> {
    throw new Error('no program abandons a session');
  }

  async finish(): Promise<void> {
    this.finished++;
  }
}

const set: Step = { type: 'set', slot: 0, path: '@', data: '', version: -1 };
const sync: Step = { type: 'sync', slot: 0 };

async function run(
  actual: FakeTarget,
  program: readonly Step[] = [sync, set, sync, set],
): Promise<Failure | undefined> {
  const expected = new FakeTarget(100);
  const statistics = emptyStatistics();
  const failure = await runProgram(program, '/base', { expected, actual, known: [], statistics });
  expect([expected.finished, actual.finished]).toEqual([1, 1]);
  if (failure === undefined) {
    expect(statistics.operations).toEqual(
      new Map([
        ['sync 0', 2],
        ['set 0', 2],
      ]),
    );
    expect(statistics.events).toBe(2);
  }
  return failure;
}

describe('a program on two targets', () => {
  it('finds nothing where they differ in their own numbers only', async () => {
    expect(await run(new FakeTarget(7))).toBeUndefined();
  });

  it('stops at the first step that is answered otherwise', async () => {
    let sets = 0;
    const wrong = (step: Step, right: Observation): Observation =>
      step.type === 'set' && ++sets === 2 ? { code: -103 } : right;
    const failure = await run(new FakeTarget(7, wrong));
    expect(failure).toMatchObject({ at: 3, step: set, differences: [{ field: 'code' }] });
  });

  it('finds an event that is missing', async () => {
    const failure = await run(new FakeTarget(7, undefined, false));
    expect(failure).toMatchObject({ at: 1, differences: [{ field: 'events of session 0' }] });
  });

  it('finds at the end that writes were numbered in another order', async () => {
    let zxid = 50;
    const wrong = (_step: Step, right: Observation): Observation =>
      right.zxid === undefined ? right : { code: 0, zxid: zxid-- };
    const failure = await run(new FakeTarget(7, wrong));
    expect(failure).toMatchObject({ at: 4, differences: [{ field: 'order of zxids' }] });
  });
});
