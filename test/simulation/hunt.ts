/** Runs the simulator against faults that are put into the code, and says which of them it finds, and when. */
import { availableParallelism } from 'node:os';
import { buildMutant } from '../support/mutations/load-mutated.ts';
import type { Mutation } from '../support/mutations/mutation.ts';
import { employ } from './crew.ts';
import type { SeedResult } from './worker.ts';

export interface HuntOptions {
  readonly mutants: readonly Mutation[];
  /** For each of them, at most: seeds from 1 on, and seconds of time. */
  readonly seeds: number;
  readonly seconds: number;
  readonly jobs?: number;
  /** Told of each as soon as it is known. */
  readonly onFinding: (finding: Finding) => Promise<void>;
}

export interface Finding {
  readonly name: string;
  /** The first seed that finds it; undefined when none did. */
  readonly seed: number | undefined;
  /** What that seed said. */
  readonly failure: string;
  /** How many seeds were tried. */
  readonly tried: number;
}

const entry = new URL('./worker.ts', import.meta.url);

/** Several mutants at once, each on its share of the cores. */
export async function hunt(options: HuntOptions): Promise<void> {
  const { mutants, jobs = availableParallelism(), onFinding } = options;
  const left = [...mutants];
  const lanes = Math.min(jobs, left.length);
  const baseline = new Baseline();
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      await onFinding(
        await huntOne(next, { ...options, jobs: Math.floor(jobs / lanes) }, baseline),
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
}

async function huntOne(
  mutation: Mutation,
  { seeds, seconds, jobs = 1 }: HuntOptions,
  baseline: Baseline,
): Promise<Finding> {
  const worker = await buildMutant(entry, mutation);
  const startedMs = performance.now();
  let next = 1;
  for (;;) {
    const failed: SeedResult[] = [];
    // Seeds are drawn in their order and all that are drawn are run to their end, so the least is the first.
    const draw = (): number | undefined => {
      const isOver = performance.now() - startedMs > seconds * 1000;
      return failed.length > 0 || next > seeds || isOver ? undefined : next++;
    };
    const take = (result: SeedResult): void => {
      if (result.failure !== undefined) failed.push(result);
    };
    await Promise.all(Array.from({ length: jobs }, () => employ({ draw, take, worker })));
    failed.sort((a, b) => a.seed - b.seed);
    const tried = next - 1;
    if (failed.length === 0) return { name: mutation.name, seed: undefined, failure: '', tried };
    for (const { seed, failure = '' } of failed) {
      if (await baseline.passes(seed)) return { name: mutation.name, seed, failure, tried };
    }
  }
}

/** Which seeds the code passes as it is: what fails without the fault has not found the fault. */
class Baseline {
  readonly #passes = new Map<number, Promise<boolean>>();

  passes(seed: number): Promise<boolean> {
    let known = this.#passes.get(seed);
    if (known === undefined) this.#passes.set(seed, (known = passes(seed)));
    return known;
  }
}

async function passes(seed: number): Promise<boolean> {
  const seeds = [seed];
  let failure: string | undefined;
  await employ({ draw: () => seeds.shift(), take: (result) => (failure = result.failure) });
  return failure === undefined;
}
