import { describe, expect, it } from 'vitest';
import { noPosition } from '../../../src/zab/index.ts';
import type { AppendMessage, LogRecord, Ready } from '../../../src/zab/index.ts';
import { commonPoint } from '../../../src/zab/common-point.ts';
import { LogView } from '../../../src/zab/log-view.ts';
import {
  ack,
  checksum,
  diskOf,
  established,
  follow,
  introduce,
  positionOf,
  recordsOf,
  startOf,
  tenureOf,
} from './host.ts';
import type { Host } from './host.ts';

const at = (epoch: number, zxid: number) => ({ epoch, zxid });

function appendsTo(host: Host, to: number): AppendMessage[] {
  return host.sent.flatMap(({ to: peer, message }) =>
    peer === to && message.type === 'APPEND' ? [message] : [],
  );
}

function requests<Name extends 'reads' | 'snapshots' | 'snapshotsOver'>(
  host: Host,
  name: Name,
): Ready[Name][number][] {
  return host.readies.flatMap((ready) => [...(ready[name] as Ready[Name][number][])]);
}

describe('the common point of two logs', () => {
  const logOf = (script: string): LogView =>
    new LogView(startOf(recordsOf(script)), noPosition, { checksum });
  const outline = (script: string) => {
    const { last, epochStarts } = startOf(recordsOf(script));
    return { last, epochStarts: [noPosition, ...epochStarts] };
  };

  it.each([
    ['of equal logs is their end', '1e 1t', '1e 1t', at(1, 2)],
    ['is the end of the shorter one', '1e 1t 1t', '1e', at(1, 1)],
    ['is before the surplus of the other', '1e 1t', '1e 1t 1t 1t', at(1, 2)],
    ['is the beginning, for an empty log', '1e 1t', '', noPosition],
    ['is before epochs that came to nothing', '1e 1t 4e', '1e 1t 2e 3e 3t', at(1, 2)],
    ['is before the surplus of an earlier epoch', '1e 4e 4t', '1e 1t 1t', at(1, 1)],
    ['is within a later epoch that both have', '1e 2e 2t 5e', '1e 2e 2t 2t 3e', at(2, 3)],
    ['is the beginning, where no epoch is in both', '2e 2t', '1e 1t', noPosition],
  ])('%s', (_, own, other, expected) => {
    expect(commonPoint(logOf(own), outline(other))).toEqual(expected);
  });

  it('is unknown where this log begins later', () => {
    const records = recordsOf('1e 1t 1t 2e 2t');
    const start = startOf(records.slice(3));
    const log = new LogView(start, at(1, 3), { checksum });
    expect(commonPoint(log, outline('1e 1t 1t'))).toEqual(at(1, 3));
    expect(commonPoint(log, outline('1e 1t'))).toBeUndefined();
  });
});

describe('a stream', () => {
  it('begins at the common point and brings everything behind it once', () => {
    const host = established(diskOf('1e 1t 1t'));
    follow(host, 3, { last: at(1, 1), epochStarts: [noPosition, at(1, 1)] });
    const [first] = host.image.records;
    host.propose('a');
    host.takeAll();
    const appends = appendsTo(host, 3);
    expect(appends[0]).toMatchObject({ previous: at(1, 1), previousChain: first?.chain });
    expect(appends.flatMap(({ records }) => records.map(({ zxid }) => zxid))).toEqual([2, 3, 4, 5]);
    expect(appends.map(({ tenure }) => tenure)).toEqual([tenureOf(3), tenureOf(3)]);
  });

  it('is opened also where there is nothing to bring', () => {
    const host = established();
    follow(host, 3, { last: host.zab.status.last });
    expect(appendsTo(host, 3)).toMatchObject([{ records: [], previous: at(2, 2) }]);
  });

  it('shares the new records of a turn among all learners and the disk', () => {
    const host = established();
    follow(host, 3);
    host.propose('a', 'b');
    const ready = host.take();
    expect(appendsTo(host, 2).at(-1)?.records).toBe(ready?.append);
    expect(appendsTo(host, 3).at(-1)?.records).toBe(ready?.append);
  });

  it('keeps to its window until the learner acknowledges', () => {
    const host = established(undefined, { streams: { windowBytes: 100, appendBytesMax: 100 } });
    host.propose('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
    host.takeAll();
    const sent = (): number[] =>
      appendsTo(host, 2).flatMap(({ records }) => records.map(({ zxid }) => zxid));
    expect(sent().at(-1)).toBe(8);
    ack(host, 2, at(2, 5));
    expect(sent().at(-1)).toBe(11);
    ack(host, 2, at(2, 8));
    expect(sent()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('sends a record that is longer than a message alone', () => {
    const host = established(undefined, { streams: { appendBytesMax: 100 } });
    host.propose('a', 'x'.repeat(500), 'b');
    host.takeAll();
    expect(appendsTo(host, 2).map(({ records }) => records.length)).toEqual([1, 1, 1, 1]);
  });

  it('to an observer brings only what is committed', () => {
    const host = established();
    follow(host, 9, { last: at(1, 1), epochStarts: [noPosition, at(1, 1)] });
    expect(
      appendsTo(host, 9)
        .at(-1)
        ?.records.map(({ zxid }) => zxid),
    ).toEqual([2]);
    const [record] = host.propose('a');
    host.takeAll().syncAppend();
    expect(appendsTo(host.takeAll(), 9).length).toBe(1);
    ack(host, 2, record ?? noPosition);
    expect(appendsTo(host, 9).at(-1)?.records).toEqual([record]);
  });
});

describe('a stream from disk', () => {
  const script = '1e 1t 1t 1t';
  const [first, second, third, fourth] = recordsOf(script);

  /** A leader that has nothing of its old log in memory, and a learner that has the first record. */
  function reading(): Host {
    const host = established(diskOf(script), { records: { at: () => undefined } });
    follow(host, 3, { last: at(1, 1), epochStarts: [noPosition, at(1, 1)] });
    return host;
  }

  function read(host: Host, previousChain: number, records: (LogRecord | undefined)[]): void {
    const present = records.filter((record) => record !== undefined);
    host.zab.recordsRead(3, tenureOf(3), { previousChain, records: present });
    host.takeAll();
  }

  it('asks for what is not in memory, once, and sends it as it comes', () => {
    const host = reading();
    expect(requests(host, 'reads')).toEqual([
      { to: 3, tenure: tenureOf(3), after: at(1, 1), bytesMax: 1024 * 1024 },
    ]);
    read(host, first?.chain ?? 0, [second, third]);
    expect(appendsTo(host, 3)).toMatchObject([{ previous: at(1, 1), records: [second, third] }]);
    expect(requests(host, 'reads').at(-1)?.after).toEqual(at(1, 3));
    read(host, third?.chain ?? 0, [fourth]);
    expect(requests(host, 'reads').at(-1)?.after).toEqual(at(1, 4));
  });

  it('ignores what was read for a relation that is over', () => {
    const host = reading();
    host.zab.peerDown(3);
    read(host, first?.chain ?? 0, [second]);
    expect(appendsTo(host, 3)).toEqual([]);
  });

  it('becomes a snapshot where the log does not reach back, and goes on behind it', () => {
    const host = reading();
    host.zab.recordsRead(3, tenureOf(3), 'snapshot');
    host.takeAll();
    expect(requests(host, 'snapshots')).toEqual([
      { to: 3, tenure: tenureOf(3), transfer: 1, atLeast: at(1, 1) },
    ]);
    host.propose('a');
    host.takeAll();
    const snapshot = { transfer: 1, position: at(1, 4), chain: fourth?.chain ?? 0 };
    host.zab.snapshotSent(3, tenureOf(3), snapshot);
    expect(appendsTo(host.takeAll(), 3)).toEqual([]);
    ack(host, 3, at(1, 4));
    expect(requests(host, 'reads').at(-1)).toMatchObject({ to: 3, after: at(1, 4) });
  });

  it('tells how far a snapshot is taken, and when its relation is over', () => {
    const host = reading();
    host.zab.recordsRead(3, tenureOf(3), 'snapshot');
    host.takeAll();
    const progress = { type: 'SNAPSHOTACK', tenure: tenureOf(3), transfer: 1, index: 4 } as const;
    host.zab.step(3, progress);
    host.zab.step(3, { ...progress, transfer: 7 });
    expect(host.take()?.snapshotAcks).toEqual([
      { to: 3, tenure: tenureOf(3), transfer: 1, index: 4 },
    ]);
    host.zab.peerDown(3);
    host.takeAll();
    expect(requests(host, 'snapshotsOver')).toEqual([{ to: 3, tenure: tenureOf(3), transfer: 1 }]);
  });

  it('ends the relation with a learner whose snapshot fails', () => {
    const host = reading();
    host.zab.recordsRead(3, tenureOf(3), 'snapshot');
    host.zab.snapshotFailed(3, tenureOf(3), 'The disk is full.');
    host.takeAll();
    expect(host.last('REFUSE', 3)).toMatchObject({ reason: 'The disk is full.' });
    expect(host.zab.status.learners.map(({ id }) => id)).toEqual([2]);
  });

  it('never takes back what the learner has: a snapshot lies at or beyond the common point', () => {
    const host = reading();
    host.zab.recordsRead(3, tenureOf(3), 'snapshot');
    const old = { transfer: 1, position: noPosition, chain: 0 };
    expect(() => host.zab.snapshotSent(3, tenureOf(3), old)).toThrow('takes nothing away');
  });

  it('becomes a snapshot with an alarm where the chains differ', () => {
    const host = established(diskOf(script));
    follow(host, 3, { last: at(1, 4), chain: 12345 });
    expect(requests(host, 'snapshots')).toMatchObject([{ to: 3 }]);
    expect(host.trace.filter(({ type }) => type === 'alarm')).toHaveLength(1);
  });

  it('becomes a snapshot where the log of the leader begins later', () => {
    const records = recordsOf('1e 1t 1t 2e');
    const log = { ...startOf(records.slice(2)), committedChain: records[1]?.chain ?? 0 };
    const host = established({ records, promise: undefined }, { log, committed: at(1, 2) });
    introduce(host, 3);
    host.zab.step(3, {
      ...{ type: 'ACKEPOCH', tenure: tenureOf(3), epoch: 3, counted: true, chain: 0 },
      ...{ last: noPosition, committed: noPosition, epochStarts: [noPosition] },
    });
    host.takeAll();
    expect(requests(host, 'snapshots')).toMatchObject([{ to: 3, atLeast: noPosition }]);
    expect(positionOf(host.zab.status.last)).toEqual(at(3, 5));
  });
});
