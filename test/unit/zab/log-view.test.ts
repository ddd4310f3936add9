import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { encodeEpochRecord, noPosition } from '../../../src/zab/index.ts';
import type { LogPosition } from '../../../src/zab/index.ts';
import { LogView } from '../../../src/zab/log-view.ts';
import { checksum, positionOf, text } from './host.ts';

const epochPayload = encodeEpochRecord({
  ...{ leader: 1, incarnation: 'life', clusterId: 'cluster-a', featureLevel: 1 },
  config: new Uint8Array(),
});

function emptyLog(): LogView {
  const start = { last: noPosition, lastChain: 0, epochStarts: [] };
  const log = new LogView(start, noPosition, { checksum });
  log.enterTenure(1);
  return log;
}

function at(epoch: number, zxid: number): LogPosition {
  return { epoch, zxid };
}

/** Epoch 1 at 1…3, epoch 4 at 4…6. */
function twoEpochs(): LogView {
  const log = emptyLog();
  for (const epoch of [1, 4]) {
    log.append({ epoch, kind: 'epoch' }, epochPayload);
    log.append({ epoch, kind: 'txn' }, text('a'));
    log.append({ epoch, kind: 'txn' }, text('b'));
  }
  return log;
}

describe('log view', () => {
  it('gives contiguous zxids, also across epochs, each record chained to the one before', () => {
    const records = twoEpochs().take().append;
    expect(records.map(({ zxid }) => zxid)).toEqual([1, 2, 3, 4, 5, 6]);
    let chain = 0;
    for (const record of records) {
      chain = checksum(record.bytes.subarray(8), chain);
      expect(record.chain).toBe(chain);
    }
  });

  it('continues after what recovery has found', () => {
    const start = { last: at(3, 17), lastChain: 99, epochStarts: [at(2, 10), at(3, 15)] };
    const log = new LogView(start, at(2, 12), { checksum });
    expect(log.durable).toEqual(at(3, 17));
    expect(log.applicable).toEqual(at(2, 12));
    const record = log.append({ epoch: 4, kind: 'epoch' }, epochPayload);
    expect(record.zxid).toBe(18);
    expect(record.chain).toBe(checksum(record.bytes.subarray(8), 99));
    expect([9, 10, 14, 15, 18, 19].map((zxid) => log.epochAt(zxid))).toEqual([
      undefined,
      2,
      2,
      3,
      4,
      undefined,
    ]);
    expect(log.epochStartsFrom(at(3, 16))).toEqual([at(3, 15), at(4, 18)]);
  });

  it('knows a position only by its epoch and zxid together', () => {
    const log = twoEpochs();
    expect(log.contains(at(4, 4))).toBe(true);
    expect(log.contains(at(1, 4))).toBe(false);
    expect(log.contains(at(4, 3))).toBe(false);
    expect(log.contains(at(4, 7))).toBe(false);
    expect(log.contains(noPosition)).toBe(true);
  });

  it('counts as durable what the disk has completed, and as in progress what it was given', () => {
    const log = twoEpochs();
    expect([log.hasChanges, log.inProgress]).toEqual([true, 0]);
    log.take();
    expect([log.hasChanges, log.inProgress]).toEqual([false, 6]);
    expect(log.completed(1, at(1, 3))).toBe(true);
    expect(log.completed(1, at(1, 2))).toBe(false);
    expect([log.durable, log.inProgress]).toEqual([at(1, 3), 3]);
  });

  it('refuses a completion of what the disk was never given', () => {
    const log = twoEpochs();
    expect(() => log.completed(1, at(4, 5))).toThrow(InvariantError);
  });

  it('lets nothing be applied that is not both committed and durable', () => {
    const log = twoEpochs();
    log.take();
    log.commitTo(at(4, 5));
    expect(log.applicable).toEqual(noPosition);
    log.completed(1, at(4, 4));
    expect(log.applicable).toEqual(at(4, 4));
    log.completed(1, at(4, 6));
    expect(log.applicable).toEqual(at(4, 5));
  });

  it('never moves the commit point back, nor to a record of another log', () => {
    const log = twoEpochs();
    log.commitTo(at(4, 5));
    expect(() => log.commitTo(at(4, 4))).toThrow(InvariantError);
    expect(() => log.commitTo(at(5, 6))).toThrow(InvariantError);
  });

  it('begins an epoch with its epoch record and only so', () => {
    const log = twoEpochs();
    expect(() => log.append({ epoch: 5, kind: 'txn' }, text(''))).toThrow(InvariantError);
    expect(() => log.append({ epoch: 4, kind: 'epoch' }, text(''))).toThrow(InvariantError);
    expect(() => log.append({ epoch: 3, kind: 'epoch' }, text(''))).toThrow(InvariantError);
  });

  it('refuses a start that contradicts itself', () => {
    const epochStarts = [at(2, 10), at(3, 15)];
    const log = (last: LogPosition, committed: LogPosition): LogView =>
      new LogView({ last, lastChain: 0, epochStarts }, committed, { checksum });
    expect(() => log(at(4, 17), at(3, 15))).toThrow(InvariantError);
    expect(() => log(at(3, 17), at(3, 18))).toThrow(InvariantError);
    epochStarts.reverse();
    expect(() => log(at(2, 17), at(2, 10))).toThrow(InvariantError);
  });

  it('remembers the chains of its newest records', () => {
    const log = emptyLog();
    const first = log.append({ epoch: 1, kind: 'epoch' }, epochPayload);
    const second = log.append({ epoch: 1, kind: 'txn' }, text(''));
    expect(log.chainAt(2)).toBe(second.chain);
    expect(log.chainAt(3)).toBeUndefined();
    for (let zxid = 3; zxid <= 65_537; zxid++) log.append({ epoch: 1, kind: 'txn' }, text(''));
    log.take();
    expect(log.chainAt(1)).toBeUndefined();
    expect(log.chainAt(2)).toBe(second.chain);
    expect(first.chain).not.toBe(second.chain);
  });
});

describe('cutting the log', () => {
  it('ends it exactly there, across epochs, with what is durable', () => {
    const log = twoEpochs();
    const records = log.take().append;
    log.completed(1, at(4, 6));
    log.enterTenure(2);
    log.truncateAfter(at(1, 2));
    expect([log.last, log.durable, log.inProgress]).toEqual([at(1, 2), at(1, 2), 0]);
    expect(log.lastChain).toBe(records[1]?.chain);
    expect(log.epochStartsFrom(noPosition).map(positionOf)).toEqual([noPosition, at(1, 1)]);
    const next = log.append({ epoch: 7, kind: 'epoch' }, epochPayload);
    expect(next.zxid).toBe(3);
    expect(next.chain).toBe(checksum(next.bytes.subarray(8), records[1]?.chain ?? 0));
  });

  it('ignores the late completion of a record that has been replaced', () => {
    const log = twoEpochs();
    log.take();
    log.completed(1, at(1, 2));
    log.enterTenure(2);
    log.truncateAfter(at(1, 2));
    for (let zxid = 3; zxid <= 6; zxid++) {
      log.append({ epoch: 7, kind: zxid === 3 ? 'epoch' : 'txn' }, epochPayload);
    }
    log.take();
    expect(log.completed(2, at(4, 6))).toBe('it speaks of a record that has been replaced');
    expect(log.completed(1, at(1, 2))).toBe('the log was cut after tenure 1');
    expect(log.durable).toEqual(at(1, 2));
    expect(log.completed(2, at(7, 6))).toBe(true);
  });

  it('never removes a committed record, and cuts only after a record of its own', () => {
    const log = twoEpochs();
    log.commitTo(at(4, 4));
    expect(() => log.truncateAfter(at(1, 3))).toThrow(InvariantError);
    expect(() => log.truncateAfter(at(2, 5))).toThrow(InvariantError);
    log.truncateAfter(at(4, 4));
    expect(log.last).toEqual(at(4, 4));
  });

  it('forgets records that were never handed out', () => {
    const log = twoEpochs();
    log.take();
    log.append({ epoch: 4, kind: 'txn' }, text('unseen'));
    log.enterTenure(2);
    expect(log.last).toEqual(at(4, 6));
    expect(log.take()).toEqual({ append: [], forgetAfter: at(4, 6) });
    expect(log.hasChanges).toBe(false);
  });
});
