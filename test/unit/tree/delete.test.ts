import { describe, expect, it } from 'vitest';
import type { VersionCondition } from '../../../src/protocol/operations.ts';
import { createOf, Harness, operator, path, world } from './harness.ts';

const remove = (at: string, condition?: VersionCondition, recursive = false) => ({
  type: 'delete' as const,
  path: path(at),
  recursive,
  ...(condition === undefined ? {} : { condition }),
});

describe('delete', () => {
  it.each(['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota'])(
    'refuses the reserved %s, to everybody',
    (at) => {
      const harness = new Harness();
      harness.refuses(remove(at), 'BADARGUMENTS');
      harness.refuses(remove(at, undefined, true), 'BADARGUMENTS', { as: [operator] });
    },
  );

  it('allows what is below the reserved ones', () => {
    const harness = new Harness();
    harness.create('/zookeeper/quota/a');
    harness.delete('/zookeeper/quota/a');
    expect(harness.exists('/zookeeper/quota/a')).toBe(false);
  });

  it('tells a missing parent as a missing node', () => {
    const { fields } = new Harness().refuses(remove('/a/b'), 'NONODE');
    expect(fields).toEqual({ path: '/a/b' });
  });

  it('needs DELETE on the parent only', () => {
    const harness = new Harness();
    harness.create('/p', { acl: world(4 + 8) });
    harness.create('/p/locked', { acl: world(1) });
    harness.delete('/p/locked');
    expect(harness.exists('/p/locked')).toBe(false);
  });

  it('says NOAUTH before NONODE, NONODE before BADVERSION, BADVERSION before NOTEMPTY', () => {
    const harness = new Harness();
    harness.create('/closed', { acl: world(31 - 8) });
    harness.create('/p');
    harness.create('/p/a');
    harness.refuses(remove('/closed/none'), 'NOAUTH');
    harness.refuses(remove('/p/none', [{ version: 7 }]), 'NONODE');
    harness.refuses(remove('/p', [{ version: 7 }]), 'BADVERSION');
    harness.refuses(remove('/p', [{ version: 0 }]), 'NOTEMPTY');
  });

  it('takes away an ephemeral of another session', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.create('/e', { kind: 'ephemeral' }, { session });
    harness.delete('/e');
    expect(harness.tree.ephemeralsOf(session)).toEqual([]);
  });

  it('shows the current version only to those who may READ', () => {
    const harness = new Harness();
    harness.create('/open');
    harness.create('/secret', { acl: world(30) });
    const open = harness.refuses(remove('/open', [{ version: 7 }]), 'BADVERSION');
    expect(open.fields.current).toEqual({ version: 0, czxid: 1 });
    const secret = harness.refuses(remove('/secret', [{ version: 7 }]), 'BADVERSION');
    expect(secret.fields.current).toBeUndefined();
  });
});

describe('recursive delete', () => {
  it('takes children first, in one transaction, and fires for each', () => {
    const harness = new Harness();
    for (const at of ['/t', '/t/a', '/t/a/x', '/t/b', '/tt']) harness.create(at);
    harness.judge(remove('/t', 'exists', true));
    const [transaction] = harness.apply();
    const paths = transaction?.changes.map((change) => 'path' in change && change.path);
    expect(paths).toEqual(['/t/b', '/t/a/x', '/t/a', '/t']);
    expect(harness.exists('/tt')).toBe(true);
    expect(harness.tree.nodeCount).toBe(5);
  });

  it('checks the condition on the top only', () => {
    const harness = new Harness();
    harness.create('/t');
    harness.create('/t/a');
    harness.set('/t/a', 'x');
    harness.refuses(remove('/t', [{ version: 1 }], true), 'BADVERSION');
    harness.write(remove('/t', [{ version: 0, czxid: 1 }], true));
    expect(harness.exists('/t')).toBe(false);
  });

  it('needs DELETE on every parent', () => {
    const harness = new Harness();
    harness.create('/t');
    harness.create('/t/a', { acl: world(31 - 8) });
    harness.write(remove('/t/a', undefined, true));
    harness.create('/t/a', { acl: world(31 - 8) });
    harness.create('/t/a/x');
    const { fields } = harness.refuses(remove('/t', undefined, true), 'NOAUTH');
    expect(fields.path).toBe('/t/a');
  });

  it('is limited in paths, and sees what is outstanding', () => {
    const harness = new Harness({ limits: { transactionPathsMax: 3 } });
    for (const at of ['/t', '/t/a', '/t/b']) harness.judge(createOf(at));
    harness.judge(createOf('/t/c'));
    harness.refuses(remove('/t', undefined, true), 'TOOLARGE');
    harness.judge(remove('/t/c'));
    harness.judge(remove('/t', undefined, true));
    harness.apply();
    expect(harness.exists('/t')).toBe(false);
  });
});
