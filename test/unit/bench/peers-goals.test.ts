import { describe, expect, it } from 'vitest';
import { Figures, goalsOf } from '../../bench/peers/goals.ts';

describe('the goals beside other systems', () => {
  it('are held against what the other system did in the same run, by medians', () => {
    const figures = new Figures();
    for (const value of [1, 3, 2]) figures.add('Zoogate', 'one writer at the leader', value);
    for (const value of [9, 7, 8]) figures.add('ZooKeeper', 'one writer at the leader', value);
    const name = 'one writer at the leader, against ZooKeeper now';
    expect(goalsOf(figures)).toEqual([{ name, unit: 'ms', value: 2, limit: 8, atLeast: false }]);
  });

  it('are held against what it did before where it is not installed', () => {
    const figures = new Figures();
    figures.add('Zoogate', 'write rate', 20_000);
    const [goal] = goalsOf(figures);
    const name = 'write rate, against 2.5 × ZooKeeper before';
    expect(goal).toMatchObject({ name, limit: 26_250 });
  });

  it('are none for what was not measured', () => {
    const figures = new Figures();
    figures.add('etcd', 'outage', 1000);
    expect(goalsOf(figures)).toEqual([]);
  });

  it('have a limit of their own where that says more, for the worst value too', () => {
    const figures = new Figures();
    for (const value of [50, 300, 40]) figures.add('Zoogate', 'outage', value);
    expect(goalsOf(figures)).toMatchObject([
      { name: 'outage', value: 50, limit: 150, atLeast: false },
      { name: 'outage, worst', value: 300, limit: 600, atLeast: false },
    ]);
  });
});
