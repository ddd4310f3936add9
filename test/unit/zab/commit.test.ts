import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { recordHeaderBytes } from '../../../src/zab/index.ts';
import { emptyDisk, Host, limits, positionOf, text } from './host.ts';

describe('broadcast in an ensemble of one', () => {
  it('commits nothing before its own disk has it', () => {
    const host = new Host().settle();
    const [record] = host.propose('a');
    expect(host.take()).toMatchObject({ append: [record], committed: { zxid: 1 } });
    expect(host.take()).toBeUndefined();
    host.syncAppend();
    expect(host.take()).toMatchObject({ append: [], committed: { epoch: 1, zxid: 2 } });
  });

  it('keeps every acknowledged record over a loss of power, and need not keep the others', () => {
    const host = new Host().settle();
    host.propose('acknowledged');
    host.settle();
    host.propose('lost');
    host.takeAll();
    const { records } = host.restart().settle().image;
    expect(records.filter(({ kind }) => kind === 'txn').map(({ payload }) => payload)).toEqual([
      text('acknowledged'),
    ]);
  });

  it('tells the next zxid before a record takes it', () => {
    const host = new Host().settle();
    expect(host.zab.nextZxid).toBe(2);
    expect(host.propose('a', 'b').map(({ epoch, zxid }) => [epoch, zxid])).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect(host.zab.nextZxid).toBe(4);
  });

  it('hands out each record once, all of a turn in one batch', () => {
    const host = new Host().settle();
    const first = host.propose('a', 'b', 'c');
    expect(host.take()?.append).toEqual(first);
    const second = host.propose('d');
    expect(host.take()?.append).toEqual(second);
    expect(host.take()).toBeUndefined();
  });

  it('commits with one completion everything up to it', () => {
    const host = new Host().settle();
    host.propose('a');
    host.take();
    const [last] = host.propose('b');
    host.take();
    host.zab.durable(host.zab.status.tenure, positionOf(last ?? { epoch: 0, zxid: 0 }));
    expect(host.zab.status.committed).toEqual({ epoch: 1, zxid: 3 });
    expect(host.zab.applicable).toEqual({ epoch: 1, zxid: 3 });
  });

  it('ignores a completion that says nothing new', () => {
    const host = new Host().settle();
    host.propose('a');
    host.settle();
    host.zab.durable(host.zab.status.tenure, { epoch: 1, zxid: 2 });
    host.zab.durable(host.zab.status.tenure, { epoch: 1, zxid: 1 });
    expect(host.take()).toBeUndefined();
  });

  it('proposes only while its epoch is established', () => {
    const host = new Host();
    expect(host.zab.hasRoom).toBe(false);
    expect(() => host.propose('too early')).toThrow(InvariantError);
  });

  it('bounds what is proposed and not committed, in transactions', () => {
    const host = new Host(emptyDisk, {
      limits: { ...limits, outstandingTransactionsMax: 2 },
    }).settle();
    host.propose('a', 'b');
    expect(host.zab.outstanding.transactions).toBe(2);
    expect(host.zab.hasRoom).toBe(false);
    expect(() => host.propose('c')).toThrow(InvariantError);
  });

  it('and in bytes, by one record at most beyond them, and has room again when they are committed', () => {
    const host = new Host(emptyDisk, { limits: { ...limits, outstandingBytesMax: 200 } }).settle();
    const payload = new Uint8Array(200 - recordHeaderBytes);
    for (let round = 0; round < 5; round++) {
      expect(host.zab.hasRoom).toBe(true);
      host.zab.propose(payload);
      expect(host.zab.outstanding).toEqual({ transactions: 1, bytes: 200 });
      expect(host.zab.hasRoom).toBe(false);
      host.settle();
      expect(host.zab.outstanding).toEqual({ transactions: 0, bytes: 0 });
    }
  });

  it('gives the same outputs for the same inputs', () => {
    const run = (): unknown => {
      const host = new Host().settle();
      host.propose('a', 'b');
      host.zab.barrier();
      return [host.take(), host.settle().zab.status, host.settled, host.trace];
    };
    expect(run()).toEqual(run());
  });
});

describe('leaving a role', () => {
  it('starts a new tenure; what the disk completes of the log is a fact all the same', () => {
    const host = new Host().settle();
    host.propose('in flight');
    host.takeAll();
    const [inFlight] = host.appends;
    host.zab.stepDown('for the test');
    expect(host.zab.status).toMatchObject({ role: 'leading', phase: 'discovery', tenure: 4 });
    host.zab.durable(inFlight?.tenure ?? 0, { epoch: 1, zxid: 2 });
    expect(host.zab.status).toMatchObject({ durable: { zxid: 2 }, committed: { zxid: 1 } });
  });

  it('keeps what the disk has been given: the next epoch record stands behind it', () => {
    const host = new Host().settle();
    host.propose('in flight');
    host.takeAll();
    host.zab.stepDown('for the test');
    host.takeAll().syncPromise();
    host.takeAll();
    host.syncAppend();
    expect(host.zab.status.committed.zxid).toBe(1);
    host.syncAppend();
    expect(host.zab.status.committed).toEqual({ epoch: 2, zxid: 3 });
    expect(host.image.records.map(({ epoch, zxid }) => [epoch, zxid])).toEqual([
      [1, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  it('forgets proposals that nobody has seen', () => {
    const host = new Host().settle();
    host.propose('never handed out');
    host.zab.stepDown('for the test');
    expect(host.settle().image.records.map(({ epoch, zxid }) => [epoch, zxid])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('disowns the promise that was on its way, and never asks for the same epoch again', () => {
    const host = new Host().takeAll();
    const [first] = host.promises;
    host.zab.stepDown('for the test');
    host.zab.promiseDurable(
      first?.tenure ?? 0,
      first?.promise ?? { epoch: 0, leader: 0, incarnation: '' },
    );
    host.takeAll();
    expect(host.ignored()).toEqual(['promise completion']);
    expect(host.zab.status.phase).toBe('discovery');
    expect(host.promises.map(({ promise }) => promise.epoch)).toEqual([1, 2]);
  });

  it('cannot happen before the start, and the start happens once', () => {
    const host = new Host();
    expect(() => host.zab.start(1)).toThrow(InvariantError);
  });

  it('does not happen to the only voter by the passing of time', () => {
    const host = new Host().takeAll();
    host.zab.tick(10_000_000);
    host.settle();
    host.zab.tick(20_000_000);
    expect(host.zab.status).toMatchObject({ established: true, tenure: 2 });
  });
});
