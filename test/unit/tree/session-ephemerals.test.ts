import { describe, expect, it } from 'vitest';
import type { CreateOperation } from '../../../src/protocol/operations.ts';
import { Harness, path } from './harness.ts';

const noData = new Uint8Array(0);
const ephemeral = (at: string): CreateOperation => ({
  type: 'create',
  path: at,
  data: noData,
  kind: 'ephemeral',
  sequential: false,
});

describe('the ephemerals of one session', () => {
  it('are bounded, outstanding ones and those of one multi included', () => {
    const harness = new Harness({ limits: { sessionEphemeralsMax: 3 } });
    const session = harness.session();
    harness.create('/applied', { kind: 'ephemeral' }, { session });
    harness.judge(ephemeral('/outstanding'), { session });
    harness.refuses(
      { type: 'multi', operations: [ephemeral('/a'), ephemeral('/b')] },
      'QUOTAEXCEEDED',
      { session },
    );
    harness.judge(ephemeral('/third'), { session });
    harness.refuses(ephemeral('/fourth'), 'QUOTAEXCEEDED', { session });
    harness.apply();
    harness.refuses(ephemeral('/fourth'), 'QUOTAEXCEEDED', { session });
    expect(harness.tree.ephemeralCount(session)).toBe(3);
  });

  it('count once where one is outstanding and in the tree', () => {
    const harness = new Harness({ limits: { sessionEphemeralsMax: 2 } });
    const session = harness.session();
    harness.create('/a', { kind: 'ephemeral' }, { session });
    harness.judge({ type: 'set', path: path('/a'), data: noData }, { session });
    harness.judge(ephemeral('/b'), { session });
    harness.refuses(ephemeral('/c'), 'QUOTAEXCEEDED', { session });
    harness.apply();
    expect(harness.tree.ephemeralCount(session)).toBe(2);
  });

  it('are counted without being listed, lest each refusal take as long as there are many', () => {
    const sessionEphemeralsMax = 5000;
    const harness = new Harness({ limits: { sessionEphemeralsMax } });
    const session = harness.session();
    const parent = `/${'p'.repeat(1000)}`;
    harness.create(parent);
    for (let index = 0; index < sessionEphemeralsMax; index++) {
      harness.create(`${parent}/${String(index)}`, { kind: 'ephemeral' }, { session });
    }
    const started = performance.now();
    for (let index = 0; index < 1000; index++) {
      harness.refuses(ephemeral(`${parent}/more`), 'QUOTAEXCEEDED', { session });
    }
    // Listing them took ten seconds and more.
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('leave room when they go, and do not take that of another session', () => {
    const harness = new Harness({ limits: { sessionEphemeralsMax: 1 } });
    const session = harness.session();
    const other = harness.session();
    harness.create('/a', { kind: 'ephemeral' }, { session });
    harness.create('/b', { kind: 'ephemeral' }, { session: other });
    harness.write({ type: 'delete', path: path('/a') });
    harness.create('/c', { kind: 'ephemeral' }, { session });
    expect(harness.tree.ephemeralsOf(session)).toEqual(['/c']);
  });
});
