/**
 * What was done in a run, as plain data: it can be kept, shortened, and played again after the code has changed,
 * when the same seed would draw something else.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isFault, nameOf } from './fault-options.ts';
import type { Fault } from './faults.ts';
import { simulate } from './simulate.ts';
import type { Outcome, SimulateOptions } from './simulate.ts';
import type { Swarm } from './swarm.ts';

export interface Schedule {
  readonly seed: number;
  readonly failure: string;
  readonly swarm: Swarm;
  readonly plan: readonly Fault[];
}

const folder = new URL('../../node_modules/.cache/zoogate-simulation/', import.meta.url);

/** @returns where it is */
export function keepSchedule(schedule: Schedule): string {
  const file = fileURLToPath(new URL(`seed-${schedule.seed}.json`, folder));
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(schedule, null, 1)}\n`);
  return file;
}

/** @throws Error where it cannot be read, or has a fault that has another name by now */
export function readSchedule(file: string): Schedule {
  const schedule = JSON.parse(readFileSync(file, 'utf8')) as Schedule;
  const stray = schedule.plan.find(({ kind }) => !isFault(kind));
  if (stray === undefined) return schedule;
  throw new Error(`${file} has the fault ${stray.kind}, and there is none of that name`);
}

export function textOfFault({ atMs, kind, node, other, isOnLeader, lastsMs }: Fault): string {
  const whom = isOnLeader ? `the leader (or node ${node})` : `node ${node}`;
  return `${atMs.toFixed(1)} ms: ${nameOf(kind)} on ${whom}, other ${other}, for ${lastsMs.toFixed(0)} ms`;
}

/**
 * Leaves out faults, at first halves of the plan and at last single ones, as long as the same invariant is still
 * broken.
 * @param seconds after which the best so far is taken
 * @param play runs a seed
 */
export async function minimise(
  failed: Outcome,
  seconds: number,
  play: (options: SimulateOptions) => Promise<Pick<Outcome, 'failure'>> = simulate,
): Promise<Schedule> {
  const { seed, swarm, failure, simulatedMs } = failed;
  const wanted = kindOf(failure);
  const startedMs = performance.now();
  const isOver = (): boolean => performance.now() - startedMs > seconds * 1000;
  const stillFails = async (plan: readonly Fault[]): Promise<boolean> => {
    const outcome = await play({ seed, swarm, plan });
    return kindOf(outcome.failure) === wanted;
  };
  let plan = failed.plan.filter(({ atMs }) => atMs <= simulatedMs);
  for (let size = plan.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < plan.length && !isOver();) {
      const shorter = [...plan.slice(0, at), ...plan.slice(at + size)];
      if (await stillFails(shorter)) plan = shorter;
      else at += size;
    }
  }
  return { seed, failure: failure?.message ?? '', swarm, plan };
}

/** The invariant, or the text without what differs from run to run. */
function kindOf(failure: Error | undefined): string | undefined {
  if (failure === undefined) return undefined;
  const [line = ''] = failure.message.split('\n');
  return /^(?:[IC]-\d+|liveness)/.exec(line)?.[0] ?? line.replaceAll(/\d+/g, '0');
}
