import { describe, expect, it } from 'vitest';
import { majorityOf } from '../../../src/zab/quorum.ts';
import { Tally } from '../../../src/zab/tally.ts';

describe('the tally of a leader', () => {
  it('counts what a quorum has on disk, and each voter for the most that it has said', () => {
    const tally = new Tally([majorityOf([1, 2, 3])]);
    expect(tally.countDurable(1, 5)).toBe(true);
    expect(tally.countDurable(1, 4)).toBe(false);
    expect([tally.durable, tally.isSynced]).toEqual([0, false]);
    tally.countDurable(2, 3);
    expect([tally.durable, tally.isSynced]).toEqual([3, true]);
    expect([3, 4, 6].map((zxid) => tally.durableAt({ epoch: 1, zxid }))).toEqual([2, 1, 0]);
    tally.countDurable(3, 4);
    expect([tally.durable, tally.durableWithout(1)]).toEqual([4, 3]);
    tally.forgetDurable(3);
    expect([tally.durable, tally.durableOf(3)]).toEqual([3, 0]);
  });

  it('needs a quorum of every configuration in force', () => {
    const tally = new Tally([majorityOf([1, 2, 3]), majorityOf([3, 4, 5])]);
    expect(tally.voters).toEqual([1, 2, 3, 4, 5]);
    for (const voter of [1, 2, 3]) tally.countDurable(voter, 7);
    expect([tally.durable, tally.isSynced]).toEqual([0, false]);
    tally.countDurable(4, 6);
    expect([tally.durable, tally.isSynced]).toEqual([6, true]);
  });

  it('knows the latest round that a quorum has confirmed', () => {
    const tally = new Tally([majorityOf([1, 2, 3])]);
    tally.confirm(1, 4);
    expect(tally.confirmedRound).toBe(0);
    tally.confirm(2, 3);
    tally.confirm(2, 2);
    expect(tally.confirmedRound).toBe(3);
  });

  it('knows since when a quorum is silent, this node never being so', () => {
    const tally = new Tally([majorityOf([1, 2, 3])]);
    expect(tally.lastHeardMs(1, 900, 100)).toBe(100);
    tally.heard(3, 500);
    expect(tally.lastHeardMs(1, 900, 100)).toBe(500);
    tally.heard(2, 700);
    expect(tally.lastHeardMs(1, 900, 100)).toBe(700);
  });
});
