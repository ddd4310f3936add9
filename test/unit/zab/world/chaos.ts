/** A random life of an ensemble, the same for the same seed. */
import { demand } from './oracle.ts';
import { World } from './world.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers: number;
  readonly steps: number;
}

export interface ChaosResult {
  readonly committed: number;
  readonly epochs: number;
  readonly barriers: number;
}

/** What kind of life it is: the same dangers all the time would leave others out. */
interface Mood {
  /** The greater, the more rarely something breaks. */
  readonly calm: number;
  /** Its disk is slow. */
  readonly slow: number;
  /** How many directories may get lost. */
  wipes: number;
}

/** @throws OracleError or InvariantError when something is wrong; the message begins with what */
export function chaos({ steps, ...options }: ChaosOptions): ChaosResult {
  const world = new World(options);
  const { random, ids } = world;
  world.settle(random(4) === 0 ? 0 : 600);
  const mood = {
    calm: 1 + random(4),
    slow: random(2) === 0 ? 0 : (ids[random(ids.length)] ?? 0),
    wipes: random(3) === 0 ? Math.floor((options.voters - 1) / 2) : 0,
  };
  for (let step = 0; step < steps; step++) disturb(world, mood);
  world.heal();
  for (const id of ids) world.boot(id);
  world.settle(4000);
  return checkAlive(world);
}

/** One step. */
function disturb(world: World, mood: Mood): void {
  const { random } = world;
  if (random(40) === 0) world.pick()?.compact();
  if (random(20) === 0) world.pick()?.forget();
  const dice = random(100);
  if (dice < 45) for (let count = random(8); count >= 0; count--) world.deliver();
  else if (dice < 68) world.completeDisk(random(20) === 0 ? 0 : mood.slow);
  else if (dice < 80) world.propose();
  else if (dice < 84) for (const node of world.leaders) node.barrier();
  else if (dice < 89) world.pass(20 + 20 * random(3));
  else if (random(mood.calm) === 0) breakSomething(world, mood);
}

function breakSomething(world: World, mood: Mood): void {
  const { random, ids } = world;
  const id = ids[random(ids.length)] ?? 1;
  const other = ids[random(ids.length)] ?? 1;
  const node = world.nodes.get(id);
  const leader = world.leaders[random(world.leaders.length)]?.id ?? id;
  if (random(2) === 0) {
    repairSomething(world);
    return;
  }
  const kinds = [
    () => world.crash(id),
    () => world.crash(leader),
    () => world.cut(id, other),
    () => world.cut(leader, id),
    () => world.disconnect(id, other),
    () => isolate(world, id),
    () => isolate(world, leader),
    () => node !== undefined && (node.paused = !node.paused),
    () => world.pass(200 + random(600)),
    () => world.settle(random(400)),
    () => world.settle(random(1000)),
    () => node?.zab.handOff(),
    () => node?.zab.handOff(other),
    () => node?.zab.stepDown('for the test'),
    () => world.nodes.get(leader)?.zab.stepDown('for the test'),
    () => ids.forEach((each) => random(2) === 0 && world.crash(each)),
    () => wipe(world, mood, id),
  ];
  kinds[random(kinds.length)]?.();
  for (const each of world.nodes.values()) each.drive();
}

function repairSomething(world: World): void {
  const { random, ids } = world;
  const kind = random(3);
  if (kind !== 0) for (const id of ids) if (random(2) === 0) world.boot(id);
  if (kind !== 1) world.heal();
  world.settle(random(4) === 0 ? random(500) : 0);
}

function wipe(world: World, mood: Mood, id: number): void {
  if (mood.wipes === 0 || world.oracle.last === 0 || world.wiped.has(id)) return;
  mood.wipes -= 1;
  world.crash(id);
  if (world.random(2) === 0) world.wipe(id);
  else world.damage(id);
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
