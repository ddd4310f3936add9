/** One run: an ensemble, what is done to it, who uses it, and who watches. */
import { Commits } from './checkers/commits.ts';
import { Logs } from './checkers/logs.ts';
import { Words } from './checkers/words.ts';
import { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import { Faults } from './faults.ts';
import { Liveness } from './liveness.ts';
import { Losses } from './losses.ts';
import type { Swarm } from './swarm.ts';
import type { Chance } from './world/chance.ts';
import type { Ending, Life, Machine } from './world/machine.ts';
import type { Replica } from '../../src/replica/index.ts';
import { Violation, violated } from './world/world.ts';
import type { World } from './world/world.ts';
import { Clients } from './workload/clients.ts';

/** Mean time between two looks at a disk, milliseconds. */
const EXAMINE_MS = 2000;

/** Probability that a disk is looked at when its files have just changed. */
const EXAMINE_CHANGE = 0.2;

/** The same when a node has just begun with it, before one name of it changes, and while it is cut or replaced. */
const EXAMINE_START = 0.3;
const EXAMINE_NAME = 0.02;
const EXAMINE_CUT = 0.3;

/** So long an ensemble is waited for that is to be born first, and so often it is looked at, milliseconds. */
const BIRTH_MS = 20_000;
const BIRTH_LOOK_MS = 20;

export class Simulation {
  readonly #world: World;
  readonly #swarm: Swarm;
  readonly #plan: readonly Fault[];
  readonly #cluster: Cluster;
  readonly #losses: Losses;
  readonly #faults: Faults;
  readonly #commits = new Commits();
  readonly #logs: Logs;
  readonly #words: Words;
  readonly #clients: Clients;
  readonly #examining: Chance;
  /** Those that are started again when they have ended. */
  #supervised: readonly Machine[];

  constructor(world: World, swarm: Swarm, plan: readonly Fault[]) {
    this.#world = world;
    this.#plan = plan;
    this.#swarm = swarm;
    this.#examining = world.chance.fork('examine more');
    this.#cluster = new Cluster(world, swarm, {
      opened: (life, storage, recovered) => {
        for (const alarm of recovered.alarms) {
          world.trace.tell(() => `node ${life.machine.id} begins with an alarm: ${alarm}`);
        }
        this.#logs.opened(life, recovered);
        this.#logs.attend(life, storage);
        if (this.#examining.happens(EXAMINE_START)) this.#examine(life.machine);
      },
      made: (life, replica) => {
        this.#logs.follow(life, replica);
        this.#clients.suspensions.follow(life, replica);
      },
      links: (life, transport) => this.#words.attend(life, transport),
      answers: (life, answers) => this.#clients.take(life, answers),
      ended: (life, how, error) => this.#ended(life, how, error),
    });
    this.#supervised = this.#cluster.machines;
    this.#logs = new Logs(this.#commits, swarm.voters);
    this.#words = new Words(this.#logs);
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
    if (this.#world.hasFailed() || untilMs <= this.#world.nowMs) return;
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
    if (this.#swarm.isBornFirst) await this.#beBorn(untilMs);
    this.#faults.begin(this.#plan);
    await world.run(Math.min(world.nowMs + this.#swarm.safetyMs, untilMs));
    this.#tellState();
  }

  async #beBorn(untilMs: number): Promise<void> {
    const world = this.#world;
    const { machines } = this.#cluster;
    const endMs = Math.min(BIRTH_MS, untilMs);
    while (world.nowMs < endMs && !world.hasFailed()) {
      if (machines.every(({ isServing }) => isServing)) return;
      await world.run(world.nowMs + BIRTH_LOOK_MS);
    }
  }

  #tellState(): void {
    this.#world.trace.tell(
      () =>
        `${this.#cluster.describe()}; ` +
        `${this.#clients.answered} answers, ${this.#commits.last} records`,
    );
  }

  /** Now and then, and when its files have just changed: what a disk would have if the power went now. */
  #examineDisks(chance: Chance): void {
    const world = this.#world;
    this.#logs.onChange = ({ machine }) => {
      if (chance.happens(EXAMINE_CHANGE)) this.#examine(machine);
    };
    const next = (): void => {
      world.afterMs(chance.exponential(EXAMINE_MS), () => {
        const machine = chance.pick(this.#cluster.machines);
        if (machine.replica !== undefined) this.#examine(machine);
        next();
      });
    };
    next();
    for (const machine of this.#cluster.machines) {
      machine.disk.onName = () => {
        const likely = this.#logs.isChanging(machine.id) ? EXAMINE_CUT : EXAMINE_NAME;
        if (machine.replica === undefined || !this.#examining.happens(likely)) return;
        this.#examine(machine);
      };
    }
  }

  #examine(machine: Machine): void {
    const world = this.#world;
    if (machine.replica !== undefined) checkBounds(machine.replica, this.#swarm);
    machine.crashImage().then(
      (recovered) => {
        world.attempt(() => this.#logs.checkCrashImage(machine.id, recovered));
      },
      (error: unknown) => world.fail(error),
    );
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
    if (error instanceof Violation) this.#world.fail(error);
    else if (isFailure && !isDiskError(error) && !this.#replace(machine)) this.#world.fail(error);
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

/** I-18: what a node keeps for others is bounded. */
function checkBounds(replica: Replica, { limits }: Swarm): void {
  const kept = replica.metrics();
  const bounds = [
    ['forwarded requests', kept.forwardedRequests, limits.forwardedRequestsMax],
    ['transactions in the ring', kept.ringTransactions, limits.ringTransactionsMax],
    ['idempotency keys', kept.idempotencyKeys, limits.idempotencyKeysMax],
  ] as const;
  for (const [what, count, max] of bounds) {
    if (count > max) violated(`I-18: ${count} ${what}, and ${max} are the most`);
  }
}
