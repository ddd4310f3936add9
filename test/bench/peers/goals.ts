/**
 * What is held against what. Where the other system runs beside ours in the same minutes, its figure of
 * this run, so many times, is the limit; where it is not installed, what it did on a machine with two cores (ZooKeeper
 * 3.8.0, etcd 3.4.23; everything on loopback, the load on the same cores, fsync on, 100-byte values).
 */
import type { Goal } from '../results.ts';
import { median } from '../statistics.ts';
import type { System } from './ensemble.ts';

/** Figures by system and case; several of one case count by their median. */
export class Figures {
  readonly #values = new Map<string, number[]>();

  add(system: System, figure: Figure, value: number): void {
    const key = `${system} ${figure}`;
    const values = this.#values.get(key) ?? [];
    values.push(value);
    this.#values.set(key, values);
  }

  /** Undefined where it was not measured. */
  of(system: System, figure: Figure): number | undefined {
    const values = this.#values.get(`${system} ${figure}`);
    return values === undefined ? undefined : median(values);
  }

  /** The largest; undefined where it was not measured. */
  worst(system: System, figure: Figure): number | undefined {
    const values = this.#values.get(`${system} ${figure}`);
    return values === undefined ? undefined : Math.max(...values);
  }
}

export type Figure =
  | ('read rate' | 'read CPU' | 'write rate' | 'write CPU' | 'REST read rate' | 'REST write rate')
  | ('one writer at the leader' | 'one writer at a follower' | 'outage' | 'hand-off')
  | ('catch-up' | 'rate kept while one catches up');

interface Target {
  readonly figure: Figure;
  readonly unit: string;
  readonly atLeast: boolean;
  /** Whose figure is the limit, how many times it, and what it was where it was measured before. */
  readonly against?: { readonly system: System; readonly times: number; readonly before: number };
  /** The limit where it is nobody's figure. */
  readonly limit?: number;
  /** Of several values the largest counts, not the median. */
  readonly isWorst?: boolean;
}

const targets: readonly Target[] = [
  {
    ...{ figure: 'read rate', unit: '/s', atLeast: true },
    against: { system: 'ZooKeeper', times: 2.5, before: 35_000 },
  },
  { figure: 'read CPU', unit: 'µs', atLeast: false, limit: 14 },
  {
    ...{ figure: 'write rate', unit: '/s', atLeast: true },
    against: { system: 'ZooKeeper', times: 2.5, before: 10_500 },
  },
  { figure: 'write CPU', unit: 'µs', atLeast: false, limit: 55 },
  {
    ...{ figure: 'REST read rate', unit: '/s', atLeast: true },
    against: { system: 'etcd', times: 4, before: 4200 },
  },
  { figure: 'REST write rate', unit: '/s', atLeast: true, limit: 7000 },
  {
    ...{ figure: 'one writer at the leader', unit: 'ms', atLeast: false },
    against: { system: 'ZooKeeper', times: 1, before: 0.67 },
  },
  {
    ...{ figure: 'one writer at a follower', unit: 'ms', atLeast: false },
    against: { system: 'ZooKeeper', times: 1, before: 0.67 },
  },
  { figure: 'outage', unit: 'ms', atLeast: false, limit: 150 },
  { figure: 'outage', unit: 'ms', atLeast: false, limit: 600, isWorst: true },
  { figure: 'hand-off', unit: 'ms', atLeast: false, limit: 50 },
  { figure: 'catch-up', unit: 'ms', atLeast: false, limit: 5000 },
  { figure: 'rate kept while one catches up', unit: '%', atLeast: true, limit: 50 },
];

export function goalsOf(figures: Figures): Goal[] {
  return targets.flatMap(
    ({ figure, unit, atLeast, against, limit: fixed = 0, isWorst = false }) => {
      const of = (system: System): number | undefined =>
        isWorst ? figures.worst(system, figure) : figures.of(system, figure);
      const title = isWorst ? `${figure}, worst` : figure;
      const value = of('Zoogate');
      if (value === undefined) return [];
      if (against === undefined) return [{ name: title, unit, value, limit: fixed, atLeast }];
      const { system, times, before } = against;
      const measured = of(system);
      const limit = Math.round((measured ?? before) * times * 1000) / 1000;
      const whose = measured === undefined ? `${system} before` : `${system} now`;
      const share = times === 1 ? whose : `${times} × ${whose}`;
      return [{ name: `${title}, against ${share}`, unit, value, limit, atLeast }];
    },
  );
}
