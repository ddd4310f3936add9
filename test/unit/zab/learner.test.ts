import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { noPosition } from '../../../src/zab/index.ts';
import type { AppendMessage, LogPosition, LogRecord } from '../../../src/zab/index.ts';
import {
  diskOf,
  established,
  Host,
  lifeOf,
  link,
  ofThree,
  positionOf,
  recordsOf,
  vote,
} from './host.ts';
import type { DiskImage } from './host.ts';

const LEADER = 3;

/** Node 1 has found its leader. */
function following(disk: DiskImage = diskOf('1e 1t'), options = {}): Host {
  const host = ofThree(disk, options);
  vote(host, LEADER, { state: 'leading', leader: LEADER, epoch: 1 });
  return host;
}

function tell(host: Host, message: object): void {
  const { tenure } = host.zab.status;
  host.zab.step(LEADER, { tenure, ...message } as AppendMessage);
  host.takeAll();
}

function leaderInfo(host: Host, epoch = 2, incarnation = lifeOf(LEADER)): void {
  tell(host, { type: 'LEADERINFO', epoch, incarnation, clusterId: 'cluster-a', voter: true });
}

/** Node 1 has promised the epoch and told what it has. */
function learning(disk?: DiskImage, options = {}): Host {
  const host = following(disk, options);
  leaderInfo(host);
  if (host.promises.length > 0) host.syncPromise();
  return host.takeAll();
}

interface Batch {
  readonly after?: LogRecord | undefined;
  readonly records: readonly LogRecord[];
  readonly committed?: LogPosition;
  readonly round?: number;
}

function append(host: Host, { after, records, committed = noPosition, round = 0 }: Batch): void {
  const previous = after === undefined ? noPosition : positionOf(after);
  const previousChain = after?.chain ?? 0;
  tell(host, { type: 'APPEND', previous, previousChain, records, committed, round });
}

function ping(host: Host, committed: LogPosition, round = 0): void {
  tell(host, { type: 'PING', committed: positionOf(committed), round });
}

function violations(host: Host): string[] {
  return host.trace.flatMap((event) => (event.type === 'violation' ? [event.reason] : []));
}

describe('a learner before the stream', () => {
  it('says what it promised and what it has on disk', () => {
    const host = following();
    expect(host.last('FOLLOWERINFO', LEADER)).toEqual({
      ...{ type: 'FOLLOWERINFO', tenure: 2, clusterId: 'cluster-a', featureLevel: 1 },
      ...{ promise: { epoch: 1, leader: 3, incarnation: lifeOf(3) }, recovering: false },
      last: { epoch: 1, zxid: 2 },
    });
  });

  it('answers the epoch only when its promise of it is durable', () => {
    const host = following();
    leaderInfo(host);
    expect(host.last('ACKEPOCH', LEADER)).toBeUndefined();
    expect(host.promises).toMatchObject([
      { promise: { epoch: 2, leader: 3, incarnation: lifeOf(3) } },
    ]);
    host.syncPromise();
    host.takeAll();
    const [, second] = host.image.records;
    expect(host.last('ACKEPOCH', LEADER)).toEqual({
      ...{ type: 'ACKEPOCH', tenure: 2, epoch: 2, counted: true, last: { epoch: 1, zxid: 2 } },
      ...{ chain: second?.chain, committed: noPosition },
      epochStarts: [noPosition, { epoch: 1, zxid: 1 }],
    });
  });

  it('does not count for an epoch that it has promised to another, nor to another life of it', () => {
    const countedWith = (leader: number, incarnation: string): boolean | undefined => {
      const promise = { epoch: 2, leader, incarnation };
      const host = following({ ...diskOf('1e 1t'), promise });
      leaderInfo(host);
      expect(host.promises).toEqual([]);
      return host.last('ACKEPOCH', LEADER)?.counted;
    };
    expect(countedWith(2, lifeOf(2))).toBe(false);
    expect(countedWith(LEADER, 'another life')).toBe(false);
    expect(countedWith(LEADER, lifeOf(LEADER))).toBe(true);
  });

  it('helps no epoch below its promise', () => {
    const host = following(diskOf('1e 1t', 5));
    leaderInfo(host, 4);
    expect(host.zab.status.role).toBe('looking');
    expect(violations(host)).toEqual([]);
  });

  it('does not follow into another cluster', () => {
    const host = following();
    const info = { epoch: 2, incarnation: lifeOf(3), clusterId: 'cluster-b', voter: true };
    tell(host, { type: 'LEADERINFO', ...info });
    expect(violations(host)).toEqual(['the leader belongs to another cluster']);
  });

  it('promises nothing where it does not count', () => {
    const host = new Host(diskOf('1e 1t', 5), {
      ...{ self: 9, voters: [1, 2, 3], observers: [9], incarnation: lifeOf(9) },
    });
    for (const id of [1, 2, 3]) link(host, id);
    vote(host, LEADER, { state: 'leading', leader: LEADER });
    const info = { epoch: 4, incarnation: lifeOf(3), clusterId: 'cluster-a', voter: false };
    tell(host, { type: 'LEADERINFO', ...info });
    expect(host.promises).toEqual([]);
    expect(host.last('ACKEPOCH', LEADER)).toMatchObject({ epoch: 4, counted: false });
  });

  it('takes nothing before it has told what it has', () => {
    const host = following();
    append(host, { records: recordsOf('1e') });
    expect(violations(host)).toEqual(['APPEND before the stream']);
  });
});

describe('a learner in the stream', () => {
  const [first, second] = recordsOf('1e 1t');
  const next = recordsOf('2e 2t 2t', second);
  const [epochRecord, third, fourth] = next;

  it('appends what follows, and acknowledges what its disk has', () => {
    const host = learning();
    append(host, { after: second, records: next });
    expect(host.last('ACK', LEADER)).toMatchObject({ position: { epoch: 1, zxid: 2 } });
    expect(host.appends.map(({ records }) => records)).toEqual([next]);
    host.syncAppend();
    host.takeAll();
    expect(host.last('ACK', LEADER)).toMatchObject({ position: { epoch: 2, zxid: 5 } });
  });

  it('serves from the first commit point at or beyond the epoch record of its leader', () => {
    const host = learning();
    append(host, { after: second, records: next, committed: { epoch: 1, zxid: 2 } });
    expect(host.zab.status).toMatchObject({ serving: false, phase: 'synchronization' });
    ping(host, epochRecord ?? noPosition);
    expect(host.zab.status).toMatchObject({
      ...{ serving: true, phase: 'broadcast', committed: { epoch: 2, zxid: 3 } },
      epochStart: { epoch: 2, zxid: 3 },
    });
  });

  it('commits no further than its stream has come', () => {
    const host = learning();
    append(host, { after: second, records: [], committed: { epoch: 2, zxid: 5 } });
    expect(host.zab.status.committed).toEqual({ epoch: 1, zxid: 2 });
    expect(host.zab.status.serving).toBe(false);
  });

  it('applies only what its own disk has too', () => {
    const host = learning();
    append(host, { after: second, records: next, committed: { epoch: 2, zxid: 5 } });
    expect(host.readies.at(-1)).toMatchObject({ applicable: { zxid: 2 }, committed: { zxid: 5 } });
    host.syncAppend();
    expect(host.take()).toMatchObject({ applicable: { zxid: 5 } });
  });

  it('answers the latest round, with an acknowledgement where there is one', () => {
    const host = learning();
    append(host, { after: second, records: next, round: 4 });
    expect(host.last('ACK', LEADER)?.round).toBe(4);
    ping(host, noPosition, 6);
    expect(host.last('PONG', LEADER)?.round).toBe(6);
  });

  it.each([
    ['a gap', { after: third, records: [fourth] }],
    ['a repetition', { after: first, records: [second] }],
    ['another chain', { after: second && { ...second, chain: 7 }, records: next }],
    ['another epoch', { after: second && { ...second, epoch: 2 }, records: next }],
  ])('ends the role at %s', (_, { after, records }) => {
    const host = learning();
    append(host, { after: second, records: [] });
    append(host, { after, records: records.filter((record) => record !== undefined) });
    expect(host.zab.status.role).toBe('looking');
    expect(violations(host)).toHaveLength(1);
    expect(host.readies.at(-1)?.disconnect).toMatchObject([{ peer: LEADER }]);
    expect(host.appends).toEqual([]);
  });

  it.each([
    ['damaged', [{ ...epochRecord, chain: 1 }]],
    ['of a later epoch than its leader', recordsOf('3e', second)],
    ['of a new epoch without its epoch record', recordsOf('2t', second)],
    ['not contiguous', [third]],
  ])('ends the role at a record that is %s', (_, records) => {
    const host = learning();
    append(host, { after: second, records: records as LogRecord[] });
    expect(violations(host)).toHaveLength(1);
    expect(host.zab.status).toMatchObject({ role: 'looking', last: { zxid: 2 } });
  });

  it('truncates what is not in its leader’s log, and has it durable no longer at once', () => {
    const host = learning(diskOf('1e 1t 1t 1t'));
    append(host, { after: second, records: next });
    const ready = host.readies.find(({ truncateAfter }) => truncateAfter !== undefined);
    expect(ready).toMatchObject({
      ...{ truncateAfter: { epoch: 1, zxid: 2 }, forgetAfter: { epoch: 1, zxid: 2 } },
      append: next,
    });
    expect(host.zab.status).toMatchObject({ durable: { zxid: 2 }, last: { epoch: 2, zxid: 5 } });
    host.syncAppend();
    expect(host.takeAll().image.records.map(({ epoch }) => epoch)).toEqual([1, 1, 2, 2, 2]);
  });

  it('never truncates what it knows to be committed: that ends the process', () => {
    const host = learning(diskOf('1e 1t 1t 1t'), { committed: { epoch: 1, zxid: 3 } });
    expect(() => append(host, { after: second, records: next })).toThrow(InvariantError);
  });

  it('keeps what it shares with its leader, also while its disk still works on it', () => {
    const host = learning();
    append(host, { after: second, records: next });
    host.zab.stepDown('for the test');
    host.takeAll();
    vote(host, LEADER, { state: 'leading', leader: LEADER, round: 9 });
    leaderInfo(host);
    expect(host.last('ACKEPOCH', LEADER)).toMatchObject({ last: { epoch: 1, zxid: 2 } });
    append(host, { after: second, records: next, committed: { epoch: 2, zxid: 4 } });
    expect(host.appends.length).toBe(1);
    expect(host.zab.status).toMatchObject({ serving: true, committed: { zxid: 4 } });
    host.syncAppend();
    host.takeAll();
    expect(host.last('ACK', LEADER)).toMatchObject({ tenure: 4, position: { epoch: 2, zxid: 5 } });
  });

  it('ignores a completion that is older than the truncation of its record', () => {
    const host = learning();
    append(host, { after: second, records: next });
    const [old] = host.appends;
    host.zab.stepDown('for the test');
    host.takeAll();
    vote(host, LEADER, { state: 'leading', leader: LEADER, round: 9 });
    leaderInfo(host, 3);
    host.syncPromise();
    append(host, { after: second, records: recordsOf('3e', second) });
    host.zab.stepDown('for the test');
    host.takeAll();
    vote(host, LEADER, { state: 'leading', leader: LEADER, round: 10 });
    leaderInfo(host, 4);
    host.syncPromise();
    append(host, { after: second, records: [...next, ...recordsOf('4e', fourth)] });
    host.zab.durable(old?.tenure ?? 0, { epoch: 2, zxid: 5 });
    expect(host.takeAll().zab.status.durable).toEqual({ epoch: 1, zxid: 2 });
    expect(host.ignored()).toEqual(['disk completion']);
  });

  it('is told nothing by a relation that is over', () => {
    const host = learning();
    const message = { after: second, records: next };
    host.zab.stepDown('for the test');
    append(host, message);
    expect(host.ignored()).toEqual(['APPEND of 3']);
    expect(host.zab.status.last.zxid).toBe(2);
  });
});

describe('leaving a leader', () => {
  it('happens when it is silent for too long', () => {
    const host = learning().passTo(900, 20);
    ping(host, noPosition);
    host.passTo(1900, 920);
    expect(host.zab.status.role).toBe('following');
    host.passTo(1920);
    expect(host.zab.status.role).toBe('looking');
  });

  it('happens at once when the link is gone', () => {
    const host = learning();
    host.zab.peerDown(LEADER, { refused: true });
    expect(host.takeAll().trace).toContainEqual({ type: 'reset', reason: 'leader 3 is gone' });
    expect(host.zab.status.role).toBe('looking');
  });

  it('does not happen when another link is gone', () => {
    const host = learning();
    host.zab.peerDown(2);
    expect(host.zab.status.role).toBe('following');
  });

  it('happens when it says so, or looks for a leader itself', () => {
    const refused = learning();
    tell(refused, { type: 'REFUSE', reason: 'for the test' });
    expect(refused.zab.status.role).toBe('looking');
    const looking = learning();
    vote(looking, LEADER, { candidate: 2 });
    expect(looking.zab.status.role).toBe('looking');
  });
});

describe('a leader that is gone right after its first records', () => {
  it.each([2, 3])('leaves no doubt of the disk behind, with a cut after record %i', (kept) => {
    const host = established();
    const [first] = host.propose('first', 'second');
    const { tenure: before, last } = host.takeAll().zab.status;
    host.zab.stepDown('the test says so');
    host.takeAll();
    vote(host, 3, { state: 'leading', leader: 3 });
    const { tenure } = host.zab.status;
    const info = { epoch: 3, incarnation: lifeOf(3), clusterId: 'cluster-a', voter: true };
    host.zab.step(3, { type: 'LEADERINFO', tenure, ...info });
    host.takeAll().syncPromise();
    host.takeAll();
    const previous = host.image.records.at(-1);
    // Both come with one read of the socket: the cut is decided, and what follows it is forgotten.
    host.zab.step(3, {
      ...{ type: 'APPEND', tenure, committed: noPosition, round: 0 },
      ...{ previous: { epoch: 2, zxid: 2 }, previousChain: previous?.chain ?? 0 },
      records:
        kept === 2 || first === undefined
          ? recordsOf('3e', previous)
          : [first, ...recordsOf('3e', first)],
    });
    host.zab.step(3, { type: 'REFUSE', tenure, reason: 'This node leads no longer.' });
    host.takeAll();
    expect(last).toEqual({ epoch: 2, zxid: 4 });
    expect(host.zab.status.last).toEqual({ epoch: 2, zxid: kept });
    // The disk tells where it ends after the cut, if that is news.
    if (kept === 3) host.zab.durable(before, { epoch: 2, zxid: kept });
    host.passTo(5000, 20);
    expect(host.last('VOTE', 2)).toMatchObject({ candidate: 1 });
  });
});
