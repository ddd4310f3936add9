import { describe, expect, it } from 'vitest';
import { decodeEpochRecord } from '../../../src/zab/index.ts';
import {
  ack,
  answerEpoch,
  diskOf,
  elected,
  established,
  follow,
  introduce,
  lifeOf,
  link,
  ofThree,
  positionOf,
  tenureOf,
  vote,
} from './host.ts';
import type { Host } from './host.ts';

const promiseOf = (epoch: number) => ({ epoch, leader: 3, incarnation: lifeOf(3) });

function resets(host: Host): string[] {
  return host.trace.flatMap((event) => (event.type === 'reset' ? [event.reason] : []));
}

describe('discovery', () => {
  it('chooses an epoch above every promise of a quorum, itself included', () => {
    const host = elected();
    expect(host.promises).toEqual([]);
    introduce(host, 2, { promise: promiseOf(6) });
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([7]);
  });

  it('tells the epoch only when its own promise of it is durable', () => {
    const host = elected();
    introduce(host, 2);
    expect(host.last('LEADERINFO', 2)).toBeUndefined();
    host.syncPromise();
    host.takeAll();
    expect(host.last('LEADERINFO', 2)).toEqual({
      ...{ type: 'LEADERINFO', tenure: tenureOf(2), epoch: 2, incarnation: lifeOf(1) },
      ...{ clusterId: 'cluster-a', voter: true },
    });
  });

  it('tells it to those who come later too', () => {
    const host = established();
    introduce(host, 3);
    expect(host.last('LEADERINFO', 3)).toMatchObject({ epoch: 2, tenure: tenureOf(3) });
  });

  it('is over when a quorum has promised, itself included', () => {
    const host = elected();
    introduce(host, 2);
    expect(host.zab.status.phase).toBe('discovery');
    host.syncPromise();
    host.takeAll();
    expect(host.zab.status.phase).toBe('discovery');
    answerEpoch(host, 2);
    expect(host.zab.status.phase).toBe('synchronization');
  });

  it('does not count a promise that was given to another, nor an answer that was not asked', () => {
    const host = elected();
    follow(host, 2, { counted: false });
    answerEpoch(host, 3);
    expect(host.zab.status.phase).toBe('discovery');
    expect(host.ignored()).toEqual(['ACKEPOCH of 3']);
  });

  it('does not count a promise of an observer, nor of another life of a voter', () => {
    const host = elected();
    introduce(host, 2);
    host.syncPromise();
    host.takeAll();
    follow(host, 9);
    link(host, 3, 'another life');
    follow(host, 3);
    expect(host.last('LEADERINFO', 9)?.voter).toBe(false);
    expect(host.last('LEADERINFO', 3)?.voter).toBe(false);
    expect(host.zab.status.phase).toBe('discovery');
  });

  it('forgets the promise of a voter whose link is gone: it will give it again', () => {
    const host = elected();
    introduce(host, 2);
    host.zab.peerDown(2);
    host.syncPromise();
    host.takeAll();
    follow(host, 3);
    expect(host.zab.status.phase).toBe('synchronization');
    expect(host.last('APPEND', 2)).toBeUndefined();
  });

  it('ends the role when a counted learner has the more recent log', () => {
    const host = elected();
    follow(host, 2, { last: { epoch: 1, zxid: 2 } });
    expect(host.zab.status).toMatchObject({ role: 'looking', tenure: 3 });
    expect(resets(host)).toEqual(['voter 2 has a more recent log']);
    expect(host.last('REFUSE', 2)).toMatchObject({ tenure: tenureOf(2) });
  });

  it('goes back to the election when a voter has promised a later epoch than the chosen one', () => {
    const host = elected();
    introduce(host, 2);
    introduce(host, 3, { promise: promiseOf(8) });
    expect(resets(host)).toEqual(['node 3 has promised epoch 8']);
  });

  it('chooses beyond that promise at the next attempt, although a quorum is there without its voter', () => {
    const host = elected();
    introduce(host, 2);
    introduce(host, 3, { promise: promiseOf(1000) });
    for (const peer of [2, 3]) vote(host, peer);
    host.promises = [];
    introduce(host, 2);
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([1001]);
  });

  it('does not lead whoever belongs to another cluster', () => {
    const host = elected();
    const info = { promise: undefined, featureLevel: 1, recovering: false };
    host.zab.step(2, {
      ...{ type: 'FOLLOWERINFO', tenure: 5, clusterId: 'cluster-b', ...info },
      last: { epoch: 0, zxid: 0 },
    });
    expect(host.takeAll().promises).toEqual([]);
    expect(host.last('REFUSE', 2)).toMatchObject({ tenure: 5 });
  });

  it('agrees on the least feature level, and on the former one while a voter is unknown', () => {
    const levelWith = (peers: number[]): number => {
      const host = elected(diskOf('1e'), { featureLevel: 3 });
      for (const peer of peers) introduce(host, peer, { featureLevel: 2 });
      host.syncPromise();
      host.takeAll();
      answerEpoch(host, 2);
      const payload = host.appends[0]?.records[0]?.payload ?? new Uint8Array();
      return decodeEpochRecord(payload).featureLevel;
    };
    expect([levelWith([2]), levelWith([2, 3])]).toEqual([1, 2]);
  });

  it('carries the configuration of the log into its epoch record', () => {
    const host = elected();
    follow(host, 2);
    const [first] = host.image.records;
    const [record] = host.appends[0]?.records ?? [];
    const config = decodeEpochRecord(record?.payload ?? new Uint8Array()).config;
    expect(config).toEqual(decodeEpochRecord(first?.payload ?? new Uint8Array()).config);
  });
});

describe('synchronization', () => {
  it('is over when a quorum has the epoch record on disk', () => {
    const host = elected();
    follow(host, 2);
    const { last } = host.zab.status;
    ack(host, 2, { epoch: 1, zxid: 1 });
    host.syncAppend();
    expect(host.zab.status.established).toBe(false);
    ack(host, 2, last);
    expect(host.zab.status).toMatchObject({ established: true, committed: last, epochStart: last });
  });

  it('can be over before the own disk is ready, and then nothing is applied yet', () => {
    const host = elected();
    follow(host, 2);
    follow(host, 3);
    const { last } = host.zab.status;
    ack(host, 2, last);
    ack(host, 3, last);
    expect(host.readies.at(-1)).toMatchObject({ committed: last, applicable: { zxid: 1 } });
    host.syncAppend();
    expect(host.take()).toMatchObject({ committed: last, applicable: last });
  });

  it('gives up where nothing comes nearer within the deadline', () => {
    const host = elected();
    follow(host, 2);
    for (let nowMs = 20; nowMs <= 20_020; nowMs += 20) {
      host.zab.tick(nowMs);
      host.zab.step(2, { type: 'PONG', tenure: tenureOf(2), round: 0 });
      host.takeAll();
    }
    expect(resets(host)).toEqual(['the epoch was not established within its deadline']);
  });
});

describe('broadcast among three', () => {
  it('commits what a quorum of voters has on disk', () => {
    const host = established();
    follow(host, 3);
    const [a, b] = host.propose('a', 'b');
    host.takeAll();
    ack(host, 2, b ?? host.zab.status.last);
    expect(host.zab.status.committed.zxid).toBe(2);
    ack(host, 3, a ?? host.zab.status.last);
    expect(host.zab.status.committed.zxid).toBe(3);
    host.syncAppend();
    expect(host.zab.status.committed.zxid).toBe(4);
  });

  it('does not count observers, strangers or acknowledgements of what was never sent', () => {
    const host = established();
    follow(host, 9);
    host.propose('a');
    host.takeAll();
    const { last } = host.zab.status;
    ack(host, 9, last);
    ack(host, 77, last);
    ack(host, 2, { ...last, zxid: last.zxid + 1 });
    ack(host, 2, { epoch: last.epoch - 1, zxid: last.zxid });
    host.syncAppend();
    expect(host.zab.status.committed.zxid).toBe(2);
    expect(host.ignored()).toEqual(['ACK of 9', 'ACK of 77', 'ACK of 2', 'ACK of 2']);
  });

  it('does not count what belongs to a relation that is over', () => {
    const host = established();
    host.propose('a');
    host.takeAll().syncAppend();
    const position = positionOf(host.zab.status.last);
    host.zab.step(2, { type: 'ACK', tenure: 1, position, round: 0 });
    expect(host.takeAll().zab.status.committed.zxid).toBe(2);
    expect(host.ignored()).toEqual(['ACK of 2']);
  });

  it('ends the relation with a learner that looks for a leader, and tells it who leads', () => {
    const host = established();
    expect(host.zab.status.learners.map(({ id }) => id)).toEqual([2]);
    vote(host, 2);
    expect(host.zab.status.learners).toEqual([]);
    expect(host.last('VOTE', 2)).toMatchObject({ state: 'leading', leader: 1, epoch: 2 });
  });

  it('gives up when no quorum has been heard from in time', () => {
    const host = established().passTo(500, 20);
    ack(host, 2, host.zab.status.last);
    host.passTo(1500, 520);
    expect(host.zab.status.role).toBe('leading');
    host.passTo(1520);
    expect(host.zab.status).toMatchObject({ role: 'looking', leader: undefined });
    const id = host.zab.barrier();
    expect(host.takeAll().outcome(id)).toBe('void');
  });

  it('gives nobody up for its own sleep, and hears them first', () => {
    const host = established().passTo(100, 20);
    host.zab.tick(5000);
    expect(host.takeAll().zab.status.role).toBe('leading');
    host.passTo(5300, 5020);
    expect(host.zab.status.role).toBe('leading');
    host.passTo(5320);
    expect(host.zab.status.role).toBe('looking');
  });

  it('says something to every learner at its pace', () => {
    const host = established();
    host.passTo(100, 20);
    host.sent.length = 0;
    host.passTo(300, 120);
    const pings = host.sent.filter(({ message }) => message.type === 'PING');
    expect(pings.map(({ to }) => to)).toEqual([2, 2]);
  });

  it('tells a commit point in the same turn, with records or without', () => {
    const host = established();
    host.propose('a');
    host.takeAll().syncAppend();
    ack(host, 2, host.zab.status.last);
    expect(host.last('PING', 2)?.committed.zxid).toBe(3);
    host.propose('b');
    host.takeAll();
    expect(host.last('APPEND', 2)?.committed.zxid).toBe(3);
  });

  it('hands its leadership to itself where a voter has promised a later epoch', () => {
    const host = established();
    introduce(host, 3, { promise: promiseOf(7) });
    host.takeAll();
    expect(host.last('HANDOFF', 2)).toMatchObject({ to: 1 });
    expect(host.zab.status).toMatchObject({ role: 'leading', phase: 'discovery' });
    introduce(host, 3, { promise: promiseOf(7) });
    expect(host.promises.at(-1)?.promise.epoch).toBe(8);
  });

  it('ignores what only learners are told, and says so', () => {
    const host = established();
    const committed = positionOf(host.zab.status.last);
    host.zab.step(2, { type: 'PING', tenure: tenureOf(2), round: 1, committed });
    host.zab.step(3, {
      ...{ type: 'LEADERINFO', tenure: 4, epoch: 1, incarnation: 'x' },
      ...{ clusterId: undefined, voter: true },
    });
    expect(host.takeAll().ignored()).toEqual(['PING of 2', 'LEADERINFO of 3']);
    host.zab.stepDown('for the test');
    host.zab.step(2, { type: 'PONG', tenure: tenureOf(2), round: 1 });
    expect(host.takeAll().ignored().at(-1)).toBe('PONG of 2');
  });

  it('commits nothing of earlier epochs by counting them', () => {
    const host = ofThree(diskOf('1e 1t 1t'));
    vote(host, 2);
    vote(host, 3);
    follow(host, 2, { last: { epoch: 1, zxid: 1 } });
    host.syncAppend();
    ack(host, 2, { epoch: 1, zxid: 3 });
    expect(host.zab.status.committed.zxid).toBe(0);
    ack(host, 2, { epoch: 2, zxid: 4 });
    expect(host.zab.status.committed).toEqual({ epoch: 2, zxid: 4 });
  });
});
