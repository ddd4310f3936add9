import { describe, expect, it } from 'vitest';
import type { MultiMember } from '../../../src/protocol/operations.ts';
import { bytes, createOf, Harness, path, world } from './harness.ts';

const multi = (...operations: MultiMember[]) => ({ type: 'multi' as const, operations });
const set = (at: string, version?: number): MultiMember => ({
  type: 'set',
  path: path(at),
  data: bytes('x'),
  ...(version === undefined ? {} : { condition: [{ version }] }),
});
const remove = (at: string): MultiMember => ({ type: 'delete', path: path(at) });
const check = (at: string, version?: number): MultiMember => ({
  type: 'check',
  path: path(at),
  ...(version === undefined ? {} : { condition: [{ version }] }),
});

describe('multi', () => {
  it('judges each operation against the ones before it', () => {
    const harness = new Harness();
    const { results } = harness.multi([
      createOf('/a'),
      createOf('/a/b', { data: bytes('x') }),
      set('/a/b', 0),
      check('/a/b', 1),
      remove('/a/b'),
      createOf('/a/b'),
    ]);
    expect(results.map(({ op }) => op)).toEqual([
      'create',
      'create',
      'set',
      'check',
      'delete',
      'create',
    ]);
    expect(results[2]).toMatchObject({ path: '/a/b', stat: { version: 1, dataLength: 1 } });
    expect(results[3]).toEqual({ op: 'check', path: '/a/b' });
    expect(results[4]).toEqual({ op: 'delete', path: '/a/b' });
    expect(harness.stat('/a')).toMatchObject({ cversion: 3, numChildren: 1, pzxid: 1 });
    expect(harness.stat('/a/b')).toMatchObject({ version: 0, dataLength: 0 });
  });

  it('says of each operation what became of it when one fails, and changes nothing', () => {
    const harness = new Harness();
    harness.create('/a');
    const before = harness.tree.digest();
    const failing = multi(createOf('/b'), set('/a', 0), set('/a', 0), createOf('/c'), set('/no'));
    const { fields, message } = harness.refuses(failing, 'BADVERSION');
    expect(message).toBe(
      'operation 2: /a has another version: it is at version 1, of the znode created at zxid 1',
    );
    expect(fields.failedIndex).toBe(2);
    expect(fields.current).toEqual({ version: 1, czxid: 1 });
    expect(fields.results).toEqual([
      { op: 'create', path: '/b', code: 'OK' },
      { op: 'set', path: '/a', code: 'OK' },
      { op: 'set', path: '/a', code: 'BADVERSION' },
      { op: 'create', path: '/c', code: 'RUNTIMEINCONSISTENCY' },
      { op: 'set', path: '/no', code: 'RUNTIMEINCONSISTENCY' },
    ]);
    expect(harness.tree.digest()).toEqual(before);
    expect(harness.set('/a', 'x', [{ version: 0 }]).stat.version).toBe(1);
    expect(harness.create('/b').created).toBe(true);
  });

  it('carries the fields of the operation that failed', () => {
    const { fields } = new Harness().refuses(multi(createOf('/a/b')), 'NONODE');
    expect(fields).toMatchObject({ path: '/a', parentMissing: true, failedIndex: 0 });
  });

  it('says at which operation a session is missing', () => {
    const failing = multi(createOf('/a'), createOf('/e', { kind: 'ephemeral' }));
    expect(new Harness().refuses(failing, 'SESSIONREQUIRED').fields.failedIndex).toBe(1);
  });

  it('may be empty', () => {
    const harness = new Harness();
    expect(harness.multi([])).toEqual({ results: [] });
  });

  it('has its events in the order of its operations', () => {
    const harness = new Harness();
    harness.create('/x');
    harness.judge(multi(createOf('/b'), remove('/x'), createOf('/a'), set('/b')));
    const [transaction] = harness.apply();
    const order = transaction?.changes.map((change) => [
      change.type,
      'path' in change && change.path,
    ]);
    expect(order).toEqual([
      ['create', '/b'],
      ['delete', '/x'],
      ['create', '/a'],
      ['set', '/b'],
    ]);
  });
});

describe('check', () => {
  it('says NONODE, then NOAUTH, then BADVERSION, and needs READ', () => {
    const harness = new Harness();
    harness.create('/secret', { acl: world(30) });
    harness.create('/open');
    harness.refuses(multi(check('/none', 7)), 'NONODE');
    harness.refuses(multi(check('/secret', 7)), 'NOAUTH');
    harness.refuses(multi(check('/open', 7)), 'BADVERSION');
    expect(harness.multi([check('/open', 0), check('/open')]).results).toHaveLength(2);
  });

  it('of absence says NODEEXISTS, unless READ is missing', () => {
    const harness = new Harness();
    harness.create('/open');
    harness.create('/secret', { acl: world(30) });
    const absent = (at: string): MultiMember => ({ type: 'check', path: path(at), exists: false });
    harness.refuses(multi(absent('/open')), 'NODEEXISTS');
    harness.refuses(multi(absent('/secret')), 'NOAUTH');
    harness.refuses(multi(createOf('/new'), absent('/new')), 'NODEEXISTS');
    expect(harness.multi([absent('/none'), remove('/open'), absent('/open')]).results).toHaveLength(
      3,
    );
  });
});
