/** What was measured, what it is held against, and the tables that show both. */
import { rounded } from './statistics.ts';
import type { Measurement } from './window.ts';

export interface Row {
  readonly name: string;
  readonly measured?: Measurement;
  /** For what is no rate: a figure with its unit. */
  readonly value?: string;
}

export interface Goal {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly limit: number;
  /** True where the value must reach the limit, false where it must not exceed it. */
  readonly atLeast: boolean;
}

/** Above this the machine was not ours alone, and the figure is marked. */
const foreignPercentMax = 20;

export const isMet = ({ value, limit, atLeast }: Goal): boolean =>
  atLeast ? value >= limit : value <= limit;

/** Above 1 = better than asked. */
export const ratioOf = ({ value, limit, atLeast }: Goal): number =>
  atLeast ? value / limit : limit / value;

export class Results {
  readonly rows: Row[] = [];
  readonly goals: Goal[] = [];

  rate(name: string, measured: Measurement): void {
    this.#add({ name, measured });
  }

  value(name: string, value: string): void {
    this.#add({ name, value });
  }

  goal(goal: Goal): void {
    this.goals.push({ ...goal, value: rounded(goal.value) });
  }

  #add(row: Row): void {
    this.rows.push(row);
    console.log(formatRow(row));
  }
}

export const header = [
  'case'.padEnd(52),
  ...['ops/s', 'p50 ms', 'p99 ms', 'CPU µs/op'].map((title) => title.padStart(10)),
].join(' ');

export function formatRow({ name, measured, value }: Row): string {
  if (measured === undefined) return `${name.padEnd(52)} ${value ?? ''}`;
  const { opsPerSecond, p50Ms, p99Ms, serverCpuUs, foreignPercent, errors } = measured;
  const numbers = [opsPerSecond, p50Ms, p99Ms, serverCpuUs].map((number) =>
    String(number).padStart(10),
  );
  const notes = [
    ...(errors > 0 ? [`${errors} errors`] : []),
    ...(foreignPercent > foreignPercentMax ? [`others took ${foreignPercent} % of a core`] : []),
  ];
  return [name.padEnd(52), ...numbers, ...notes].join(' ');
}

export function formatGoal(goal: Goal): string {
  const verdict = isMet(goal) ? 'met    ' : 'NOT MET';
  const sign = goal.atLeast ? '>=' : '<=';
  const figures = `${goal.value} ${sign} ${goal.limit} ${goal.unit}`;
  return `${verdict} ${goal.name.padEnd(58)} ${figures.padEnd(28)} ratio ${rounded(ratioOf(goal))}`;
}
