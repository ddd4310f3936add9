import { describe, expect, it } from 'vitest';
import { Figures, goalsOf } from '../../bench/peers/goals.ts';

describe('the goals beside other systems', () => {
  it('are held against what the other system did in the same run, by medians', () => {
    const figures = new Figures();
    for (const value of [100, 300, 200]) figures.add('Zoogate', 'outage', value);
    for (const value of [900, 700, 800]) figures.add('ZooKeeper', 'outage', value);
    expect(goalsOf(figures)).toEqual([
      { name: 'outage, against ZooKeeper now', unit: 'ms', value: 200, limit: 800, atLeast: false },
      {
        ...{ name: 'outage, worst, against ZooKeeper now', unit: 'ms' },
        ...{ value: 300, limit: 900, atLeast: false },
      },
    ]);
  });

  it('are held against what it did before where it is not installed', () => {
    const figures = new Figures();
    figures.add('Zoogate', 'write rate', 20_000);
    const [goal] = goalsOf(figures);
    expect(goal).toMatchObject({ name: 'write rate, against ZooKeeper before', limit: 10_500 });
  });

  it('are none for what was not measured', () => {
    const figures = new Figures();
    figures.add('etcd', 'outage', 1000);
    expect(goalsOf(figures)).toEqual([]);
  });

  it('have a limit of their own where nobody else does the same', () => {
    const figures = new Figures();
    figures.add('Zoogate', 'hand-off', 50);
    expect(goalsOf(figures)).toMatchObject([
      { name: 'hand-off', limit: 200, atLeast: false },
      { name: 'hand-off, worst', limit: 1000, atLeast: false },
    ]);
  });
});
