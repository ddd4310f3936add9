import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import type { HandOffMessage } from '../../../src/zab/index.ts';
import {
  ack,
  diskOf,
  established,
  follow,
  introduce,
  ofThree,
  pong,
  tenureOf,
  vote,
} from './host.ts';
import type { Host } from './host.ts';

/** Node 1 leads 2 and 3, who have all it has. */
function leading(): Host {
  const host = established();
  follow(host, 3);
  ack(host, 3, host.zab.status.last);
  return host;
}

describe('a hand-off by the leader', () => {
  it('waits until all is committed and the successor has it, then everybody is told', () => {
    const host = leading();
    const [record] = host.propose('a');
    expect(host.zab.handOff(3)).toBe(true);
    host.takeAll().syncAppend();
    ack(host, 2, record ?? host.zab.status.last);
    expect(host.zab.status).toMatchObject({ role: 'leading', committed: { zxid: 3 } });
    ack(host, 3, record ?? host.zab.status.last);
    for (const to of [2, 3]) {
      expect(host.last('HANDOFF', to)).toMatchObject({ to: 3, tenure: tenureOf(to) });
      expect(host.last('REFUSE', to)).toBeUndefined();
    }
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 3 });
    expect(host.last('FOLLOWERINFO', 3)).toMatchObject({ last: { zxid: 3 } });
  });

  it('goes to the voter that has most, where nobody is named', () => {
    const host = leading();
    const [record] = host.propose('a');
    host.takeAll().syncAppend();
    ack(host, 2, record ?? host.zab.status.last);
    expect(host.zab.handOff()).toBe(true);
    host.takeAll();
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 2 });
  });

  it('lets nothing more be proposed', () => {
    const host = leading();
    host.propose('a');
    host.zab.handOff();
    expect(host.zab.hasRoom).toBe(false);
    expect(() => host.propose('b')).toThrow(InvariantError);
  });

  it('does not begin where nobody could take over', () => {
    const host = established();
    follow(host, 9);
    expect([host.zab.handOff(3), host.zab.handOff(9)]).toEqual([false, false]);
    host.zab.stepDown('for the test');
    expect(host.zab.handOff()).toBe(false);
  });

  it('becomes an election where it does not come about in time', () => {
    const host = leading();
    host.propose('a');
    host.zab.handOff();
    for (let nowMs = 20; nowMs <= 1020; nowMs += 20) {
      host.zab.tick(nowMs);
      host.takeAll();
      for (const peer of [2, 3]) if (nowMs < 1000) pong(host, peer, 0);
    }
    expect(host.zab.status.role).toBe('looking');
    expect(host.trace).toContainEqual({
      type: 'reset',
      reason: 'the hand-off did not come about in time',
    });
  });

  it('happens by itself where the own disk hangs and the others’ do not', () => {
    const host = leading();
    const [record] = host.propose('a');
    host.takeAll();
    for (const peer of [2, 3]) ack(host, peer, record ?? host.zab.status.last);
    for (let nowMs = 20; nowMs <= 1020; nowMs += 20) {
      host.zab.tick(nowMs);
      host.takeAll();
      for (const peer of [2, 3]) if (host.zab.status.role === 'leading') pong(host, peer, 0);
    }
    expect(host.trace).toContainEqual({ type: 'handoff', to: 2, position: { epoch: 2, zxid: 3 } });
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 2 });
  });

  it('does not happen while the disks of all are slow', () => {
    const host = leading();
    host.propose('a');
    for (let nowMs = 20; nowMs <= 3000; nowMs += 20) {
      host.zab.tick(nowMs);
      host.takeAll();
      for (const peer of [2, 3]) pong(host, peer, 0);
    }
    expect(host.zab.status).toMatchObject({ role: 'leading', established: true });
  });
});

describe('a hand-off as its learners see it', () => {
  function told(to: number): Host {
    const host = ofThree(diskOf('1e'));
    vote(host, 3, { state: 'leading', leader: 3 });
    const tenure = host.zab.status.tenure;
    const message: HandOffMessage = { type: 'HANDOFF', tenure, to, round: 7 };
    introduce(host, 2);
    host.zab.step(3, message);
    return host.takeAll();
  }

  it('makes the successor lead at once, with those who were there before it knew', () => {
    const host = told(1);
    expect(host.zab.status).toMatchObject({ role: 'leading', phase: 'discovery' });
    expect(host.promises).toHaveLength(1);
  });

  it('makes the others follow the successor at once', () => {
    const host = told(2);
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 2 });
    expect(host.last('FOLLOWERINFO', 2)).toBeDefined();
  });

  it('to somebody without a link becomes an election', () => {
    expect(told(7).zab.status.role).toBe('looking');
  });
});
