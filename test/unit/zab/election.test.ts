import { describe, expect, it } from 'vitest';
import { diskOf, established, Host, introduce, lifeOf, link, ofThree, vote } from './host.ts';

const better = { epoch: 1, zxid: 9 };

describe('a vote', () => {
  it('is for the node itself at first, with what is on its disk, and goes to all its links', () => {
    const host = ofThree(diskOf('1e 1t'));
    for (const peer of [2, 3]) {
      expect(host.last('VOTE', peer)).toEqual({
        ...{ type: 'VOTE', round: 1, candidate: 1, key: { epoch: 1, zxid: 2 } },
        ...{ state: 'looking', epoch: 1, leader: undefined },
      });
    }
  });

  it('advertises what is durable, never what is only in memory', () => {
    const host = established();
    host.propose('a');
    host.takeAll();
    host.zab.stepDown('for the test');
    host.takeAll();
    expect(host.zab.status).toMatchObject({ durable: { zxid: 2 }, last: { zxid: 3 } });
    expect(host.last('VOTE', 2)).toMatchObject({ state: 'looking', key: { epoch: 2, zxid: 2 } });
  });

  it('goes to the better candidate: the later epoch, the more recent record, the greater id', () => {
    const choice = (key: { epoch: number; zxid: number }): number | undefined => {
      const host = ofThree(diskOf('1e 2e'));
      vote(host, 2, { candidate: 2, key });
      return host.last('VOTE', 3)?.candidate;
    };
    expect(choice({ epoch: 3, zxid: 1 })).toBe(2);
    expect(choice({ epoch: 2, zxid: 3 })).toBe(2);
    expect(choice({ epoch: 2, zxid: 2 })).toBe(2);
    expect(choice({ epoch: 1, zxid: 9 })).toBe(1);
  });

  it('goes to nobody who is not linked, not a voter, or another life of one', () => {
    const host = ofThree(diskOf('1e'), {}, [2, 9]);
    link(host, 3, 'another life');
    for (const candidate of [3, 9, 77]) vote(host, 2, { candidate, key: better });
    expect(host.last('VOTE', 2)?.candidate).toBe(1);
  });

  it('of a later round makes all others of before void, and is compared with the own log', () => {
    const host = ofThree();
    vote(host, 2, { candidate: 3, key: better });
    expect(host.last('VOTE', 3)?.candidate).toBe(3);
    vote(host, 2, { round: 7, candidate: 2, key: { epoch: 0, zxid: 0 } });
    expect(host.last('VOTE', 3)).toMatchObject({ round: 7, candidate: 1 });
  });

  it('of an earlier round is only answered', () => {
    const host = ofThree();
    vote(host, 2, { round: 7, candidate: 0, key: { epoch: 0, zxid: 0 } });
    host.sent.length = 0;
    vote(host, 3, { round: 6, candidate: 3, key: better });
    expect(host.sent).toMatchObject([{ to: 3, message: { round: 7, candidate: 1 } }]);
  });

  it('is sent again, more and more rarely', () => {
    const host = ofThree();
    host.sent.length = 0;
    host.passTo(3000, 20);
    const times = host.sent.filter(({ to }) => to === 2).length;
    expect(times).toBe(4);
  });

  it('for a candidate whose link breaks begins a new round', () => {
    const host = ofThree();
    vote(host, 3, { candidate: 3, key: better });
    host.zab.peerDown(3);
    host.takeAll();
    expect(host.last('VOTE', 2)).toMatchObject({ round: 2, candidate: 1 });
  });
});

describe('an election', () => {
  it('is decided at once when all who are linked agree', () => {
    const host = ofThree();
    vote(host, 2);
    expect(host.zab.status.role).toBe('looking');
    vote(host, 3);
    expect(host.zab.status).toMatchObject({ role: 'leading', phase: 'discovery', tenure: 2 });
  });

  it('waits a moment for something better when only a quorum agrees', () => {
    const host = ofThree();
    vote(host, 2);
    host.passTo(40, 20);
    expect(host.zab.status.role).toBe('looking');
    host.passTo(60);
    expect(host.zab.status.role).toBe('leading');
  });

  it('is not decided for a candidate that does not vote for itself', () => {
    const host = ofThree();
    vote(host, 2, { candidate: 3, key: better });
    host.passTo(400, 20);
    expect(host.zab.status.role).toBe('looking');
    vote(host, 3, { candidate: 3, key: better });
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 3 });
  });

  it('counts no observer, nobody without a link and no other life of a voter', () => {
    const host = ofThree(diskOf('1e'), {}, [9]);
    link(host, 3, 'another life');
    vote(host, 9);
    vote(host, 3);
    vote(host, 2);
    host.passTo(400, 20);
    expect(host.zab.status.role).toBe('looking');
    expect(host.ignored()).toEqual(['VOTE of 2']);
  });

  it('is over at once for who hears from a leader that it leads', () => {
    const host = ofThree();
    vote(host, 3, { state: 'leading', leader: 3, epoch: 2 });
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 3, phase: 'discovery' });
  });

  it('is not over for what others say of somebody who is silent', () => {
    const host = ofThree();
    vote(host, 3, { state: 'following', leader: 2, epoch: 2 });
    vote(host, 2, { state: 'following', leader: 3, epoch: 2 });
    expect(host.zab.status.role).toBe('looking');
  });

  it('does not try a leadership again at once that did not serve', () => {
    const host = ofThree();
    const leading = { state: 'leading', leader: 3, epoch: 2, round: 5 } as const;
    vote(host, 3, leading);
    const tenure = host.zab.status.tenure;
    host.zab.step(3, { type: 'REFUSE', tenure, reason: 'for the test' });
    vote(host, 3, leading);
    expect(host.zab.status.role).toBe('looking');
    vote(host, 3, { ...leading, round: 6 });
    expect(host.zab.status.role).toBe('following');
    expect(host.takeAll().ignored()).toEqual([]);
  });

  it('is answered by those who follow, who are not disturbed by it', () => {
    const host = ofThree();
    vote(host, 3, { state: 'leading', leader: 3, epoch: 2 });
    vote(host, 2, { round: 99 });
    expect(host.last('VOTE', 2)).toMatchObject({ state: 'following', leader: 3 });
    expect(host.zab.status.role).toBe('following');
  });

  it('is only asked about by who is no voter', () => {
    const options = { self: 9, incarnation: lifeOf(9) };
    const host = new Host(diskOf('1e'), { voters: [1, 2, 3], observers: [9], ...options });
    for (const id of [1, 2, 3]) link(host, id);
    host.takeAll();
    expect(host.last('VOTE', 1)).toMatchObject({ candidate: 0, state: 'looking' });
    for (const from of [1, 2, 3]) vote(host, from, { candidate: 2 });
    expect(host.zab.status.role).toBe('looking');
    vote(host, 2, { state: 'leading', leader: 2, epoch: 2 });
    expect(host.zab.status).toMatchObject({ role: 'observing', leader: 2, voter: false });
  });

  it('keeps a learner waiting that comes before this node knows of its own election', () => {
    const host = ofThree();
    introduce(host, 2);
    vote(host, 2, { round: 1 });
    introduce(host, 2);
    host.passTo(60, 20);
    expect(host.zab.status.learners.map(({ id }) => id)).toEqual([2]);
  });

  it('refuses a learner that has waited in vain', () => {
    const host = ofThree();
    introduce(host, 2);
    host.passTo(300, 20);
    expect(host.last('REFUSE', 2)).toBeUndefined();
    host.passTo(320);
    expect(host.last('REFUSE', 2)).toBeDefined();
  });
});
