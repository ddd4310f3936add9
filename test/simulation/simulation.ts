/** One run: an ensemble, what is done to it, who uses it, and who watches. */
import { Commits } from './checkers/commits.ts';
import { Logs } from './checkers/logs.ts';
import { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import { Faults } from './faults.ts';
import { Liveness } from './liveness.ts';
import { Losses } from './losses.ts';
import type { Swarm } from './swarm.ts';
import type { Chance } from './world/chance.ts';
import type { Ending, Life, Machine } from './world/machine.ts';
import type { World } from './world/world.ts';
import { Clients } from './workload/clients.ts';

/** Mean time between two looks at a disk, milliseconds. */
const EXAMINE_MS = 2000;

export class Simulation {
  readonly #world: World;
  readonly #swarm: Swarm;
  readonly #plan: readonly Fault[];
  readonly #cluster: Cluster;
  readonly #losses: Losses;
  readonly #faults: Faults;
  readonly #commits = new Commits();
  readonly #logs: Logs;
  readonly #clients: Clients;
  /** Those that are started again when they have ended. */
  #supervised: readonly Machine[];

  constructor(world: World, swarm: Swarm, plan: readonly Fault[]) {
    this.#world = world;
    this.#plan = plan;
    this.#swarm = swarm;
    this.#cluster = new Cluster(world, swarm, {
      opened: (life, storage, recovered) => {
        for (const alarm of recovered.alarms) {
          world.trace.tell(() => `node ${life.machine.id} begins with an alarm: ${alarm}`);
        }
        this.#logs.opened(life, recovered);
        this.#logs.attend(life, storage);
      },
      made: (life, replica) => this.#logs.follow(life, replica),
      answers: (life, answers) => this.#clients.take(life, answers),
      ended: (life, how, error) => this.#ended(life, how, error),
    });
    this.#supervised = this.#cluster.machines;
    this.#logs = new Logs(this.#commits, swarm.voters);
    this.#losses = new Losses(this.#cluster, this.#logs, () => this.#commits.last > 0);
    this.#faults = new Faults(this.#cluster, this.#losses);
    this.#clients = new Clients(this.#cluster, this.#commits, (zxid) =>
      this.#logs.everDurable(zxid),
    );
    this.#commits.onCommit = (committed) => this.#clients.committed(committed);
    this.#logs.onProposed = (life, record) => this.#clients.sessions.proposed(life, record);
  }

  async run(untilMs: number): Promise<void> {
    await this.#live(untilMs);
    if (this.#world.failure !== undefined || untilMs <= this.#swarm.safetyMs) return;
    this.#faults.end();
    const parts = {
      cluster: this.#cluster,
      clients: this.#clients,
      commits: this.#commits,
      logs: this.#logs,
      losers: this.#losses.voters,
    };
    const liveness = new Liveness(parts);
    this.#supervised = liveness.core;
    liveness.begin();
    await liveness.run();
    this.#tellState();
  }

  async #live(untilMs: number): Promise<void> {
    const world = this.#world;
    const chance = world.chance.fork('start');
    for (const machine of this.#cluster.machines) {
      world.afterMs(chance.exponential(200), () => machine.start());
    }
    this.#examineDisks(world.chance.fork('examine'));
    this.#clients.begin();
    this.#faults.begin(this.#plan);
    await world.run(Math.min(this.#swarm.safetyMs, untilMs));
    this.#tellState();
  }

  #tellState(): void {
    this.#world.trace.tell(
      () =>
        `${this.#cluster.describe()}; ` +
        `${this.#clients.answered} answers, ${this.#commits.last} records`,
    );
  }

  /** Now and then: what a disk would have if the power went now, against what its node has said. */
  #examineDisks(chance: Chance): void {
    const world = this.#world;
    world.afterMs(chance.exponential(EXAMINE_MS), () => {
      const machine = chance.pick(this.#cluster.machines);
      if (machine.replica !== undefined) {
        machine.crashImage().then(
          (recovered) => {
            world.attempt(() => this.#logs.checkCrashImage(machine.id, recovered));
          },
          (error: unknown) => world.fail(error),
        );
      }
      this.#examineDisks(chance);
    });
  }

  /** Files of a disk that has lied may contradict one another: then the node refuses, and an operator gives it a new one. */
  #replace(machine: Machine): boolean {
    if (!this.#logs.isExcused(machine.id) || !this.#losses.mayWipe(machine)) return false;
    machine.wipe();
    return true;
  }

  /** A supervisor starts what has ended. */
  #ended(life: Life, how: Ending, error?: Error): void {
    const { machine } = life;
    this.#clients.ended(life);
    // A disk may end a node, and nothing else.
    const isFailure = how === 'refused-to-start' || how === 'fatal';
    if (isFailure && !isDiskError(error) && !this.#replace(machine)) this.#world.fail(error);
    const chance = this.#world.chance.fork(`restart ${this.#world.nowUs}`);
    const afterMs = chance.exponential(this.#swarm.faults.healMs);
    this.#world.afterMs(afterMs, () => {
      if (this.#supervised.includes(machine)) machine.start();
    });
  }
}

function isDiskError(error: Error | undefined): boolean {
  return ['EIO', 'ENOSPC', 'EROFS'].includes(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  );
}
