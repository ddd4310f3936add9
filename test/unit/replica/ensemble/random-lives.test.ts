/**
 * Lives of an ensemble that nobody has thought of: links are cut, processes killed, power lost, leaders
 * stopped, snapshots taken, all under load. At the end everything is mended, and what was acknowledged is
 * there, what was refused is not, and all nodes have the same. A failure names its seed.
 */
import { expect, test } from 'vitest';
import { outcomeOf } from '../../../../src/protocol/errors.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';
import type { MemoryDiskOptions } from '../../../support/memory-disk.ts';
import { seededRandom } from '../../../support/random.ts';

/** Which lives; others are asked for by the environment, to look for what these do not find. */
const FIRST = Number(process.env['FIRST_SEED'] ?? 1);
const SEEDS = Number(process.env['SEEDS'] ?? 5);
const STEPS = 60;

class Story {
  readonly acknowledged: string[] = [];
  readonly refused: string[] = [];
  readonly #ensemble: InProcessEnsemble;
  readonly #random: () => number;
  #written = 0;

  constructor(ensemble: InProcessEnsemble, seed: number) {
    this.#ensemble = ensemble;
    this.#random = seededRandom(seed * 7919);
  }

  pick(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  async step(): Promise<void> {
    const { nodes } = this.#ensemble;
    for (let count = this.pick(12); count > 0; count -= 1) {
      const node = nodes[this.pick(nodes.length)];
      if (node !== undefined) this.#write(node);
    }
    await this.#act(this.pick(16));
    await this.#ensemble.pass([1, 20, 100, 400, 1500][this.pick(5)] ?? 1);
  }

  #write(node: EnsembleNode): void {
    const path = `/w${(this.#written += 1)}`;
    const data = new Uint8Array(this.pick(3) === 0 ? 1500 : 10);
    const create = { type: 'create', path, data, kind: 'persistent', sequential: false } as const;
    void node.ask(create).then((answer) => {
      if (answer.type === 'result') this.acknowledged.push(path);
      else if (outcomeOf(answer.error) === 'not-applied') this.refused.push(path);
    });
  }

  /** One of what may happen, each as likely as it stands here often. */
  async #act(choice: number): Promise<void> {
    const ensemble = this.#ensemble;
    const { members, leader } = ensemble;
    const id = members[this.pick(members.length)] ?? 1;
    const other = members[this.pick(members.length)] ?? 1;
    const running = ensemble.node(id).isRunning ? ensemble.node(id) : undefined;
    const mend = (): Promise<void> => this.mendNodes();
    const heal = (): void => ensemble.heal();
    const actions: readonly (() => unknown)[] = [
      () => running && ensemble.crash(id),
      () => running && ensemble.losePower(id, seededRandom(this.pick(1e6))),
      () => leader && ensemble.crash(leader.id),
      () => id !== other && ensemble.mesh.cut(id, other),
      () => ensemble.isolate(leader?.id ?? id),
      ...[heal, heal, mend, mend, mend],
      () => void running?.replica.takeSnapshot().catch(() => undefined),
      () => ensemble.mesh.delay(id, other, this.pick(2) * 150),
    ];
    await actions[choice]?.();
  }

  async mendNodes(): Promise<void> {
    for (const id of this.#ensemble.members) {
      if (!this.#ensemble.node(id).isRunning) await this.#ensemble.restart(id);
    }
  }
}

/** A disk that sometimes takes its time, so that completions outlive the roles that have asked for them. */
function moodyDisk(seed: number, id: number): MemoryDiskOptions {
  const random = seededRandom(seed * 31 + id);
  const later = (complete: () => void, turns: number): void => {
    if (turns === 0) complete();
    else setImmediate(later, complete, turns - 1);
  };
  return { schedule: (complete) => later(complete, random() < 0.7 ? 0 : Math.floor(random() * 5)) };
}

async function live(seed: number): Promise<number> {
  const ensemble = await InProcessEnsemble.start({
    seed,
    voters: seed % 3 === 0 ? [1, 2, 3, 4, 5] : [1, 2, 3],
    observers: seed % 2 === 0 ? [9] : [],
    limits: { ringTransactionsMax: 20 },
    settings: { snapshotEveryTransactions: 60 },
    unruly: seed % 5 !== 0,
    ...(seed % 4 !== 0 && { disk: (id: number) => moodyDisk(seed, id) }),
  });
  const story = new Story(ensemble, seed);
  for (let step = 0; step < STEPS; step += 1) {
    await story.step();
    for (const id of ensemble.members) expect(ensemble.node(id).fatal).toBeUndefined();
  }
  for (const a of ensemble.members) for (const b of ensemble.members) ensemble.mesh.delay(a, b, 0);
  ensemble.heal();
  await story.mendNodes();
  await ensemble.untilServing();
  await ensemble.pass(6000);
  await ensemble.untilEqual();
  expect(new Set(ensemble.nodes.map(({ digest }) => digest)).size).toBe(1);
  const { theLeader } = ensemble;
  for (const path of story.acknowledged) expect(await theLeader.get(path), path).toBeDefined();
  for (const path of story.refused) expect(await theLeader.get(path), path).toBeUndefined();
  await ensemble.stop();
  return story.acknowledged.length;
}

test('whatever happens, what was acknowledged stays and all nodes agree', async () => {
  let acknowledged = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    acknowledged += await live(seed).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
  }
  expect(acknowledged).toBeGreaterThan(30 * SEEDS);
}, 600_000);
