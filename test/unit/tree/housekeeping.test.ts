import { describe, expect, it } from 'vitest';
import type { ReapOperation } from '../../../src/protocol/operations.ts';
import { Harness, path } from './harness.ts';

const never = Number.MAX_SAFE_INTEGER;

function reapable(harness: Harness, nowMs: number, containerNeverUsedMs = never): string[] {
  return harness.tree
    .reapable(nowMs, { containerNeverUsedMs, limit: 100 })
    .map(({ path: at }) => at)
    .sort();
}

function reap(harness: Harness, at: string): ReapOperation {
  const { czxid, mzxid } = harness.stat(at);
  return { type: 'reap', path: path(at), czxid, mzxid };
}

describe('containers', () => {
  it('may go when they had a child and have none', () => {
    const harness = new Harness();
    harness.create('/c', { kind: 'container' });
    expect(reapable(harness, 1e12)).toEqual([]);
    harness.create('/c/a');
    expect(reapable(harness, 1e12)).toEqual([]);
    harness.delete('/c/a');
    expect(reapable(harness, 0)).toEqual(['/c']);
    harness.create('/c/b');
    expect(reapable(harness, 1e12)).toEqual([]);
  });

  it('may go when they were never used for so long, counted from the last write', () => {
    const harness = new Harness();
    harness.now = 10_000;
    harness.create('/c', { kind: 'container' });
    expect(reapable(harness, 15_000, 5000)).toEqual([]);
    expect(reapable(harness, 15_001, 5000)).toEqual(['/c']);
    harness.now = 14_000;
    harness.set('/c', 'x');
    expect(reapable(harness, 19_000, 5000)).toEqual([]);
    expect(reapable(harness, 19_001, 5000)).toEqual(['/c']);
  });

  it('go one level at a time', () => {
    const harness = new Harness();
    harness.create('/c', { kind: 'container' });
    harness.create('/c/d', { kind: 'container' });
    harness.create('/c/d/a');
    harness.delete('/c/d/a');
    expect(reapable(harness, 0)).toEqual(['/c/d']);
    harness.write(reap(harness, '/c/d'));
    expect(reapable(harness, 0)).toEqual(['/c']);
  });
});

describe('TTL znodes', () => {
  it('may go when they were not written for so long and have no children', () => {
    const harness = new Harness();
    harness.now = 1000;
    harness.create('/t', { kind: 'ttl', ttlMs: 500 });
    expect(reapable(harness, 1500)).toEqual([]);
    expect(reapable(harness, 1501)).toEqual(['/t']);
    harness.now = 1400;
    harness.set('/t', 'x');
    expect(reapable(harness, 1900)).toEqual([]);
    expect(reapable(harness, 1901)).toEqual(['/t']);
    harness.create('/t/a');
    expect(reapable(harness, 9999)).toEqual([]);
    harness.delete('/t/a');
    expect(reapable(harness, 9999)).toEqual(['/t']);
  });

  it('are reported only up to the limit, the longest due first', () => {
    const harness = new Harness();
    for (let index = 0; index < 10; index++) {
      harness.now = 100_000 - index * 5000;
      harness.create(`/t${String(index)}`, { kind: 'ttl', ttlMs: 1000 });
    }
    const found = harness.tree.reapable(1e9, { containerNeverUsedMs: never, limit: 3 });
    expect(found.map(({ path: at }) => at)).toEqual(['/t9', '/t8', '/t7']);
    expect(found[0]).toMatchObject({ czxid: 10, mzxid: 10 });
    expect(reapable(harness, 1e9)).toHaveLength(10);
  });
});

describe('reap', () => {
  it('takes only the very znode that was judged', () => {
    const harness = new Harness();
    harness.create('/t', { kind: 'ttl', ttlMs: 5 });
    const judged = reap(harness, '/t');
    harness.set('/t', 'x');
    harness.refuses(judged, 'BADVERSION');
    const again = reap(harness, '/t');
    harness.delete('/t');
    harness.refuses(again, 'NONODE');
    harness.create('/t', { kind: 'ttl', ttlMs: 5 });
    harness.refuses(again, 'BADVERSION');
    harness.write(reap(harness, '/t'));
    expect(harness.exists('/t')).toBe(false);
  });

  it('takes nothing but containers and TTL znodes, and none with children', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.create('/p');
    harness.create('/e', { kind: 'ephemeral' }, { session });
    harness.create('/c', { kind: 'container' });
    harness.create('/c/a');
    harness.refuses(reap(harness, '/p'), 'BADVERSION');
    harness.refuses(reap(harness, '/e'), 'BADVERSION');
    harness.refuses(reap(harness, '/c'), 'NOTEMPTY');
  });

  it('sees a child that is not applied yet', () => {
    const harness = new Harness();
    harness.create('/c', { kind: 'container' });
    harness.judge({ ...createChild, path: '/c/a' });
    harness.refuses(reap(harness, '/c'), 'NOTEMPTY');
  });

  it('needs no permission and no session', () => {
    const harness = new Harness();
    harness.create('/p', { acl: [{ scheme: 'world', id: 'anyone', perms: 5 }] });
    harness.create('/p/c', { kind: 'container' });
    harness.write(reap(harness, '/p/c'));
    expect(harness.exists('/p/c')).toBe(false);
  });
});

const createChild = {
  type: 'create' as const,
  path: '/c/a',
  data: new Uint8Array(0),
  kind: 'persistent' as const,
  sequential: false,
};

describe('a great many deadlines', () => {
  it('leave nothing behind when they are renewed', () => {
    const harness = new Harness();
    harness.create('/t', { kind: 'ttl', ttlMs: 1_000_000_000 });
    for (let index = 0; index < 5000; index++) {
      harness.now += 2000;
      harness.set('/t', 'x');
    }
    expect(reapable(harness, harness.now + 1_000_000_000)).toEqual([]);
    expect(reapable(harness, harness.now + 1_000_000_001)).toEqual(['/t']);
    harness.delete('/t');
    expect(reapable(harness, 1e15)).toEqual([]);
  });
});
