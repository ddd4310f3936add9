import { describe, expect, it } from 'vitest';
import { createOf, Harness, path, world } from './harness.ts';

const create = { type: 'createSession' as const, timeoutMs: 1, secretHash: new Uint8Array(32) };
const attach = (session: number) => ({
  ...{ type: 'attachSession' as const, session, timeoutMs: 9000 },
});
const close = (session: number) => ({ type: 'closeSession' as const, session });
const ephemeral = (at: string) => createOf(at, { kind: 'ephemeral' });

describe('the end of a session', () => {
  it('takes its ephemerals in one transaction, sorted, whatever their parents’ ACLs say', () => {
    const harness = new Harness();
    const session = harness.session();
    const other = harness.session();
    for (const at of ['/b', '/a', '/c']) harness.create(at, { kind: 'ephemeral' }, { session });
    harness.create('/other', { kind: 'ephemeral' }, { session: other });
    harness.write({ type: 'setAcl', path: path('/'), acl: world(1) });
    expect(harness.tree.ephemeralsOf(session)).toEqual(['/a', '/b', '/c']);
    harness.judge(close(session));
    const [transaction] = harness.apply();
    expect(transaction?.changes).toMatchObject([
      { type: 'closeSession', session },
      { type: 'delete', path: '/a' },
      { type: 'delete', path: '/b' },
      { type: 'delete', path: '/c' },
    ]);
    expect(harness.tree.ephemeralCount(session)).toBe(0);
    expect(harness.tree.ephemeralsOf(other)).toEqual(['/other']);
    expect(harness.stat('/')).toMatchObject({ numChildren: 2 });
  });

  it('takes what is outstanding with it: created ones, but not deleted or re-created ones', () => {
    const harness = new Harness();
    const session = harness.session();
    const other = harness.session();
    harness.create('/gone', { kind: 'ephemeral' }, { session });
    harness.create('/taken', { kind: 'ephemeral' }, { session });
    harness.judge(ephemeral('/new'), { session });
    harness.judge(ephemeral('/brief'), { session });
    for (const at of ['/gone', '/taken', '/brief']) {
      harness.judge({ type: 'delete', path: path(at) });
    }
    harness.judge(ephemeral('/taken'), { session: other });
    harness.judge(close(session));
    const last = harness.apply().at(-1);
    expect(last?.changes.slice(1)).toMatchObject([{ type: 'delete', path: '/new' }]);
    expect(harness.tree.ephemeralsOf(other)).toEqual(['/taken']);
    expect(harness.tree.ephemeralsOf(session)).toEqual([]);
  });

  it('refuses everything of the session from then on, before it is applied', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.judge(close(session));
    harness.refuses(createOf('/a'), 'SESSIONEXPIRED', { session });
    harness.refuses(ephemeral('/a'), 'SESSIONEXPIRED', { session });
    harness.refuses(close(session), 'SESSIONEXPIRED');
    harness.refuses(attach(session), 'SESSIONEXPIRED');
    harness.apply();
    harness.refuses(ephemeral('/a'), 'SESSIONEXPIRED', { session });
    harness.refuses(attach(session), 'SESSIONEXPIRED');
  });

  it('is exempt from the limit of paths', () => {
    const harness = new Harness({ limits: { transactionPathsMax: 2 } });
    const session = harness.session();
    for (const at of ['/a', '/b', '/c']) harness.create(at, { kind: 'ephemeral' }, { session });
    harness.write(close(session));
    expect(harness.tree.nodeCount).toBe(4);
  });

  it('of an unknown session is refused', () => {
    new Harness().refuses(close(5), 'SESSIONEXPIRED');
  });
});

describe('a session that is taken over', () => {
  it('stands alone in its transaction, and leaves the tree as it is', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.create('/a', { kind: 'ephemeral' }, { session });
    const digest = harness.tree.digest();
    harness.judge(attach(session));
    const [transaction] = harness.apply();
    expect(transaction?.changes).toEqual([attach(session)]);
    expect(harness.tree.digest()).toEqual(digest);
    expect(harness.tree.ephemeralsOf(session)).toEqual(['/a']);
  });

  it('may be outstanding itself, or about to be taken over by another', () => {
    const harness = new Harness();
    harness.judge(create);
    const session = harness.zxid;
    harness.judge(attach(session));
    harness.judge(attach(session));
    harness.judge(ephemeral('/a'), { session });
    expect(harness.apply()).toHaveLength(4);
    expect(harness.tree.ephemeralsOf(session)).toEqual(['/a']);
  });

  it('must be one', () => {
    new Harness().refuses(attach(5), 'SESSIONEXPIRED');
  });
});

describe('a new session', () => {
  it('may write before its creation is applied', () => {
    const harness = new Harness();
    harness.judge(create);
    const session = harness.zxid;
    harness.judge(ephemeral('/a'), { session });
    harness.apply();
    expect(harness.tree.ephemeralsOf(session)).toEqual(['/a']);
  });

  it('is refused beyond the limit, outstanding ones counted', () => {
    const harness = new Harness({ limits: { sessionsMax: 2 } });
    const first = harness.session();
    harness.judge(create);
    expect(harness.refuses(create, 'QUOTAEXCEEDED').message).toContain('sessionsMax');
    harness.judge(close(first));
    harness.judge(create);
    harness.refuses(create, 'QUOTAEXCEEDED');
    harness.apply();
    harness.refuses(create, 'QUOTAEXCEEDED');
  });
});

describe('a reset', () => {
  it('forgets what was judged under a leadership that has ended', () => {
    const harness = new Harness();
    const session = harness.session();
    const judge = (zxid: number, operation: Parameters<Harness['judge']>[0]): void => {
      harness.prep.judge({ operation, caller: { identities: [], session: 0 }, zxid, time: 1 });
    };
    judge(2, createOf('/a'));
    judge(3, close(session));
    harness.prep.reset();
    expect(harness.create('/a', {}, { session }).stat.czxid).toBe(2);
  });
});
