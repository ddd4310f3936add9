/**
 * What is done to the ensemble. A plan is drawn from the seed before the run begins and is plain data, so that
 * it can be kept, shortened and played again; whom a fault hits is decided when it comes (`isOnLeader`).
 *
 * To add a fault: `README.md`.
 */
import type { Cluster } from './cluster.ts';
import { nameOf } from './fault-options.ts';
import type { Losses } from './losses.ts';
import { bringBack, rollingRestart } from './operators.ts';
import { rot } from './rot.ts';
import type { RotKind } from './rot.ts';
import type { FaultSwarm, Swarm } from './swarm.ts';
import type { Chance } from './world/chance.ts';
import type { Machine } from './world/machine.ts';

export type FaultKind = Exclude<keyof FaultSwarm, 'healMs'>;

export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Whom it hits, and who is at the other end. */
  readonly node: number;
  readonly other: number;
  readonly isOnLeader: boolean;
  /** How long it lasts, milliseconds. */
  readonly lastsMs: number;
  /** A number in [0, 1), for what else a fault has to choose. */
  readonly dice: number;
}

export function drawPlan(swarm: Swarm, chance: Chance): readonly Fault[] {
  const { healMs, ...means } = swarm.faults;
  const ids = [...swarm.voters, ...swarm.observers];
  const plan: Fault[] = [];
  for (const [kind, meanMs] of Object.entries(means) as [FaultKind, number][]) {
    const own = chance.fork(`fault ${kind}`);
    if (meanMs === 0) continue;
    for (let atMs = own.exponential(meanMs); atMs < swarm.safetyMs;) {
      const [node = 1, other = 1] = own.shuffled(ids);
      plan.push({
        ...{ atMs, kind, node, other, isOnLeader: own.happens(kind === 'isolateMs' ? 0.9 : 0.4) },
        lastsMs: own.exponential(healMs),
        dice: own.real(),
      });
      atMs += own.exponential(meanMs);
    }
  }
  return plan.sort((a, b) => a.atMs - b.atMs);
}

/** What a disk does that is read only no longer. */
const changes = ['write', 'sync', 'rename', 'syncDirectory', 'create', 'remove'] as const;

/** At least so long somebody is isolated: others that have heard nothing of a leader need it to elect one. */
const ISOLATED_MS = 500;

/** What a piece of input takes on a slow node: from so many microseconds to so many times as much. */
const SLOW_INPUT_US = 500;
const SLOWER = 60;

export class Faults {
  readonly #cluster: Cluster;
  readonly #swarm: Swarm;
  readonly #losses: Losses;
  #isOver = false;

  constructor(cluster: Cluster, losses: Losses) {
    this.#cluster = cluster;
    this.#swarm = cluster.swarm;
    this.#losses = losses;
    for (const machine of cluster.machines) {
      machine.disk.mayTakeBack = () => losses.mayTakeBack(machine);
    }
  }

  begin(plan: readonly Fault[]): void {
    for (const fault of plan) {
      this.#cluster.world.afterMs(fault.atMs, () => {
        if (!this.#isOver) this.#inflict(fault);
      });
    }
  }

  /** From now on nothing is done any more, and nothing that was done is put right. */
  end(): void {
    this.#isOver = true;
  }

  #inflict(fault: Fault): void {
    const { world } = this.#cluster;
    const { machines } = this.#cluster;
    const leader = machines.find(({ replica, id }) => replica?.status().leader === id);
    const chosen = fault.isOnLeader && leader !== undefined ? leader.id : fault.node;
    const machine = machines.find(({ id }) => id === chosen);
    if (machine === undefined) return;
    const other = fault.other === chosen ? fault.node : fault.other;
    world.trace.tell(() => `fault ${nameOf(fault.kind)} node ${chosen} other ${other}`);
    world.trace.mix(chosen);
    this.#deeds[fault.kind](machine, { ...fault, node: chosen, other });
  }

  #later(fault: Fault, task: () => void, factor = 1): void {
    this.#cluster.world.afterMs(fault.lastsMs * factor, () => {
      if (!this.#isOver) task();
    });
  }

  /** Cuts now and mends later. */
  #cut(fault: Fault, pairs: readonly (readonly [from: number, to: number])[]): void {
    const { network } = this.#cluster;
    for (const [from, to] of pairs) network.cut(from, to);
    this.#later(fault, () => {
      for (const [from, to] of pairs) network.mend(from, to);
    });
  }

  #pairsWith(node: number): readonly (readonly [number, number])[] {
    return this.#cluster.machines.flatMap(({ id }) =>
      id === node ? [] : ([[node, id] as const, [id, node] as const] as const),
    );
  }

  /** A part of the nodes on one side, the rest on the other. */
  #partition(fault: Fault): void {
    const mask = Math.floor(fault.dice * 2 ** this.#cluster.machines.length);
    this.#divide(fault, (id) => ((mask >> (id - 1)) & 1) === 1);
  }

  /**
   * One node is cut off from all, or two are, the second perhaps with a disk that stands still: a leader that
   * goes on to propose, with one that goes on to follow it, until the others have elected another.
   */
  #isolate(fault: Fault): void {
    const { node, other, dice } = fault;
    const lastsMs = fault.lastsMs + ISOLATED_MS;
    this.#divide({ ...fault, lastsMs }, (id) => id === node || (id === other && dice < 0.6));
    if (dice > 0.4) return;
    const follower = this.#cluster.machines.find(({ id }) => id === other);
    follower?.disk.stall(lastsMs * 2);
  }

  #divide(fault: Fault, isInside: (id: number) => boolean): void {
    const ids = this.#cluster.machines.map(({ id }) => id);
    const pairs = ids.flatMap((from) =>
      ids.filter((to) => isInside(to) !== isInside(from)).map((to) => [from, to] as const),
    );
    this.#cut(fault, pairs);
  }

  /** Nodes lose their links one after another, and have them back in another order. */
  #swizzle(fault: Fault): void {
    const { world, machines, network } = this.#cluster;
    const chance = world.chance.fork(`swizzle ${fault.atMs}`);
    const nodes = chance.shuffled(machines).slice(0, chance.between(1, machines.length));
    for (const { id } of nodes) {
      const pairs = this.#pairsWith(id);
      world.afterMs(chance.exponential(fault.lastsMs / 2), () => {
        if (this.#isOver) return;
        for (const [from, to] of pairs) network.cut(from, to);
        world.afterMs(chance.exponential(fault.lastsMs), () => {
          if (this.#isOver) return;
          for (const [from, to] of pairs) network.mend(from, to);
        });
      });
    }
  }

  #slow(fault: Fault): void {
    const { network } = this.#cluster;
    const link = network.link(fault.node, fault.other);
    const before = { ...link };
    link.baseMs += fault.dice * 500;
    link.bandwidth = Math.min(link.bandwidth, fault.dice < 0.3 ? 20 : 2000);
    this.#later(
      fault,
      () => {
        link.baseMs = before.baseMs;
        link.bandwidth = before.bandwidth;
      },
      3,
    );
  }

  /** Alive, and late with everything, as with a neighbour that takes the processor: what comes queues up. */
  #slowNode(machine: Machine, fault: Fault): void {
    machine.inputUs = SLOW_INPUT_US * SLOWER ** fault.dice;
    this.#later(fault, () => machine.calm(), 3);
  }

  #fill(machine: Machine, fault: Fault): void {
    const used = Number.MAX_SAFE_INTEGER;
    const { disk } = machine;
    disk.disk.freeBytes().then(
      (free) => {
        disk.capacityBytes = used - free + Math.floor(fault.dice * 8 * this.#swarm.segmentBytes);
      },
      (error: unknown) => this.#cluster.world.fail(error),
    );
    this.#later(fault, () => (disk.capacityBytes = Number.MAX_SAFE_INTEGER), 5);
  }

  #wipe(machine: Machine): void {
    if (this.#losses.mayWipe(machine)) machine.wipe();
  }

  /** The disk has lied long enough: the power goes. */
  #takeBack(machine: Machine, { dice }: Fault): void {
    const { disk } = machine;
    if (!disk.isLying) return;
    if (this.#losses.mayForget(machine)) machine.losePower(dice < 0.5 ? 'worst' : 'chance');
    else if (dice < 0.2) this.#wipe(machine);
    else disk.beHonest();
  }

  /**
   * All disks but two stand still, each for a time of its own, so that a leader and one more have what is not
   * committed yet; then that one loses its log, and is back before the others have it.
   */
  #loseLatest(machine: Machine, fault: Fault): void {
    const { machines } = this.#cluster;
    const leader = machines.find(({ replica, id }) => replica?.status().leader === id);
    const loser = machine === leader ? machines.find(({ id }) => id === fault.other) : machine;
    if (leader === undefined || loser === undefined || loser === leader) return;
    for (const { id, disk } of machines) {
      if (id === leader.id || id === loser.id) continue;
      disk.stall(fault.lastsMs * (1 + ((fault.dice * 10 ** id) % 1)));
    }
    this.#later(fault, () => this.#damage(loser, fault, { kind: 'log', isBackAtOnce: true }), 0.2);
  }

  /** Found at the next start: one of two copies is replaced by the other, and a damaged log is fetched anew. */
  #rot(machine: Machine, fault: Fault): void {
    const { dice } = fault;
    // Who is back at once is asked before anybody has taken note that it was away.
    this.#damage(machine, fault, { kind: rotKindOf(dice), isBackAtOnce: (dice * 10) % 1 < 0.5 });
  }

  #damage(
    machine: Machine,
    { dice }: Fault,
    { kind, isBackAtOnce }: { readonly kind: RotKind; readonly isBackAtOnce: boolean },
  ): void {
    if (kind !== 'copy' && !this.#losses.mayDamage(machine)) return;
    machine.kill();
    const { world } = this.#cluster;
    const suffix = machine.id % 2 === 0 ? 'a' : 'b';
    const place = { which: (dice * 1000) % 1, where: (dice * 100_000) % 1 };
    rot(machine.disk.disk, { kind, suffix, ...place }).then(
      (path) => {
        world.trace.tell(() => `node ${machine.id} rots: ${path ?? 'nothing'}`);
        if (!this.#isOver && isBackAtOnce) machine.start();
      },
      (error: unknown) => world.fail(error),
    );
  }

  readonly #deeds: Record<FaultKind, (machine: Machine, fault: Fault) => void> = {
    killMs: (machine) => machine.kill(),
    powerMs: (machine, { dice }) => {
      const others = dice < 0.15 ? this.#cluster.machines : [machine];
      for (const each of others) each.losePower(dice < 0.07 ? 'worst' : 'chance');
    },
    crashPointMs: ({ disk }, { dice }) => disk.crashAt(1 + Math.floor(dice * 60)),
    crashSendMs: ({ life }, { dice }) => {
      // One that sends little is to come to it too.
      const sends = 1 + Math.floor(dice ** 2 * 60);
      life?.process.crashAtSend(sends, (dice * 1000) % 1 < 0.5);
    },
    stopMs: (machine) => machine.stop(),
    pauseMs: (machine, fault) => {
      const { life } = machine;
      machine.pause();
      this.#later(fault, () => life?.process.resume(), fault.dice < 0.1 ? 5 : 1);
    },
    cutMs: (_machine, fault) => {
      const { node, other } = fault;
      this.#cut(fault, [
        [node, other],
        [other, node],
      ]);
    },
    oneWayMs: (_machine, fault) => this.#cut(fault, [[fault.node, fault.other]]),
    partitionMs: (_machine, fault) => this.#partition(fault),
    isolateMs: (_machine, fault) => this.#isolate(fault),
    swizzleMs: (_machine, fault) => this.#swizzle(fault),
    resetMs: (_machine, { node, other, dice }) =>
      this.#cluster.network.resetBetween(node, other, dice < 0.5 ? 'both' : 'first'),
    slowLinkMs: (_machine, fault) => this.#slow(fault),
    stallMs: ({ disk }, { lastsMs }) => disk.stall(lastsMs * 2),
    diskErrorMs: ({ disk }, { dice }) => {
      if (dice < 0.4) disk.breakDown(['sync'], 'EIO');
      else if (dice < 0.8) disk.breakDown(changes, 'EIO');
      else if (dice < 0.9) disk.breakDown(['read'], 'EIO');
      else disk.breakDown(changes, 'EROFS');
    },
    diskSlipMs: ({ disk }, { dice }) =>
      disk.breakDown(dice < 0.5 ? ['sync'] : changes, 'EIO', 'once'),
    diskFullMs: (machine, fault) => this.#fill(machine, fault),
    clockJumpMs: ({ parts }, { dice }) => parts.clock.jump(Math.floor((dice - 0.5) * 7_200_000)),
    lieMs: (machine, fault) => {
      // Whose directory is not there for good has another one later, and no vote.
      if (machine.replica === undefined) return;
      machine.disk.lie();
      this.#later(fault, () => this.#takeBack(machine, fault), 2);
    },
    restoreMs: (machine, fault) => {
      const copy = machine.disk.copy();
      if (this.#losses.voters.has(machine.id) || machine.replica === undefined) return;
      this.#later(fault, () => bringBack(machine, copy, this.#losses), 3);
    },
    rollingMs: (_machine, fault) =>
      rollingRestart(this.#cluster, fault.lastsMs, () => this.#isOver),
    blackoutMs: () => {
      for (const machine of this.#cluster.machines) machine.losePower('chance');
    },
    wipeMs: (machine) => this.#wipe(machine),
    rotMs: (machine, fault) => this.#rot(machine, fault),
    lossMs: (machine, fault) => this.#loseLatest(machine, fault),
    slowNodeMs: (machine, fault) => this.#slowNode(machine, fault),
    snapshotMs: ({ replica }) => void replica?.takeSnapshot().catch(() => undefined),
  };
}

function rotKindOf(dice: number): RotKind {
  if (dice < 0.3) return 'copy';
  if (dice < 0.45) return 'snapshot';
  if (dice < 0.6) return 'missing';
  return dice < 0.7 ? 'misdirected' : 'log';
}
