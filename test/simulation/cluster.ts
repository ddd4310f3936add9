/** The machines of one simulation, as its options want them. */
import { Chance } from './world/chance.ts';
import { MachineClock } from './world/clock.ts';
import { SimulatedDisk } from './world/disk.ts';
import { Machine } from './world/machine.ts';
import type { Observer } from './world/machine.ts';
import { SimulatedNetwork } from './world/network.ts';
import type { World } from './world/world.ts';
import type { Swarm } from './swarm.ts';

export class Cluster {
  readonly world: World;
  readonly swarm: Swarm;
  readonly network: SimulatedNetwork;
  readonly machines: readonly Machine[];

  constructor(world: World, swarm: Swarm, observer: Observer) {
    this.world = world;
    this.swarm = swarm;
    this.network = new SimulatedNetwork(world, swarm.network);
    const members = [
      ...swarm.voters.map((id) => ({ id, role: 'voter' as const })),
      ...swarm.observers.map((id) => ({ id, role: 'observer' as const })),
    ];
    this.machines = members.map(({ id }) => {
      const chance = world.chance.fork(`machine ${id}`);
      return new Machine({
        ...{ id, world, chance, observer, members, network: this.network },
        clock: new MachineClock(world, this.#clockRate(chance)),
        disk: new SimulatedDisk(world, chance.fork('disk'), {
          syncMs: swarm.syncMs,
          otherMs: swarm.otherDiskMs,
        }),
        settings: settingsOf(swarm),
        storage: { segmentBytes: swarm.segmentBytes, snapshotsRetained: 2 },
        inputUs: swarm.inputUs,
      });
    });
    this.calmLinks();
  }

  get voters(): readonly Machine[] {
    return this.machines.filter(({ id }) => this.swarm.voters.includes(id));
  }

  get running(): readonly Machine[] {
    return this.machines.filter(({ life }) => life !== undefined);
  }

  /** All links as the run began with them. @param jitterMaxMs where they must not be so bad */
  calmLinks(among: readonly Machine[] = this.machines, jitterMaxMs = Infinity): void {
    const { baseMs, bandwidth } = this.swarm.network;
    const jitterMs = Math.min(this.swarm.network.jitterMs, jitterMaxMs);
    for (const { id: from } of among) {
      for (const { id: to } of among) {
        if (from === to) continue;
        Object.assign(this.network.link(from, to), { baseMs, jitterMs, bandwidth });
        this.network.mend(from, to);
      }
    }
  }

  describe(): string {
    return this.machines
      .map(({ id, life, replica }) => {
        if (life === undefined) return `${id} down`;
        if (replica === undefined) return `${id} starting`;
        const { epoch, leader, appliedZxid, notReady = 'serves' } = replica.status();
        return `${id} epoch ${epoch} leader ${leader ?? '-'} at ${appliedZxid}: ${notReady}`;
      })
      .join('; ');
  }

  #clockRate(chance: Chance): number {
    return 1 + (chance.fork('clock').real() * 2 - 1) * this.swarm.clockDrift;
  }
}

function settingsOf(swarm: Swarm): Machine['parts']['settings'] {
  return {
    voters: swarm.voters,
    observers: swarm.observers,
    limits: swarm.limits,
    tickMs: swarm.tickMs,
    peerTimeouts: swarm.peerTimeouts,
    sessionTimeoutMinMs: 2 * swarm.tickMs,
    sessionTimeoutMaxMs: 60_000,
    sessionTimeoutDefaultMs: swarm.workload.sessionTimeoutMs,
    containerCheckMs: 2000,
    containerNeverUsedMs: 5000,
    snapshotEveryTransactions: swarm.snapshotEveryTransactions,
    readOnlyMode: swarm.readOnlyMode,
  };
}
