/** A random life of an ensemble, the same for the same seed. */
import type { Mutations } from '../../../../src/zab/index.ts';
import { demand } from './oracle.ts';
import { World } from './world.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers: number;
  readonly steps: number;
  readonly mutations?: Mutations;
}

export interface ChaosResult {
  readonly committed: number;
  readonly epochs: number;
  readonly barriers: number;
}

/** @throws OracleError or InvariantError when something is wrong; the message begins with what */
export function chaos({ steps, ...options }: ChaosOptions): ChaosResult {
  const world = new World(options);
  world.settle(world.random(4) === 0 ? 0 : 600);
  const calm = 1 + world.random(6);
  for (let step = 0; step < steps; step++) disturb(world, calm);
  world.heal();
  for (const id of world.ids) world.boot(id);
  world.settle(6000);
  return checkAlive(world);
}

/** One step. The greater `calm`, the more rarely something breaks. */
function disturb(world: World, calm: number): void {
  const dice = world.random(100);
  if (dice < 45) for (let count = world.random(8); count >= 0; count--) world.deliver();
  else if (dice < 70) world.completeDisk();
  else if (dice < 82) world.propose();
  else if (dice < 85) world.pick()?.barrier();
  else if (dice < 92) world.pass(20 + 20 * world.random(3));
  else if (world.random(calm) === 0) breakSomething(world);
}

function breakSomething(world: World): void {
  const id = world.ids[world.random(world.ids.length)] ?? 1;
  const other = world.ids[world.random(world.ids.length)] ?? 1;
  const node = world.nodes.get(id);
  const kinds = [
    () => world.crash(id),
    () => world.boot(id),
    () => world.boot(id),
    () => world.cut(id, other),
    () => world.heal(),
    () => world.disconnect(id, other),
    () => isolate(world, id),
    () => node !== undefined && (node.paused = !node.paused),
    () => world.pass(200 + world.random(2000)),
    () => node?.zab.handOff(),
    () => node?.zab.handOff(other),
    () => node?.zab.stepDown('for the test'),
    () => node?.compact(),
    () => world.ids.forEach((each) => world.random(2) === 0 && world.crash(each)),
  ];
  kinds[world.random(kinds.length)]?.();
  node?.drive();
}

function isolate(world: World, id: number): void {
  for (const other of world.ids) if (other !== id) world.cut(id, other);
}

function checkAlive(world: World): ChaosResult {
  const describe = (): string =>
    [...world.nodes.values()]
      .map(({ id, zab }) => {
        const { role, phase, epoch, leader, committed } = zab.status;
        return `${id} ${role} ${phase} of ${leader} in ${epoch} at ${committed.zxid}`;
      })
      .join('; ');
  demand(world.leaders.length === 1, `one leader: ${describe()}`);
  for (let count = 0; count < 3; count++) world.propose();
  world.settle(500);
  const [leader] = world.leaders;
  demand(leader !== undefined, `a leader: ${describe()}`);
  const { committed, last, epoch } = leader.zab.status;
  demand(committed.zxid === last.zxid, `all is committed: ${describe()}`);
  for (const { zab } of world.nodes.values()) {
    const { serving, committed: known, durable } = zab.status;
    demand(serving, `everybody serves: ${describe()}`);
    demand(known.zxid === committed.zxid, `all know what is committed: ${describe()}`);
    demand(durable.zxid === committed.zxid, `all have it: ${describe()}`);
  }
  const barriers = [...world.nodes.values()].reduce((sum, node) => sum + node.passedBarriers, 0);
  return { committed: committed.zxid, epochs: epoch, barriers };
}
