/** Runs one program on two targets, step by step, until they differ or it ends. */
import { Comparator, type Difference, type EventComparison } from './compare.ts';
import type { EventContext, KnownDifference } from './known-differences.ts';
import {
  noEvents,
  type Observation,
  type ObservedEvent,
  type SlotEvents,
  type Target,
} from './observation.ts';
import { slots, type Slot, type Step } from './program.ts';
import { Shadow } from './shadow.ts';

export interface Statistics {
  readonly operations: Map<string, number>;
  readonly known: Map<string, number>;
  events: number;
}

export interface RunOptions {
  readonly expected: Target;
  readonly actual: Target;
  readonly known: readonly KnownDifference[];
  readonly statistics: Statistics;
}

export interface Failure {
  /** Index of the step; the number of steps where it shows only at the end. */
  readonly at: number;
  readonly step: Step | undefined;
  readonly differences: readonly Difference[];
}

export const emptyStatistics = (): Statistics => ({
  operations: new Map(),
  known: new Map(),
  events: 0,
});

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

class ProgramRun {
  readonly #options: RunOptions;
  readonly #comparator = new Comparator();
  readonly #shadow = new Shadow();
  readonly #dropped = new Set<Slot>();

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async begin(base: string): Promise<Difference[]> {
    const { expected, actual } = this.#options;
    const [left, right] = await Promise.all([expected.begin(base), actual.begin(base)]);
    return slots.flatMap((slot) => this.#comparator.sessions(left[slot], right[slot]));
  }

  async step(step: Step): Promise<Difference[]> {
    if (!this.#dropped.has(step.slot)) return this.#execute(step);
    this.#dropped.delete(step.slot);
    const differences = await this.#execute({ type: 'resume', slot: step.slot });
    return differences.length > 0 ? differences : this.#execute(step);
  }

  async finish(): Promise<Difference[]> {
    for (const slot of this.#dropped) {
      const differences = await this.#execute({ type: 'resume', slot });
      if (differences.length > 0) return differences;
    }
    const late = await this.#events({ type: 'sync', slot: 0 });
    return late.length > 0 ? late : this.#comparator.order();
  }

  async #execute(step: Step): Promise<Difference[]> {
    const { expected, actual, statistics } = this.#options;
    const asked = this.#instead(step);
    const [left, right] = await Promise.all([expected.execute(asked), actual.execute(step)]);
    if (step.type === 'drop') this.#dropped.add(step.slot);
    count(statistics.operations, `${step.type} ${left.code}`);
    const wanted = this.#answer(step, left);
    this.#shadow.apply(step, left);
    return [
      ...this.#comparator.observations(this.#withKind(step, wanted), right),
      ...(await this.#events(step)),
    ];
  }

  #instead(step: Step): Step {
    for (const known of this.#options.known) {
      const instead = known.instead?.(step, this.#shadow);
      if (instead !== undefined) return instead;
    }
    return step;
  }

  #answer(step: Step, observed: Observation): Observation {
    for (const known of this.#options.known) {
      const answer = known.answer?.(step, observed, this.#shadow);
      if (answer === undefined) continue;
      if (JSON.stringify(answer) !== JSON.stringify(observed)) {
        count(this.#options.statistics.known, known.name);
      }
      return answer;
    }
    return observed;
  }

  /** ZooKeeper does not tell the kind of a znode, but what was created is known. */
  #withKind(step: Step, observed: Observation): Observation {
    const path = observed.path ?? ('path' in step ? step.path : undefined);
    const kind = path === undefined ? undefined : this.#shadow.kind(path);
    if (kind === undefined || observed.stat === undefined) return observed;
    if (!this.#options.actual.tellsKind) return observed;
    return { ...observed, stat: { ...observed.stat, kind } };
  }

  async #events(step: Step): Promise<Difference[]> {
    const { expected, actual, statistics } = this.#options;
    const observed = await expected.collect(noEvents);
    const wanted = slots.map((slot) =>
      this.#wantedEvents({ slot, step, observed: observed[slot], shadow: this.#shadow }),
    ) as unknown as SlotEvents;
    statistics.events += wanted[0].length + wanted[1].length;
    const got = await actual.collect(wanted);
    const as = actual.ordersEvents ? comparisonAfter(step) : 'bag';
    return slots.flatMap((slot) => this.#comparator.events(wanted[slot], got[slot], { slot, as }));
  }

  #wantedEvents(context: EventContext): readonly ObservedEvent[] {
    let { observed } = context;
    for (const known of this.#options.known) {
      const events = known.events?.({ ...context, observed });
      if (events === undefined) continue;
      count(this.#options.statistics.known, known.name);
      observed = events;
    }
    return observed;
  }
}

/**
 * The ephemerals of one session go in no particular order. After a reconnect a change may be told once by
 * a one-shot watch that finds it and once more by a persistent watch that missed it.
 */
function comparisonAfter(step: Step): EventComparison {
  if (step.type === 'close') return 'bag';
  return step.type === 'resume' ? 'set' : 'sequence';
}

/** @returns what differed first, or undefined */
export async function runProgram(
  program: readonly Step[],
  base: string,
  options: RunOptions,
): Promise<Failure | undefined> {
  try {
    return await firstFailure(program, base, new ProgramRun(options));
  } finally {
    await Promise.all([options.expected.finish(), options.actual.finish()]);
  }
}

async function firstFailure(
  program: readonly Step[],
  base: string,
  run: ProgramRun,
): Promise<Failure | undefined> {
  const opening = await run.begin(base);
  if (opening.length > 0) return { at: 0, step: undefined, differences: opening };
  for (const [at, step] of program.entries()) {
    const differences = await run.step(step);
    if (differences.length > 0) return { at, step, differences };
  }
  const closing = await run.finish();
  if (closing.length === 0) return undefined;
  return { at: program.length, step: undefined, differences: closing };
}
