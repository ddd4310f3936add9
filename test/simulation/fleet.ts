/** Many seeds, one after another in as many processes as there are cores. */
import { availableParallelism } from 'node:os';
import { employ } from './crew.ts';
import { faultArguments } from './fault-options.ts';
import type { FaultSwarm } from './swarm.ts';
import type { SeedResult } from './worker.ts';

export interface FleetOptions {
  /** For how long new seeds are begun; without an end unless said. */
  readonly seconds?: number;
  /** How many seeds; without an end unless said. */
  readonly count?: number;
  readonly from: number;
  /** Processes; as many as there are cores unless said. */
  readonly jobs?: number;
  /** In the place of what the seeds draw. */
  readonly faults?: Partial<FaultSwarm>;
}

export interface FleetResult {
  readonly passed: number;
  readonly failed: readonly SeedResult[];
}

/** Runs seeds from `from` on until the time is over or all are done, and says how many passed. */
export async function simulateMany(options: FleetOptions): Promise<FleetResult> {
  const { seconds = Infinity, count = Infinity, from, jobs = availableParallelism() } = options;
  const { faults = {} } = options;
  const startedMs = performance.now();
  const isOver = (): boolean =>
    next >= from + count || performance.now() - startedMs > seconds * 1000;
  const failed: SeedResult[] = [];
  let passed = 0;
  const [all, plain] = [new Pace(), new Pace()];
  let next = from;
  const take = (result: SeedResult): void => {
    all.add(result);
    if (result.isPlain) plain.add(result);
    if (result.failure === undefined) passed += 1;
    else {
      failed.push(result);
      console.log(
        `seed ${result.seed} fails: ${result.failure}; ` +
          ['npm run simulate --', '--seed', result.seed, ...faultArguments(faults)].join(' '),
      );
    }
  };
  const draw = (): number | undefined => (isOver() ? undefined : next++);
  await Promise.all(Array.from({ length: jobs }, () => employ({ draw, take, faults })));
  const tookS = (performance.now() - startedMs) / 1000;
  console.log(
    `${passed} seeds passed, ${failed.length} failed (${from} to ${next - 1}); ` +
      `${all.simulatedS.toFixed(0)} s simulated in ${tookS.toFixed(0)} s, ` +
      `${all.text} a second of one core, ${plain.text} of three nodes without a theme`,
  );
  return { passed, failed };
}

/** Simulated time for each time of one core. */
class Pace {
  #simulatedMs = 0;
  #cpuMs = 0;

  add({ simulatedMs, cpuMs }: SeedResult): void {
    this.#simulatedMs += simulatedMs;
    this.#cpuMs += cpuMs;
  }

  get simulatedS(): number {
    return this.#simulatedMs / 1000;
  }

  get text(): string {
    return this.#cpuMs === 0 ? 'none' : (this.#simulatedMs / this.#cpuMs).toFixed(0);
  }
}
