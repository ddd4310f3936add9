import { describe, expect, it } from 'vitest';
import { decodeEpochRecord, noPosition } from '../../../src/zab/index.ts';
import { epochLeadMax, roundLeadMax } from '../../../src/zab/bounds.ts';
import type { ZabMessage } from '../../../src/zab/index.ts';
import {
  ack,
  answerEpoch,
  diskOf,
  elected,
  emptyDisk,
  established,
  follow,
  introduce,
  lifeOf,
  link,
  ofThree,
  tenureOf,
  vote,
} from './host.ts';
import type { Host } from './host.ts';

const promiseOf = (epoch: number) => ({ epoch, leader: 3, incarnation: lifeOf(3) });
const known = 1;
const greatest = known + epochLeadMax;

function violations(host: Host): [peer: number, reason: string][] {
  return host.trace.flatMap((event) =>
    event.type === 'violation' ? [[event.peer, event.reason] as [number, string]] : [],
  );
}

function dropped(host: Host): number[] {
  return host.readies.flatMap(({ disconnect }) => disconnect.map(({ peer }) => peer));
}

/** Nothing is promised, and nothing of it is on its way. */
function expectUntouched(host: Host): void {
  expect(host.promises).toEqual([]);
  expect(host.image.promise?.epoch).toBe(known);
  expect(host.zab.status.promise?.epoch).toBe(known);
}

describe('who has no vote', () => {
  it.each([
    ['another life of a voter', 3, 'another life'],
    ['an observer', 9, lifeOf(9)],
  ])('raises no epoch with its promise: %s', (_, id, life) => {
    const host = elected();
    link(host, id, life);
    introduce(host, id, { promise: promiseOf(500_000) });
    introduce(host, 2);
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([known + 1]);
  });

  it('does not do so for the next epoch either, having come too late for this one', () => {
    const host = established();
    link(host, 3, 'another life');
    introduce(host, 3, { promise: promiseOf(500_000) });
    expect(host.zab.status.role).toBe('leading');
    host.zab.stepDown('it was told to');
    host.takeAll();
    vote(host, 2);
    introduce(host, 2, { promise: promiseOf(2) });
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([3]);
  });

  it.each([
    ['another life, and the leader stays', 'another life', 'leading'],
    ['but the voter itself, and it goes', lifeOf(3), 'looking'],
  ])('replaces no leader whose disk hangs: %s', (_, life, role) => {
    const host = elected(undefined, { timeouts: { diskStallMs: 100 } });
    link(host, 3, life);
    introduce(host, 2);
    introduce(host, 3);
    expect(host.promises).toHaveLength(1);
    host.passTo(300, 20);
    expect(host.zab.status.role).toBe(role);
  });

  it('does not say what all can apply', () => {
    const host = elected(diskOf('1e'), { featureLevel: 5 });
    introduce(host, 3, { featureLevel: 5 });
    link(host, 3, 'another life');
    introduce(host, 3, { featureLevel: 1 });
    link(host, 3);
    introduce(host, 2, { featureLevel: 5 });
    host.syncPromise();
    host.takeAll();
    answerEpoch(host, 2);
    const [record] = host.appends[0]?.records ?? [];
    expect(decodeEpochRecord(record?.payload ?? new Uint8Array()).featureLevel).toBe(5);
  });

  it('leads nobody, whatever it says', () => {
    const host = ofThree();
    link(host, 3, 'another life');
    vote(host, 3, { state: 'leading', leader: 3, epoch: 7 });
    expect(host.zab.status.role).toBe('looking');
    link(host, 3);
    vote(host, 3, { state: 'leading', leader: 3, epoch: 7 });
    expect(host.zab.status).toMatchObject({ role: 'following', leader: 3 });
  });

  it('is handed no leadership', () => {
    const host = ofThree();
    link(host, 2, 'another life');
    vote(host, 3, { state: 'leading', leader: 3, epoch: 1 });
    const { tenure } = host.zab.status;
    host.zab.step(3, { type: 'HANDOFF', tenure, to: 2, round: 1 });
    host.takeAll();
    expect(host.zab.status.role).toBe('looking');
  });

  it('follows an epoch that is smaller than one which it has promised, and is not counted', () => {
    const host = ofThree(emptyDisk, {
      promise: promiseOf(7),
      clusterId: 'cluster-a',
      incarnation: 'another life',
    });
    vote(host, 3, { state: 'leading', leader: 3, epoch: 5 });
    tell(host, leaderInfo(5, { voter: false }));
    expect(host.promises).toEqual([]);
    expect(host.last('ACKEPOCH', 3)).toMatchObject({ epoch: 5, counted: false });
  });
});

const leaderInfo = (epoch: number, { voter = true, life = lifeOf(3) } = {}): object => ({
  ...{ type: 'LEADERINFO', epoch, incarnation: life, clusterId: 'cluster-a', voter },
});

function tell(host: Host, message: object): void {
  host.zab.step(3, { tenure: host.zab.status.tenure, ...message } as ZabMessage);
  host.takeAll();
}

describe('an epoch', () => {
  it('follows the promise of a voter that is as far ahead as may be', () => {
    const host = elected();
    introduce(host, 2, { promise: promiseOf(greatest) });
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([greatest + 1]);
  });

  it.each([greatest + 1, 2 ** 52, Number.MAX_SAFE_INTEGER])(
    'does not follow a promise of %d: the relation ends, and others are heard',
    (epoch) => {
      const host = elected();
      introduce(host, 2, { promise: promiseOf(epoch) });
      expectUntouched(host);
      expect(violations(host)).toEqual([[2, `its promise of epoch ${epoch} is too far ahead`]]);
      expect(dropped(host)).toEqual([2]);
      introduce(host, 3);
      expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([known + 1]);
    },
  );

  it('that is too far ahead deposes no established leader', () => {
    const host = established();
    introduce(host, 3, { promise: promiseOf(2 ** 52) });
    expect(host.zab.status).toMatchObject({ role: 'leading', epoch: 2, established: true });
    expect(dropped(host)).toEqual([3]);
  });

  it('of a leader is promised as far ahead as may be, and no further', () => {
    const host = ofThree();
    vote(host, 3, { state: 'leading', leader: 3, epoch: greatest + 1 });
    tell(host, leaderInfo(greatest + 1));
    expectUntouched(host);
    expect(violations(host)).toEqual([[3, `its epoch ${greatest + 1} is too far ahead`]]);
    expect(host.zab.status.role).toBe('looking');

    const other = ofThree();
    vote(other, 3, { state: 'leading', leader: 3, epoch: greatest });
    tell(other, leaderInfo(greatest));
    expect(other.promises.map(({ promise }) => promise.epoch)).toEqual([greatest]);
  });

  it('of a leader is promised only to the data directory that the link is with', () => {
    const host = ofThree();
    vote(host, 3, { state: 'leading', leader: 3, epoch: 1 });
    tell(host, leaderInfo(2, { life: 'another life' }));
    expectUntouched(host);
    expect(dropped(host)).toEqual([3]);
  });
});

describe('a vote', () => {
  it('is taken up to a round and an epoch that are not too far ahead', () => {
    const host = ofThree();
    const { round = 1 } = host.last('VOTE', 2) ?? {};
    const key = { epoch: greatest, zxid: 9 };
    vote(host, 2, { round: round + roundLeadMax, candidate: 2, key });
    expect(violations(host)).toEqual([]);
    expect(host.last('VOTE', 3)).toMatchObject({ round: round + roundLeadMax, candidate: 2, key });
  });

  it.each([
    ['round', { round: 2 ** 52 }],
    ['epoch', { key: { epoch: greatest + 1, zxid: 1 }, candidate: 2 }],
  ])('of a %s that is too far ahead ends the link', (_, said) => {
    const host = ofThree();
    const before = host.last('VOTE', 3);
    vote(host, 2, said);
    expect(dropped(host)).toEqual([2]);
    expect(host.last('VOTE', 3)).toEqual(before);
  });

  it('does not follow a hand-off of a round that is too far ahead', () => {
    const host = ofThree();
    vote(host, 3, { state: 'leading', leader: 3, epoch: 1 });
    tell(host, { type: 'HANDOFF', to: 1, round: 2 ** 52 });
    expect(host.zab.status.role).toBe('looking');
    expect(host.last('VOTE', 2)?.round).toBeLessThan(10);
  });
});

describe('what a learner says to be committed', () => {
  it('is in the log of its leader, or the relation ends', () => {
    const host = established();
    introduce(host, 3);
    answerEpoch(host, 3, { committed: { epoch: 2 ** 52, zxid: 1 } });
    expect(dropped(host)).toEqual([3]);
    expect(host.zab.status.role).toBe('leading');
  });

  it('may go beyond the log of one that is only elected, which steps down and accuses nobody', () => {
    const host = elected();
    const further = { epoch: known, zxid: 2 };
    follow(host, 2, { last: further, committed: further });
    expect(violations(host)).toEqual([]);
    expect(host.zab.status.role).toBe('looking');
  });

  it('ends the relation and not the leader, where a snapshot would have to take it away', () => {
    const host = established(diskOf('1e 1t 1t'));
    follow(host, 3, {
      ...{ last: noPosition, committed: { epoch: 2, zxid: 1 }, epochStarts: [] },
    });
    const { transfer } = host.readies.flatMap(({ snapshots }) => snapshots).at(-1) ?? {};
    host.zab.snapshotSent(3, tenureOf(3), {
      ...{ transfer: transfer ?? 0, position: { epoch: 1, zxid: 2 }, chain: 0 },
    });
    host.takeAll();
    expect(dropped(host)).toEqual([3]);
    ack(host, 2, host.zab.status.last);
    expect(host.zab.status.established).toBe(true);
  });
});
