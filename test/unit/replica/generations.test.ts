/** The newest attachment of a session is known, also across leaders. */
import { describe, expect, it } from 'vitest';
import { Generations } from '../../../src/replica/generations.ts';

const timeoutMs = 4000;

function reign(epoch: number): Generations {
  const generations = new Generations();
  generations.begin(epoch);
  return generations;
}

describe('generations of attachments', () => {
  it('rise with each attachment and displace the one before', () => {
    const generations = reign(3);
    const first = generations.raise(7, { node: 1, timeoutMs });
    expect(first.older).toBeUndefined();
    const second = generations.raise(7, { node: 2, timeoutMs: 9000 });
    expect(second.older).toEqual({ generation: first.generation, node: 1, timeoutMs });
    expect(generations.isCurrent(7, first.generation)).toBe(false);
    expect(generations.isCurrent(7, second.generation)).toBe(true);
    expect(generations.timeoutOf(7)).toBe(9000);
  });

  it('prefer what this leader has given to what an earlier one had, told late', () => {
    const generations = reign(5);
    const { generation } = generations.raise(7, { node: 2, timeoutMs });
    const late = { node: 1, timeoutMs, generation: { epoch: 4, count: 900 } };
    expect(generations.register(7, late)).toEqual(late);
    expect(generations.isCurrent(7, generation)).toBe(true);
  });

  it('find the newer of two that earlier leaders have given, in whatever order they are told', () => {
    const older = { node: 1, timeoutMs, generation: { epoch: 3, count: 900 } };
    const newer = { node: 2, timeoutMs, generation: { epoch: 4, count: 1 } };
    for (const [first, second] of [
      [older, newer],
      [newer, older],
    ] as const) {
      const generations = reign(5);
      expect(generations.register(7, first)).toBeUndefined();
      expect(generations.register(7, second)).toEqual(older);
      expect(generations.isCurrent(7, newer.generation)).toBe(true);
    }
  });

  it('take the same one twice, told again after the link was down', () => {
    const generations = reign(5);
    const same = { node: 1, timeoutMs, generation: { epoch: 4, count: 1 } };
    generations.register(7, same);
    expect(generations.register(7, same)).toBeUndefined();
  });

  it('remember the newest when its stream has ended, so that no older one comes back', () => {
    const generations = reign(5);
    const older = generations.raise(7, { node: 1, timeoutMs }).generation;
    const newer = generations.raise(7, { node: 2, timeoutMs }).generation;
    generations.detach(7, older);
    expect(generations.isAttached(7)).toBe(true);
    generations.detach(7, newer);
    expect(generations.isAttached(7)).toBe(false);
    expect(generations.timeoutOf(7)).toBeUndefined();
    const registered = { node: 1, timeoutMs, generation: older };
    expect(generations.register(7, registered)).toBe(registered);
  });

  it('forget a session that has ended, and everything when a reign begins', () => {
    const generations = reign(5);
    const { generation } = generations.raise(7, { node: 1, timeoutMs });
    generations.remove(7);
    expect(generations.isCurrent(7, generation)).toBe(false);
    generations.raise(8, { node: 1, timeoutMs });
    generations.begin(6);
    expect(generations.size).toBe(0);
    expect(generations.raise(8, { node: 1, timeoutMs }).generation).toEqual({ epoch: 6, count: 1 });
  });
});
