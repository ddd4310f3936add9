import { describe, expect, it } from 'vitest';
import { chaos } from './world/chaos.ts';

describe('an ensemble to which anything may happen', () => {
  it.each([
    { voters: 3, observers: 1, seeds: 20 },
    { voters: 5, observers: 1, seeds: 10 },
    { voters: 1, observers: 1, seeds: 5 },
  ])('of $voters voters keeps what it committed, and lives on', ({ voters, observers, seeds }) => {
    let committed = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      committed += chaos({ seed, voters, observers, steps: 400 }).committed;
    }
    expect(committed).toBeGreaterThan(seeds * 5);
  });
});
