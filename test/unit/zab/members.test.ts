import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { decodeConfig, encodeConfig } from '../../../src/zab/config.ts';
import { decodeEpochRecord, noPosition } from '../../../src/zab/index.ts';
import {
  answerEpoch,
  diskOf,
  elected,
  emptyDisk,
  follow,
  Host,
  introduce,
  lifeOf,
  link,
  ofThree,
  recordsOf,
  text,
  vote,
  ack,
} from './host.ts';

const empty = noPosition;

describe('the birth of a cluster', () => {
  it('waits for the links of all its voters', () => {
    const host = ofThree(emptyDisk, {}, [2]);
    expect(host.last('VOTE', 2)?.candidate).toBe(0);
    link(host, 3);
    host.takeAll();
    expect(host.last('VOTE', 2)?.candidate).toBe(1);
  });

  it('does not happen where one of them belongs to a cluster already', () => {
    const host = ofThree(emptyDisk, {}, [2]);
    host.zab.peerUp({ id: 3, incarnation: lifeOf(3), clusterId: 'cluster-a', featureLevel: 1 });
    host.takeAll();
    expect(host.last('VOTE', 2)?.candidate).toBe(0);
    vote(host, 3, { candidate: 3, key: { epoch: 1, zxid: 1 } });
    expect(host.last('VOTE', 2)?.candidate).toBe(3);
  });

  it('needs the word of all of them, and names their lives for ever', () => {
    const host = ofThree(emptyDisk);
    for (const peer of [2, 3]) vote(host, peer, { key: empty });
    introduce(host, 2);
    expect(host.promises).toEqual([]);
    introduce(host, 3);
    host.syncPromise();
    host.takeAll();
    answerEpoch(host, 2);
    const [record] = host.appends[0]?.records ?? [];
    const { clusterId, config } = decodeEpochRecord(record?.payload ?? new Uint8Array());
    expect(clusterId).toBe('cluster-a');
    expect(decodeConfig(config)).toEqual([
      ...[1, 2, 3].map((id) => ({ id, role: 'voter', incarnation: lifeOf(id) })),
      { id: 9, role: 'observer', incarnation: lifeOf(9) },
    ]);
    expect(host.zab.status.members).toEqual(decodeConfig(config));
  });

  it('names the life that has spoken of one that is gone by then: its next one is a stranger', () => {
    const host = ofThree(emptyDisk);
    for (const peer of [2, 3]) vote(host, peer, { key: empty });
    introduce(host, 2);
    introduce(host, 3);
    host.zab.peerDown(3);
    host.syncPromise();
    host.takeAll();
    answerEpoch(host, 2);
    const voters = host.zab.status.members.filter(({ role }) => role === 'voter');
    expect(voters.map(({ incarnation }) => incarnation)).toEqual([1, 2, 3].map(lifeOf));
  });

  it('ends where one of them turns out to belong to a cluster', () => {
    const host = ofThree(emptyDisk);
    for (const peer of [2, 3]) vote(host, peer, { key: empty });
    host.zab.step(2, {
      ...{ type: 'FOLLOWERINFO', tenure: 5, promise: undefined, clusterId: 'cluster-b' },
      ...{ featureLevel: 1, recovering: false, last: { epoch: 1, zxid: 1 } },
    });
    expect(host.takeAll().zab.status.role).toBe('looking');
    expect(host.last('REFUSE', 2)).toBeDefined();
  });

  it('that was cut short goes on with who has the record and those whom it names', () => {
    const host = elected(diskOf('1e'));
    introduce(host, 2, { last: empty });
    host.syncPromise();
    host.takeAll();
    answerEpoch(host, 2, { last: empty, epochStarts: [empty] });
    expect(host.zab.status.phase).toBe('synchronization');
  });
});

describe('membership', () => {
  it('is that of the log, whatever the flags say', () => {
    const host = new Host(diskOf('1e'), { voters: [1, 2], incarnation: lifeOf(1) });
    expect(host.takeAll().trace.some(({ type }) => type === 'alarm')).toBe(true);
    expect(host.zab.status.members.map(({ id }) => id)).toEqual([1, 2, 3, 9]);
  });

  it('has no vote for another life of a data directory', () => {
    const host = ofThree(diskOf('1e'), { incarnation: 'a new life' });
    expect(host.zab.status.voter).toBe(false);
    expect(host.last('VOTE', 2)?.candidate).toBe(0);
    vote(host, 3, { state: 'leading', leader: 3 });
    expect(host.zab.status.role).toBe('observing');
  });

  it('keeps a configuration whole', () => {
    const members = [{ id: 7, role: 'voter' as const, incarnation: 'life' }];
    expect(decodeConfig(encodeConfig(members))).toEqual(members);
    for (const wrong of [
      'null',
      '{}',
      '{"members":[1]}',
      '{"members":[{"id":1}]}',
      '{"members":[{"id":1,"role":"voter"}]}',
      '{"members":[{"id":"1","role":"voter","incarnation":""}]}',
    ]) {
      expect(() => decodeConfig(text(wrong))).toThrow(InvariantError);
    }
    expect(() => decodeConfig(encodeConfig([...members, ...members]))).toThrow(InvariantError);
  });
});

describe('a recovering node', () => {
  const promise = { epoch: 4, leader: 3, incarnation: lifeOf(3) };
  const options = { recovering: true, clusterId: 'cluster-a' };

  it('does not vote, and says that it is not to be counted', () => {
    const host = ofThree({ records: [], promise }, options);
    expect(host.last('VOTE', 2)?.candidate).toBe(0);
    vote(host, 3, { state: 'leading', leader: 3 });
    expect(host.last('FOLLOWERINFO', 3)).toMatchObject({ recovering: true, promise });
  });

  it('counts again from its durable epoch record on', () => {
    const host = ofThree({ records: [], promise }, options);
    vote(host, 3, { state: 'leading', leader: 3 });
    const { tenure } = host.zab.status;
    const info = { epoch: 5, incarnation: lifeOf(3), clusterId: 'cluster-a', voter: true };
    host.zab.step(3, { type: 'LEADERINFO', tenure, ...info });
    host.takeAll().syncPromise();
    host.takeAll();
    expect(host.last('ACKEPOCH', 3)?.counted).toBe(false);
    host.zab.step(3, {
      ...{ type: 'APPEND', tenure, previous: empty, previousChain: 0, round: 0 },
      ...{ records: recordsOf('1e 1t 5e'), committed: empty },
    });
    host.takeAll();
    expect(host.zab.status).toMatchObject({ recovering: true, voter: false });
    host.syncAppend();
    expect(host.takeAll().trace).toContainEqual({ type: 'recovered', epoch: 5 });
    expect(host.zab.status).toMatchObject({ recovering: false, voter: true });
  });

  it('is counted by its leader from its acknowledgement of the epoch record on', () => {
    const host = elected();
    follow(host, 2, { recovering: true });
    expect(host.zab.status.phase).toBe('discovery');
    follow(host, 3);
    host.takeAll().syncAppend();
    ack(host, 2, host.zab.status.last);
    expect(host.zab.status.established).toBe(true);
  });
});
