import { describe, expect, it } from 'vitest';
import { decodeEpochRecord } from '../../../src/zab/index.ts';
import type { ZabOptions } from '../../../src/zab/index.ts';
import { ack, emptyDisk, follow, Host, positionOf, vote } from './host.ts';

const ofThree: Partial<ZabOptions> = { voters: [1, 2, 3], observers: [9], clusterId: 'cluster-a' };

function elected(options: Partial<ZabOptions> = {}): Host {
  const host = new Host(emptyDisk, { ...ofThree, ...options }).takeAll();
  vote(host, 2);
  return host.takeAll();
}

function established(): Host {
  const host = elected();
  follow(host, 2);
  host.takeAll().syncPromise();
  host.takeAll().syncAppend();
  ack(host, 2, host.zab.status.last);
  host.takeAll();
  return host;
}

describe('election', () => {
  it('asks the other voters and waits for a quorum', () => {
    const host = new Host(emptyDisk, ofThree).takeAll();
    expect(host.zab.status).toMatchObject({ role: 'looking', phase: 'election', tenure: 1 });
    expect(host.sent).toEqual(
      [2, 3].map((to) => ({
        to,
        message: {
          ...{ type: 'VOTE', round: 1, candidate: 1, key: { epoch: 0, zxid: 0 } },
          ...{ state: 'looking', epoch: 0, leader: undefined },
        },
      })),
    );
    vote(host, 3);
    expect(host.zab.status).toMatchObject({ role: 'leading', phase: 'discovery', tenure: 2 });
  });

  it('counts no vote for another candidate, of another round or by an observer', () => {
    const host = new Host(emptyDisk, ofThree).takeAll();
    vote(host, 2, 2);
    vote(host, 9);
    const key = { epoch: 0, zxid: 0 };
    host.zab.step(3, {
      ...{ type: 'VOTE', round: 5, candidate: 1, key },
      ...{ state: 'looking', epoch: 0, leader: undefined },
    });
    expect(host.zab.status.role).toBe('looking');
  });

  it('advertises what is durable, never what is only in memory', () => {
    const host = established();
    host.propose('a');
    host.takeAll();
    host.sent.length = 0;
    host.zab.stepDown('for the test');
    host.takeAll();
    expect(host.zab.status).toMatchObject({ durable: { zxid: 1 }, last: { zxid: 2 } });
    expect(host.sent[0]?.message).toMatchObject({ type: 'VOTE', round: 2, key: { zxid: 1 } });
  });

  it('is nothing for a node that is no voter', () => {
    const host = new Host(emptyDisk, { voters: [2, 3], self: 1 }).takeAll();
    expect([host.zab.status.role, host.sent]).toEqual(['looking', []]);
    vote(host, 2);
    expect(host.zab.status.role).toBe('looking');
  });
});

describe('discovery', () => {
  it('chooses an epoch above every promise of a quorum, itself included', () => {
    const host = elected();
    expect(host.promises).toEqual([]);
    follow(host, 2, undefined, { epoch: 6, leader: 3, incarnation: 'other' });
    host.takeAll();
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([7]);
  });

  it('tells the epoch only when its own promise of it is durable', () => {
    const host = elected();
    host.sent.length = 0;
    follow(host, 2);
    host.takeAll();
    expect(host.sent).toEqual([]);
    host.syncPromise();
    expect(host.takeAll().sent).toMatchObject([
      { to: 2, message: { type: 'LEADERINFO', epoch: 1, incarnation: 'first-life' } },
    ]);
  });

  it('tells it to those who come later too', () => {
    const host = established();
    host.sent.length = 0;
    follow(host, 3);
    host.takeAll();
    expect(host.sent).toMatchObject([{ to: 3, message: { type: 'LEADERINFO', epoch: 1 } }]);
  });

  it('is over when a quorum has promised, itself included', () => {
    const host = elected();
    follow(host, 2);
    host.takeAll();
    expect(host.zab.status.phase).toBe('discovery');
    host.syncPromise();
    expect(host.zab.status.phase).toBe('synchronization');
  });

  it('does not count a promise that was given to another', () => {
    const host = elected();
    const info = {
      ...{ tenure: 0, recovering: false, last: { epoch: 0, zxid: 0 } },
      ...{ promise: undefined, clusterId: 'cluster-a', featureLevel: 1 },
    };
    host.zab.step(2, { type: 'FOLLOWERINFO', ...info });
    host.takeAll().syncPromise();
    const last = { epoch: 0, zxid: 0 };
    const answer = { tenure: 0, epoch: 1, last, committed: last, chain: 0, epochStarts: [] };
    host.zab.step(2, { type: 'ACKEPOCH', counted: false, ...answer });
    host.zab.step(3, { type: 'ACKEPOCH', counted: true, ...answer });
    host.zab.step(2, { type: 'ACKEPOCH', counted: true, ...answer, epoch: 2 });
    expect(host.zab.status.phase).toBe('discovery');
    expect(host.takeAll().ignored()).toEqual(['ACKEPOCH of 3', 'ACKEPOCH of 2']);
  });

  it('ends the role when a counted learner has the more recent log', () => {
    const host = elected();
    follow(host, 2, { epoch: 1, zxid: 1 });
    host.takeAll();
    expect(host.zab.status).toMatchObject({ role: 'looking', tenure: 3 });
    expect(host.trace).toContainEqual({ type: 'reset', reason: 'voter 2 has a more recent log' });
  });

  it('founds a cluster only with all its voters', () => {
    const host = elected({ clusterId: undefined });
    follow(host, 2);
    host.takeAll();
    expect(host.promises).toEqual([]);
    follow(host, 3);
    host.takeAll();
    expect(host.promises.length).toBe(1);
  });

  it('has nothing to do with another cluster', () => {
    const host = elected();
    const last = { epoch: 0, zxid: 0 };
    const info = { tenure: 0, promise: undefined, featureLevel: 1, recovering: false, last };
    host.zab.step(2, { type: 'FOLLOWERINFO', clusterId: 'cluster-b', ...info });
    expect(host.takeAll().promises).toEqual([]);
    expect(host.ignored()).toEqual(['FOLLOWERINFO of 2']);
  });

  it('agrees on the least feature level, and on the first while a voter is unknown', () => {
    const levelWith = (peers: number[]): number => {
      const host = elected({ featureLevel: 3 });
      const last = { epoch: 0, zxid: 0 };
      const info = {
        ...{ tenure: 0, recovering: false, last },
        ...{ promise: undefined, clusterId: undefined, featureLevel: 2 },
      };
      for (const peer of peers) host.zab.step(peer, { type: 'FOLLOWERINFO', ...info });
      follow(host, 2);
      for (const peer of peers) host.zab.step(peer, { type: 'FOLLOWERINFO', ...info });
      host.takeAll().syncPromise();
      host.takeAll();
      const payload = host.appends[0]?.records[0]?.payload ?? new Uint8Array();
      return decodeEpochRecord(payload).featureLevel;
    };
    expect([levelWith([2]), levelWith([2, 3])]).toEqual([1, 2]);
  });
});

describe('synchronization', () => {
  it('is over when a quorum has the epoch record on disk', () => {
    const host = elected();
    follow(host, 2);
    host.takeAll().syncPromise();
    host.takeAll();
    const { last } = host.zab.status;
    ack(host, 2, { epoch: 0, zxid: 0 });
    host.syncAppend();
    expect(host.zab.status.established).toBe(false);
    ack(host, 2, last);
    expect(host.zab.status).toMatchObject({ established: true, committed: last });
  });

  it('can be over before the own disk is ready, and then nothing is applied yet', () => {
    const host = elected();
    follow(host, 2);
    host.takeAll().syncPromise();
    host.takeAll();
    const { last } = host.zab.status;
    ack(host, 2, last);
    ack(host, 3, last);
    expect(host.take()).toMatchObject({ committed: last, applicable: { zxid: 0 } });
    host.syncAppend();
    expect(host.take()).toMatchObject({ committed: last, applicable: last });
  });
});

describe('broadcast among three', () => {
  it('commits what a quorum of voters has on disk', () => {
    const host = established();
    const [a, b] = host.propose('a', 'b');
    host.takeAll();
    ack(host, 2, b ?? host.zab.status.last);
    expect(host.zab.status.committed.zxid).toBe(1);
    ack(host, 3, a ?? host.zab.status.last);
    expect(host.zab.status.committed.zxid).toBe(2);
    host.syncAppend();
    expect(host.zab.status.committed.zxid).toBe(3);
  });

  it('does not count observers, strangers or acknowledgements of what was never sent', () => {
    const host = established();
    host.propose('a');
    host.takeAll();
    const { last } = host.zab.status;
    ack(host, 9, last);
    ack(host, 77, last);
    ack(host, 2, { ...last, zxid: last.zxid + 1 });
    ack(host, 3, { epoch: last.epoch - 1, zxid: last.zxid });
    host.syncAppend();
    expect(host.zab.status.committed.zxid).toBe(1);
    expect(host.takeAll().ignored()).toEqual(['ACK of 77', 'ACK of 2']);
  });

  it('gives up when no quorum has been heard from in time', () => {
    const host = established();
    host.zab.tick(500);
    ack(host, 2, host.zab.status.last);
    host.zab.tick(1500);
    expect(host.zab.status.role).toBe('leading');
    host.zab.tick(1501);
    expect(host.zab.status).toMatchObject({ role: 'looking', leader: undefined });
    const id = host.zab.barrier();
    expect(host.takeAll().outcome(id)).toBe('void');
  });

  it('waits longer for peers that still have to connect', () => {
    const host = elected();
    host.zab.tick(20_000);
    expect(host.zab.status.role).toBe('leading');
    host.zab.tick(20_001);
    expect(host.zab.status.role).toBe('looking');
  });

  it('ignores what only learners are told, and says so', () => {
    const host = established();
    const position = positionOf(host.zab.status.last);
    host.zab.step(2, { type: 'PING', tenure: 0, round: 1, committed: position });
    vote(host, 3);
    host.zab.step(2, {
      ...{ type: 'LEADERINFO', tenure: 0, epoch: 1, incarnation: 'x' },
      ...{ clusterId: undefined, voter: true },
    });
    expect(host.takeAll().ignored()).toEqual(['PING of 2', 'VOTE of 3', 'LEADERINFO of 2']);
    host.zab.stepDown('for the test');
    host.zab.step(2, { type: 'PONG', tenure: 0, round: 1 });
    expect(host.takeAll().ignored().at(-1)).toBe('PONG of 2');
  });
});
