/** One run: an ensemble, what is done to it, who uses it, and who watches. */
import { Cluster } from './cluster.ts';
import { drawPlan, Faults } from './faults.ts';
import type { Swarm } from './swarm.ts';
import type { Ending, Life } from './world/machine.ts';
import type { World } from './world/world.ts';

export class Simulation {
  readonly #world: World;
  readonly #swarm: Swarm;
  readonly #cluster: Cluster;
  readonly #faults: Faults;

  constructor(world: World, swarm: Swarm) {
    this.#world = world;
    this.#swarm = swarm;
    this.#cluster = new Cluster(world, swarm, {
      opened: () => undefined,
      made: () => undefined,
      answers: () => undefined,
      ended: (life, how, error) => this.#ended(life, how, error),
    });
    this.#faults = new Faults(this.#cluster);
  }

  async run(untilMs: number): Promise<void> {
    const world = this.#world;
    const chance = world.chance.fork('start');
    for (const machine of this.#cluster.machines) {
      world.afterMs(chance.exponential(200), () => machine.start());
    }
    this.#faults.begin(drawPlan(this.#swarm, world.chance));
    await world.run(Math.min(this.#swarm.safetyMs, untilMs));
    world.trace.tell(() => this.#cluster.describe());
  }

  /** A supervisor starts what has ended. */
  #ended({ machine }: Life, how: Ending, error?: Error): void {
    if (how === 'refused-to-start' && !isDiskError(error)) this.#world.fail(error);
    const chance = this.#world.chance.fork(`restart ${this.#world.nowUs}`);
    const afterMs = chance.exponential(this.#swarm.faults.healMs);
    this.#world.afterMs(afterMs, () => machine.start());
  }
}

function isDiskError(error: Error | undefined): boolean {
  return ['EIO', 'ENOSPC'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
