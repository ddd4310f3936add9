/**
 * One seed, one run. Importing this module does nothing; `simulate` is the whole entry, for the command line,
 * for tests, and for whoever wants to see whether a change of the production code is found.
 */
import type { Fault } from './faults.ts';
import { drawPlan } from './faults.ts';
import { Simulation } from './simulation.ts';
import { drawSwarm } from './swarm.ts';
import type { FaultSwarm, Swarm } from './swarm.ts';
import { guarded } from './world/guard.ts';
import { Trace } from './world/trace.ts';
import { World } from './world/world.ts';

export interface SimulateOptions {
  readonly seed: number;
  /** Ends the run at this virtual time, milliseconds. */
  readonly untilMs?: number;
  /** Takes the lines of the trace. */
  readonly onLine?: (line: string) => void;
  /** In the place of what the seed would draw. */
  readonly swarm?: Partial<Swarm>;
  /** The same for how often something is done to the ensemble. */
  readonly faults?: Partial<FaultSwarm>;
  /** What is done to the ensemble, in the place of what the seed would draw. */
  readonly plan?: readonly Fault[];
}

export interface Outcome {
  readonly seed: number;
  readonly traceHash: string;
  /** What is broken; undefined when nothing was found. */
  readonly failure: Error | undefined;
  /** Virtual time, milliseconds. */
  readonly simulatedMs: number;
  readonly events: number;
  /** What the run was made of, to be played again. */
  readonly swarm: Swarm;
  readonly plan: readonly Fault[];
}

/** Runs one seed to its end, or to the first thing that it finds. */
export async function simulate(options: SimulateOptions): Promise<Outcome> {
  const { seed, onLine } = options;
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const write = onLine && ((line: string) => onLine(`${world.nowMs.toFixed(3)} ${line}`));
  const world: World = new World(seed, new Trace(write));
  const drawn = { ...drawSwarm(world.chance), ...options.swarm };
  const swarm = { ...drawn, faults: { ...drawn.faults, ...options.faults } };
  const plan = options.plan ?? drawPlan(swarm, world.chance);
  try {
    await guarded(() => run(world, { swarm, plan, untilMs: options.untilMs ?? Infinity }));
    // What was rejected and nobody has taken is told only now that the event loop turns again.
    await new Promise((resolve) => setImmediate(resolve));
    for (const reason of unhandled) world.fail(reason);
  } finally {
    process.off('unhandledRejection', note);
  }
  const { failure, nowMs: simulatedMs, events, trace } = world;
  return { seed, traceHash: trace.hash, failure, simulatedMs, events, swarm, plan };
}

async function run(
  world: World,
  given: { readonly swarm: Swarm; readonly plan: readonly Fault[]; readonly untilMs: number },
): Promise<void> {
  const simulation = new Simulation(world, given.swarm, given.plan);
  await simulation.run(given.untilMs).catch((error: unknown) => world.fail(error));
}
