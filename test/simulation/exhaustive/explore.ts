/** Breadth first through all states of a model, until there is none left, a bound is reached, or one is wrong. */
import { kinds, Model } from './model.ts';
import type { Kind, ModelOptions, Step } from './model.ts';
import { StateTable, WIDTH } from './state-table.ts';
import { tell } from './story.ts';

export interface ExploreOptions extends ModelOptions {
  /** Bounds of the search; without them it ends when everything has been seen. */
  readonly statesMax?: number;
  readonly secondsMax?: number;
}

export interface Exploration {
  readonly states: number;
  /** Ways from a state to a state, also to one that is known. */
  readonly transitions: number;
  /** States of a single node. */
  readonly locals: number;
  /** Steps of the longest of the shortest ways. */
  readonly depth: number;
  /** Records that were committed at most. */
  readonly committed: number;
  readonly ended:
    'exhausted' | 'at its bound of states' | 'at its bound of time' | 'by a violation';
  /** What is wrong, and the shortest way there. */
  readonly violation: { readonly problem: string; readonly story: readonly string[] } | undefined;
}

const nodes = [0, 1, 2] as const;

/** Whatever may happen, in an order that does not matter. */
const steps: readonly Step[] = kinds.flatMap((kind) => {
  const isOfTwo = kind === 'deliver' || kind === 'follow' || kind === 'cut';
  return nodes.flatMap((node) => {
    const others = isOfTwo ? nodes.filter((other) => other !== node) : [node];
    return others.map((other) => ({ kind, node, other }));
  });
});

/** What happens by itself, sooner or later. */
const goesOn: ReadonlySet<Kind> = new Set<Kind>(['deliver', 'log', 'promise']);

export function explore(options: ExploreOptions): Exploration {
  const { statesMax = Infinity, secondsMax = Infinity } = options;
  const model = new Model(options);
  const table = new StateTable();
  table.add(model.first(), -1, -1);
  const endMs = performance.now() + secondsMax * 1000;
  const [state, next] = [new Int32Array(WIDTH), new Int32Array(WIDTH)];
  let [transitions, committed, depth, levelEnd] = [0, 0, 0, 1];
  const result = (
    ended: Exploration['ended'],
    violation?: Exploration['violation'],
  ): Exploration => {
    const { states: locals } = model.locals.counts;
    return { states: table.size, transitions, locals, depth, committed, ended, violation };
  };
  for (let number = 0; number < table.size; number++) {
    if (number === levelEnd) [depth, levelEnd] = [depth + 1, table.size];
    if (table.size > statesMax) return result('at its bound of states');
    if (number % 1024 === 0 && performance.now() > endMs) return result('at its bound of time');
    table.read(number, state);
    committed = Math.max(committed, model.committed(state));
    let isAtRest = true;
    for (const [code, step] of steps.entries()) {
      const taken = model.take(state, step, next);
      if (taken === false) continue;
      if (typeof taken === 'string') {
        const story = tell(model, [...wayTo(table, number), step]);
        return result('by a violation', { problem: taken, story });
      }
      if (goesOn.has(step.kind)) isAtRest = false;
      transitions += 1;
      table.add(next, number, code);
    }
    const problem = isAtRest ? model.atRest(state) : undefined;
    if (problem !== undefined) {
      return result('by a violation', { problem, story: tell(model, wayTo(table, number)) });
    }
  }
  return result('exhausted');
}

function wayTo(table: StateTable, number: number): Step[] {
  const way: Step[] = [];
  for (let at = number; at > 0; at = table.parentOf(at)) {
    const step = steps[table.stepTo(at)];
    if (step === undefined) throw new Error(`there is no step to state ${at}`);
    way.push(step);
  }
  return way.reverse();
}
