import { describe, expect, it } from 'vitest';
import { decodeEpochRecord } from '../../../src/zab/index.ts';
import { encodeConfig } from '../../../src/zab/config.ts';
import { emptyDisk, Host, positionOf } from './host.ts';

const statusOf = ({ zab }: Host): readonly unknown[] => {
  const { role, phase, established } = zab.status;
  return [role, phase, established];
};

describe('the boot of an ensemble of one', () => {
  it('goes from election through discovery and synchronization to broadcast', () => {
    const host = new Host();
    expect(statusOf(host)).toEqual(['leading', 'discovery', false]);
    host.takeAll().syncPromise();
    expect(statusOf(host)).toEqual(['leading', 'synchronization', false]);
    host.takeAll().syncAppend();
    expect(statusOf(host)).toEqual(['leading', 'broadcast', true]);
    expect(host.settle().trace).toEqual([
      { type: 'role', role: 'looking', tenure: 1 },
      { type: 'elected', leader: 1, round: 1 },
      { type: 'role', role: 'leading', tenure: 2 },
      { type: 'promise', epoch: 1, leader: 1 },
      { type: 'epoch-record', position: { epoch: 1, zxid: 1 } },
      { type: 'established', epoch: 1, committed: { epoch: 1, zxid: 1 } },
    ]);
    expect(host.sent).toEqual([]);
  });

  it('has the promise durable before its epoch record exists', () => {
    const host = new Host().takeAll();
    expect(host.promises.map(({ promise }) => promise)).toEqual([
      { epoch: 1, leader: 1, incarnation: 'first-life' },
    ]);
    expect(host.appends).toEqual([]);
    expect(host.zab.status.last.zxid).toBe(0);
    host.syncPromise();
    host.takeAll();
    expect(host.appends.flatMap(({ records }) => records.map(({ kind }) => kind))).toEqual([
      'epoch',
    ]);
  });

  it('is established only when the epoch record is durable', () => {
    const host = new Host().takeAll();
    host.syncPromise();
    host.takeAll();
    expect(host.zab.status).toMatchObject({ established: false, committed: { zxid: 0 } });
    host.syncAppend();
    expect(host.take()?.committed).toEqual({ epoch: 1, zxid: 1 });
  });

  it('says in the epoch record who leads, in which cluster, at which level', () => {
    const host = new Host(emptyDisk, { featureLevel: 4 }).settle();
    const [record] = host.image.records;
    expect(decodeEpochRecord(record?.payload ?? new Uint8Array())).toEqual({
      leader: 1,
      incarnation: 'first-life',
      clusterId: 'cluster-a',
      featureLevel: 4,
      config: encodeConfig([{ id: 1, role: 'voter', incarnation: 'first-life' }]),
    });
  });

  it('gives a new cluster its id once, and every later epoch the same', () => {
    const host = new Host();
    expect(host.zab.clusterId).toBeUndefined();
    host.settle();
    expect(host.zab.clusterId).toBe('cluster-a');
    const never = (): string => {
      throw new Error('a cluster is born once');
    };
    const next = host.restart({ newClusterId: never }).settle();
    next.zab.stepDown('for the test');
    next.settle();
    const ids = next.image.records.map(({ payload }) => decodeEpochRecord(payload).clusterId);
    expect(ids).toEqual(['cluster-a', 'cluster-a', 'cluster-a']);
  });

  it('takes a greater epoch each time', () => {
    let host = new Host().settle();
    const epochs = [host.zab.status.epoch];
    for (let boot = 0; boot < 3; boot++) {
      host = host.restart().settle();
      epochs.push(host.zab.status.epoch);
    }
    expect(epochs).toEqual([1, 2, 3, 4]);
  });

  it('never uses an epoch again that it promised and got no further with', () => {
    const host = new Host().takeAll();
    host.syncPromise();
    expect(host.restart().settle().zab.status.epoch).toBe(2);
    const promised = { epoch: 7, leader: 3, incarnation: 'other' };
    const other = new Host({ ...host.image, promise: promised }).settle();
    expect(other.zab.status.epoch).toBe(8);
  });

  it('takes an epoch beyond its log even if the promise file says less', () => {
    const host = new Host().settle().restart().settle();
    const image = { ...host.image, promise: undefined };
    expect(new Host(image).settle().zab.status.epoch).toBe(3);
  });

  it('numbers records without a gap across epochs', () => {
    const first = new Host().settle();
    first.propose('a', 'b');
    const second = first.settle().restart().settle();
    second.propose('c');
    const { records } = second.settle().image;
    expect(records.map(({ epoch, zxid, kind }) => [epoch, zxid, kind])).toEqual([
      [1, 1, 'epoch'],
      [1, 2, 'txn'],
      [1, 3, 'txn'],
      [2, 4, 'epoch'],
      [2, 5, 'txn'],
    ]);
  });

  it('commits what an earlier epoch left only by way of its own epoch record', () => {
    const first = new Host().settle();
    first.propose('written, not confirmed');
    first.takeAll().syncAppend();
    const second = first.restart().takeAll();
    expect(second.zab.status).toMatchObject({ durable: { zxid: 2 }, committed: { zxid: 0 } });
    second.syncPromise();
    second.takeAll();
    expect(second.zab.status.committed.zxid).toBe(0);
    second.syncAppend();
    expect(second.take()).toMatchObject({
      committed: { epoch: 2, zxid: 3 },
      applicable: { epoch: 2, zxid: 3 },
    });
  });

  it('keeps the commit hint it started from until it knows more', () => {
    const first = new Host().settle();
    const hint = positionOf(first.zab.status.last);
    const second = first.restart({ committed: hint });
    expect(second.zab.status.committed).toEqual(hint);
    expect(second.zab.applicable).toEqual(hint);
  });
});
