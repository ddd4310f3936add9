import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { ExpiryQueue } from '../../../src/sessions/index.ts';

const TICK = 2000;

/** Polls every quarter of a tick, as a healthy leader does, and says when each session expired. */
function expiries(queue: ExpiryQueue, from: number, to: number): Map<number, number> {
  const found = new Map<number, number>();
  for (let now = from; now <= to; now += TICK / 4) {
    for (const id of queue.poll(now)) found.set(id, now);
  }
  return found;
}

describe('expiry of sessions', () => {
  it('puts the deadline at the end of the tick in which the timeout ends', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 10_001);
    expect(queue.nextDeadline()).toBe(12_000);
    queue.touch(2, 0, 10_000);
    expect(queue.nextDeadline()).toBe(12_000);
    queue.touch(3, 0, 9999);
    expect(queue.nextDeadline()).toBe(10_000);
    queue.remove(3);
    expect(queue.nextDeadline()).toBe(12_000);
  });

  it('counts timeouts that do not fit into 32 bits', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    const timeoutMs = 3650 * 86_400_000;
    queue.touch(1, 0, timeoutMs);
    expect([queue.timeoutOf(1), queue.expiresInMs(1, 0)]).toEqual([timeoutMs, timeoutMs]);
    expect(queue.nextDeadline()).toBeGreaterThanOrEqual(timeoutMs);
    for (let id = 2; id < 2000; id++) queue.touch(id, 0, timeoutMs);
    expect(queue.timeoutOf(1)).toBe(timeoutMs);
  });

  it('ends a session within [T, T + tick] after its last touch, for every touch and timeout', () => {
    const scenario = fc.record({
      timeoutMs: fc.integer({ min: 1, max: 60_000 }),
      gaps: fc.array(fc.double({ min: 0, max: 3 * TICK, noNaN: true }), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(scenario, ({ timeoutMs, gaps }) => {
        const queue = new ExpiryQueue({ tickMs: TICK });
        let now = 0;
        let polled = 0;
        queue.touch(1, now, timeoutMs);
        for (const gap of gaps) {
          const next = now + Math.min(gap, timeoutMs);
          for (; polled < next; polled += TICK / 4) expect(queue.poll(polled)).toEqual([]);
          now = next;
          queue.touch(1, now, timeoutMs);
        }
        const sure = now + timeoutMs;
        for (; polled < sure; polled += TICK / 4) expect(queue.poll(polled)).toEqual([]);
        const end = queue.nextDeadline() ?? 0;
        expect(end).toBeGreaterThanOrEqual(sure);
        expect(end).toBeLessThanOrEqual(sure + TICK);
        expect(queue.poll(end)).toEqual([1]);
      }),
      { numRuns: 200 },
    );
  });

  it('uses the timeout of the latest touch, longer or shorter', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 4000);
    queue.touch(1, 0, 20_000);
    queue.touch(2, 0, 20_000);
    queue.touch(2, 0, 4000);
    expect(expiries(queue, 0, 30_000)).toEqual(
      new Map([
        [2, 6000],
        [1, 22_000],
      ]),
    );
  });

  it('forgets a removed session, and reuses its place for another', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    for (let id = 1; id <= 3000; id++) queue.touch(id, 0, 4000);
    for (let id = 1; id <= 2999; id++) queue.remove(id);
    for (let id = 3001; id <= 3500; id++) queue.touch(id, 0, 8000);
    queue.remove(77_777);
    expect(queue.size).toBe(501);
    const found = expiries(queue, 0, 20_000);
    expect(found.get(3000)).toBe(6000);
    expect(found.get(3500)).toBe(10_000);
    expect(found.size).toBe(501);
    expect(queue.nextDeadline()).toBeUndefined();
  });

  it('promises the last touch plus the timeout, never the rounding beyond', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 500, 4000);
    expect(queue.expiresInMs(1, 500)).toBe(4000);
    expect(queue.expiresInMs(1, 2000)).toBe(2500);
    expect(queue.poll(4400)).toEqual([]);
    expect(queue.expiresInMs(1, 5900)).toBe(0);
    expect(queue.expiresInMs(2, 5900)).toBeUndefined();
  });

  it('takes a clock that goes back for one that stands still', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.poll(10_000);
    queue.touch(1, 3000, 4000);
    expect(queue.expiresInMs(1, 0)).toBe(4000);
    expect(queue.nextDeadline()).toBe(16_000);
  });
});

describe('closing sessions', () => {
  it('cannot be prolonged once they have expired, until they are removed', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 1000);
    expect(queue.poll(TICK)).toEqual([1]);
    expect(queue.isClosing(1)).toBe(true);
    expect(queue.touch(1, TICK, 1000)).toBe(false);
    expect(queue.expiresInMs(1, TICK)).toBeUndefined();
    expect(queue.poll(TICK)).toEqual([]);
    queue.remove(1);
    expect(queue.isClosing(1)).toBe(false);
  });

  it('include those that their client closes', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 1000);
    queue.markClosing(1);
    expect(queue.touch(1, 10, 1000)).toBe(false);
    expect(queue.size).toBe(0);
    expect(expiries(queue, 0, 10_000).size).toBe(0);
  });
});

describe('mass expiry', () => {
  it('is paced, and a touch still saves who has not been taken yet', () => {
    const queue = new ExpiryQueue({ tickMs: TICK, expiredPerPollMax: 100 });
    for (let id = 1; id <= 250; id++) queue.touch(id, 0, 1000);
    const first = queue.poll(TICK);
    expect(first.length).toBe(100);
    const left = Array.from({ length: 250 }, (_, index) => index + 1).filter(
      (id) => !first.includes(id),
    );
    const saved = left[0] ?? 0;
    expect(queue.touch(saved, TICK, 60_000)).toBe(true);
    let room = 40;
    expect(queue.poll(TICK, () => room-- > 0).length).toBe(40);
    const rest = [...queue.poll(TICK), ...queue.poll(TICK)];
    expect(rest.length).toBe(109);
    expect(rest).not.toContain(saved);
    expect(queue.size).toBe(1);
  });

  it('takes the earliest deadlines first', () => {
    const queue = new ExpiryQueue({ tickMs: TICK, expiredPerPollMax: 1 });
    queue.touch(1, 0, 5000);
    queue.touch(2, 0, 1000);
    queue.touch(3, 0, 3000);
    queue.poll(1999);
    queue.poll(1999);
    queue.poll(1999);
    expect(queue.poll(5000)).toEqual([2]);
    expect([queue.poll(6000), queue.poll(6000), queue.poll(6000)]).toEqual([[3], [1], []]);
  });
});

describe('pauses of the leader', () => {
  it('are charged to nobody: deadlines move by the lateness of the poll', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 10_000);
    queue.poll(1000);
    // The next poll was due at 3000 and comes at 33000.
    expect(queue.poll(33_000)).toEqual([]);
    expect(queue.nextDeadline()).toBe(42_000);
    expect(expiries(queue, 33_000, 60_000)).toEqual(new Map([[1, 42_000]]));
  });

  it('of up to one tick are ordinary delay', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 4000);
    queue.poll(2000);
    queue.poll(2000 + 2 * TICK);
    expect(queue.isClosing(1)).toBe(true);
  });

  it('are noticed by a touch that comes before the poll, which gets no more than its timeout', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 10_000);
    queue.touch(2, 0, 10_000);
    queue.poll(0);
    queue.touch(2, 50_000, 10_000);
    expect(queue.expiresInMs(2, 50_000)).toBe(10_000);
    expect(queue.expiresInMs(1, 50_000)).toBe(8000);
    const found = expiries(queue, 50_000, 80_000);
    expect(found.get(1)).toBeGreaterThanOrEqual(58_000);
    expect(found.get(2)).toBeLessThanOrEqual(60_000 + TICK);
  });

  it('can also be told from outside', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 3000);
    queue.extendAll(7000);
    expect(queue.nextDeadline()).toBe(11_000);
    expect(() => queue.extendAll(-1)).toThrow(InvariantError);
  });

  it('never let a session end before its timeout, whenever polls and touches come', () => {
    const steps = fc.array(
      fc.record({
        gap: fc.double({ min: 0, max: 40_000, noNaN: true }),
        touch: fc.boolean(),
        back: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30_000 }), (actions, timeoutMs) => {
        const queue = new ExpiryQueue({ tickMs: TICK });
        let now = 0;
        let touched = 0;
        queue.touch(1, now, timeoutMs);
        for (const { gap, touch, back } of actions) {
          now += gap;
          const told = back ? now - 5000 : now;
          if (touch) {
            if (queue.touch(1, told, timeoutMs)) touched = Math.max(touched, told);
          } else if (queue.poll(told).length > 0) {
            expect(told).toBeGreaterThanOrEqual(touched + timeoutMs);
            return;
          }
        }
        expect(queue.size).toBe(1);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a new leader', () => {
  it('gives every session a fresh, full timeout and forgets who was closing', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 0, 4000);
    queue.touch(2, 0, 4000);
    queue.touch(9, 0, 4000);
    queue.markClosing(2);
    queue.restart(
      [
        { id: 1, timeoutMs: 4000 },
        { id: 2, timeoutMs: 8000 },
      ],
      100_000,
    );
    expect(queue.size).toBe(2);
    expect(queue.isClosing(2)).toBe(false);
    expect(queue.expiresInMs(1, 100_000)).toBe(4000);
    expect(queue.expiresInMs(2, 100_000)).toBe(8000);
    expect(queue.poll(103_999)).toEqual([]);
    expect(queue.nextDeadline()).toBe(106_000);
  });
});

describe('a sign of life that others have heard', () => {
  it('counts from when they heard it, unless a younger one is known', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 10_000, 4000);
    queue.poll(11_000);
    expect(queue.touchAgo(1, { nowMs: 11_000, ageMs: 300, timeoutMs: 4000 })).toBe(true);
    expect(queue.expiresInMs(1, 11_000)).toBe(3700);
    queue.touchAgo(1, { nowMs: 11_000, ageMs: 900, timeoutMs: 4000 });
    expect(queue.expiresInMs(1, 11_000)).toBe(3700);
  });

  it('changes the timeout alone when it is infinitely old', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 10_000, 4000);
    queue.touchAgo(1, { nowMs: 11_000, ageMs: Infinity, timeoutMs: 9000 });
    expect(queue.expiresInMs(1, 11_000)).toBe(8000);
    queue.touchAgo(2, { nowMs: 11_000, ageMs: Infinity, timeoutMs: 9000 });
    expect(queue.expiresInMs(2, 11_000), 'an unknown one begins now').toBe(9000);
  });

  it('prolongs nothing that is closing', () => {
    const queue = new ExpiryQueue({ tickMs: TICK });
    queue.touch(1, 10_000, 4000);
    queue.markClosing(1);
    expect(queue.touchAgo(1, { nowMs: 10_000, ageMs: 0, timeoutMs: 4000 })).toBe(false);
  });
});
