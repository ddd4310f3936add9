import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { ack, established, follow, Host, pong, positionOf } from './host.ts';

/** A leader of three whose epoch is established with voter 2. */
function leaderOfThree(): Host {
  const host = established();
  expect(host.zab.status.established).toBe(true);
  host.sent.length = 0;
  return host;
}

function roundOf(host: Host): number {
  const rounds = host.sent.flatMap(({ message }) =>
    message.type === 'PING' || message.type === 'APPEND' ? [message.round] : [],
  );
  return rounds.at(-1) ?? 0;
}

describe('barrier in an ensemble of one', () => {
  it('passes at the next Ready when its position is committed: the leader confirms itself', () => {
    const host = new Host().settle();
    const id = host.zab.barrier();
    expect(host.take()?.barriers).toEqual([{ id, outcome: 'passed' }]);
    expect(host.take()).toBeUndefined();
  });

  it('at an outstanding record waits for its commit, with its fsync', () => {
    const host = new Host().settle();
    const [record] = host.propose('judged against this');
    const id = host.zab.barrier({ position: positionOf(record ?? host.zab.status.last) });
    host.takeAll();
    expect(host.outcome(id)).toBeUndefined();
    host.syncAppend();
    const ready = host.take();
    expect(ready?.committed.zxid).toBe(2);
    expect(ready?.barriers).toEqual([{ id, outcome: 'passed' }]);
  });

  it('by default stands at what is committed at its arrival, not at what is outstanding', () => {
    const host = new Host().settle();
    host.propose('outstanding');
    const id = host.zab.barrier();
    host.take();
    expect(host.outcome(id)).toBe('passed');
  });

  it('lets an earlier position pass before a later one that was set first', () => {
    const host = new Host().settle();
    const [record] = host.propose('a');
    const later = host.zab.barrier({ position: positionOf(record ?? host.zab.status.last) });
    const earlier = host.zab.barrier();
    host.takeAll();
    expect([host.outcome(later), host.outcome(earlier)]).toEqual([undefined, 'passed']);
    host.settle();
    expect(host.outcome(later)).toBe('passed');
  });

  it('with acks=1 or all passes with the own disk', () => {
    const host = new Host().settle();
    const ids = [host.zab.barrier({ acks: 1 }), host.zab.barrier({ acks: 'all' })];
    host.takeAll();
    expect(ids.map((id) => host.outcome(id))).toEqual(['passed', 'passed']);
  });

  it('with more acks than voters is unreachable, once its position is committed', () => {
    const host = new Host().settle();
    const [record] = host.propose('a');
    const id = host.zab.barrier({ position: positionOf(record ?? host.zab.status.last), acks: 2 });
    host.takeAll();
    expect(host.outcome(id)).toBeUndefined();
    host.settle();
    expect(host.outcome(id)).toBe('acks-unreachable');
  });

  it('is void before the epoch is established', () => {
    const host = new Host();
    const id = host.zab.barrier();
    host.takeAll();
    expect(host.outcome(id)).toBe('void');
  });

  it('is void when the node leaves its role, and does not come back with the next epoch', () => {
    const host = new Host().settle();
    const [record] = host.propose('a');
    const waiting = host.zab.barrier({ position: positionOf(record ?? host.zab.status.last) });
    host.takeAll();
    host.zab.stepDown('for the test');
    const after = host.zab.barrier();
    host.settle();
    expect([host.outcome(waiting), host.outcome(after)]).toEqual(['void', 'void']);
    expect(host.settled.length).toBe(2);
  });

  it('stands at a record of this log', () => {
    const host = new Host().settle();
    expect(() => host.zab.barrier({ position: { epoch: 1, zxid: 2 } })).toThrow(InvariantError);
    expect(() => host.zab.barrier({ position: { epoch: 0, zxid: 1 } })).toThrow(InvariantError);
  });

  it('has a name that is never used again', () => {
    const host = new Host().settle();
    const first = host.zab.barrier();
    host.settle().zab.stepDown('for the test');
    host.settle();
    expect(host.zab.barrier()).not.toBe(first);
  });
});

describe('barrier among three voters', () => {
  it('needs a quorum that confirms a round begun after the barrier was set', () => {
    const host = leaderOfThree();
    const id = host.zab.barrier();
    host.takeAll();
    expect(host.sent.map(({ to, message }) => [to, message.type])).toEqual([[2, 'PING']]);
    expect(host.outcome(id)).toBeUndefined();
    pong(host, 2, roundOf(host));
    expect(host.outcome(id)).toBe('passed');
  });

  it('is not passed by the confirmation of an earlier round', () => {
    const host = leaderOfThree();
    const first = host.zab.barrier();
    host.takeAll();
    const second = host.zab.barrier();
    pong(host, 2, roundOf(host));
    expect([host.outcome(first), host.outcome(second)]).toEqual(['passed', undefined]);
    pong(host, 2, roundOf(host));
    expect(host.outcome(second)).toBe('passed');
  });

  it('shares its round with all that were set in the same turn', () => {
    const host = leaderOfThree();
    const ids = [host.zab.barrier(), host.zab.barrier(), host.zab.barrier()];
    host.takeAll();
    expect(host.sent.length).toBe(1);
    pong(host, 2, roundOf(host));
    expect(ids.map((id) => host.outcome(id))).toEqual(['passed', 'passed', 'passed']);
  });

  it('counts any later acknowledgement of an APPEND as a confirmation', () => {
    const host = leaderOfThree();
    const id = host.zab.barrier();
    host.takeAll();
    ack(host, 2, host.zab.status.last, roundOf(host));
    host.takeAll();
    expect(host.outcome(id)).toBe('passed');
  });

  it('ignores the confirmation of a round that has not begun', () => {
    const host = leaderOfThree();
    pong(host, 2, 99);
    const id = host.zab.barrier();
    host.takeAll();
    expect(host.outcome(id)).toBeUndefined();
    expect(host.ignored()).toContain('round of 2');
  });

  it('with acks waits for as many disks, the leader’s own among them', () => {
    const host = leaderOfThree();
    const [record] = host.propose('a');
    const position = positionOf(record ?? host.zab.status.last);
    const all = host.zab.barrier({ position, acks: 'all' });
    const two = host.zab.barrier({ position, acks: 2 });
    host.takeAll().syncAppend();
    host.takeAll();
    ack(host, 2, position, roundOf(host));
    host.takeAll();
    expect([host.outcome(two), host.outcome(all)]).toEqual(['passed', undefined]);
    follow(host, 3);
    ack(host, 3, position);
    host.takeAll();
    expect(host.outcome(all)).toBe('passed');
  });
});
