/** What operators do to an ensemble that runs. */
import type { MemoryDisk } from '../support/memory-disk.ts';
import type { Cluster } from './cluster.ts';
import type { Losses } from './losses.ts';
import type { Machine } from './world/machine.ts';

/** How often somebody looks whether a node serves again, milliseconds. */
const LOOK_MS = 50;

/** Each node is stopped in order, and the next one when it serves again, or has had its time. */
export function rollingRestart(cluster: Cluster, patienceMs: number, isOver: () => boolean): void {
  const { world } = cluster;
  const left = [...cluster.machines];
  const waitFor = (machine: Machine, former: Machine['life'], untilMs: number): void => {
    if (isOver()) return;
    const isBack = machine.life !== former && machine.isServing;
    if (isBack || world.nowMs >= untilMs) next();
    else world.afterMs(LOOK_MS, () => waitFor(machine, former, untilMs));
  };
  const next = (): void => {
    const machine = left.shift();
    if (machine === undefined) return;
    const { life } = machine;
    machine.stop();
    waitFor(machine, life, world.nowMs + 1000 + patienceMs);
  };
  next();
}

/** An old copy of a data directory, while everybody else has all that is missing in it. */
export function bringBack(machine: Machine, copy: MemoryDisk, losses: Losses): void {
  if (losses.mayTakeBack(machine)) machine.restore(copy);
}
