/**
 * After the faults a core of the ensemble that holds a quorum is healed, and everything else fails for good: it
 * must come to serve within bounded time, answer everything, and hold no further election. So what works only
 * because everything heals is found.
 */
import type { Replica } from '../../src/replica/index.ts';
import { defaultTimeouts } from '../../src/zab/options.ts';
import type { Commits } from './checkers/commits.ts';
import type { Logs } from './checkers/logs.ts';
import { same } from './checkers/same.ts';
import type { Cluster } from './cluster.ts';
import type { Chance } from './world/chance.ts';
import type { Machine } from './world/machine.ts';
import { violated } from './world/world.ts';
import type { Clients } from './workload/clients.ts';

/** Within so long the core serves, milliseconds: a candidate that nobody follows gives up after 20 s. */
const CONVERGENCE_MS = 60_000;

/**
 * How often is asked whether it does, milliseconds, and how many times in a row it must: a leadership that was
 * being handed over when the core was healed is another one only after a while.
 */
const LOOK_MS = 50;
const LOOKS = 20;

/** It is used for so long, milliseconds. */
const USE_MS = 1500;

/** It is left alone for as long as an answer may take, twice, and so much longer, milliseconds. */
const QUIET_MS = 500;

/** A node waits for another for so many times the mean delay of a packet: then none is ever too late by chance. */
const JITTERS_OF_PATIENCE = 50;

/** Within so long everything has been answered then, milliseconds: long queues over slow links take their time. */
const REST_MS = 30_000;

export interface LivenessParts {
  readonly cluster: Cluster;
  readonly clients: Clients;
  readonly commits: Commits;
  readonly logs: Logs;
  /** Voters that do not count, having lost what they had. */
  readonly losers: ReadonlySet<number>;
}

export class Liveness {
  readonly core: readonly Machine[];
  readonly #parts: LivenessParts;
  readonly #chance: Chance;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
    this.#chance = parts.cluster.world.chance.fork('liveness');
    this.core = this.#chooseCore();
  }

  /** Heals the core and ends the rest. */
  begin(): void {
    const { cluster, clients } = this.#parts;
    const { world } = cluster;
    world.trace.tell(() => `the core is ${this.core.map(({ id }) => id).join(', ')}`);
    for (const machine of cluster.machines) {
      if (this.core.includes(machine)) heal(machine);
      else this.#giveUp(machine);
    }
    // A question and its answer are never under way for longer than the nodes wait for one another.
    const { peerMs = defaultTimeouts.peerMs } = cluster.swarm.peerTimeouts;
    cluster.calmLinks(this.core, peerMs / JITTERS_OF_PATIENCE);
    clients.keepTo(this.core);
  }

  /** @throws Violation where the core does not do what it must */
  async run(): Promise<void> {
    const { cluster, clients } = this.#parts;
    const { world } = cluster;
    const deadlineMs = world.nowMs + CONVERGENCE_MS;
    for (let looks = 0; looks < LOOKS && world.nowMs < deadlineMs && !world.hasFailed();) {
      await world.run(world.nowMs + LOOK_MS);
      looks = this.#hasConverged() ? looks + 1 : 0;
    }
    if (world.hasFailed()) return;
    if (!this.#hasConverged()) violated(`liveness: no convergence: ${cluster.describe()}`);
    const epoch = this.#epoch();
    await world.run(world.nowMs + USE_MS);
    clients.isQuiet = true;
    const answeredMs = cluster.swarm.limits.requestTimeoutMs + QUIET_MS;
    await world.run(world.nowMs + answeredMs);
    for (const client of clients.all) client.check();
    // What many have asked before is answered one after another, and housekeeping may be at work at any moment.
    const restMs = world.nowMs + REST_MS;
    while (world.nowMs < restMs && !world.hasFailed() && !this.#isAtRest()) {
      await world.run(world.nowMs + 1);
    }
    if (world.hasFailed()) return;
    same(this.#epoch(), epoch, () => 'liveness: the epoch after a quiet time');
    this.#checkEnd();
  }

  /** As many voters as a quorum needs at least, and anybody else or not. */
  #chooseCore(): readonly Machine[] {
    const { cluster, losers, commits } = this.#parts;
    const { voters, machines } = cluster;
    // An ensemble is born only of all its voters.
    const quorum = commits.last === 0 ? voters.length : Math.floor(voters.length / 2) + 1;
    const able = this.#chance.shuffled(voters.filter(({ id }) => !losers.has(id)));
    const chosen = able.slice(0, this.#chance.between(quorum, able.length));
    const others = machines.filter(
      (machine) => !able.includes(machine) && this.#chance.happens(0.7),
    );
    return [...chosen, ...others].sort((a, b) => a.id - b.id);
  }

  #giveUp(machine: Machine): void {
    const { network, machines } = this.#parts.cluster;
    switch (this.#chance.below(4)) {
      case 0:
        machine.kill();
        break;
      case 1:
        machine.losePower('chance');
        break;
      case 2:
        machine.pause();
        break;
      default:
        for (const { id } of machines) {
          if (id === machine.id) continue;
          network.cut(machine.id, id);
          network.cut(id, machine.id);
        }
    }
  }

  #hasConverged(): boolean {
    if (!this.core.every((machine) => machine.isServing)) return false;
    const leaders = new Set(this.core.map(({ replica }) => replica?.status().leader));
    return leaders.size === 1 && this.core.some(({ id }) => leaders.has(id));
  }

  #epoch(): number | undefined {
    return this.core[0]?.replica?.status().epoch;
  }

  #isAtRest(): boolean {
    const { clients, commits } = this.#parts;
    const isAnswered = clients.all.every(({ unanswered }) => unanswered === 0);
    return (
      isAnswered &&
      this.core.every(({ replica }) => replica?.status().appliedZxid === commits.last) &&
      this.core.every(({ replica }) => Object.values(roomTakenIn(replica)).every((n) => n === 0))
    );
  }

  #checkEnd(): void {
    const { cluster, clients, commits, logs } = this.#parts;
    for (const { id, replica } of this.core) {
      same(logs.isWhole(id), true, () => `liveness: whether node ${id} is whole again`);
      const applied = replica?.status().appliedZxid;
      same(applied, commits.last, () => `liveness: where node ${id} is (${cluster.describe()})`);
      commits.digestSeen(commits.last, replica?.metrics().digest ?? '');
      same(roomTakenIn(replica), noRoom, () => `I-18: what node ${id} still has under way at rest`);
    }
    for (const client of clients.all) {
      same(client.unanswered, 0, () => `liveness: unanswered requests of client ${client.id}`);
    }
  }
}

const noRoom = { requests: 0, requestBytes: 0, transactions: 0, transactionBytes: 0 };

/** What counts against the limits of a node until it is answered, or applied. */
function roomTakenIn(replica: Replica | undefined): typeof noRoom {
  const kept = replica?.metrics();
  return {
    requests: kept?.forwardedRequests ?? 0,
    requestBytes: kept?.forwardedBytes ?? 0,
    transactions: kept?.outstandingTransactions ?? 0,
    transactionBytes: kept?.outstandingBytes ?? 0,
  };
}

function heal(machine: Machine): void {
  machine.disk.repair();
  machine.calm();
  // Who was told to end before would do so later, as one more fault.
  if (machine.life?.isStopping === true) machine.kill();
  machine.life?.process.crashAtSend(Infinity, true);
  machine.resume();
  machine.start();
}
