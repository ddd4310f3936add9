/** Each checker of a run lets a right history pass and finds what is wrong in a wrong one. */
import { describe, expect, test } from 'vitest';
import { checkRun } from '../../support/history/check.ts';
import type { RunHistory } from '../../support/history/check.ts';
import type {
  Change,
  Ledger,
  LedgerEntry,
  LockClaim,
  SessionFact,
  WatchConnection,
} from '../../support/history/facts.ts';
import type { Answer, Operation, Request, SeenStat } from '../../support/history/operation.ts';

interface Written extends Partial<Omit<Operation, 'request' | 'answer'>> {
  readonly at?: readonly [number, number];
  readonly answer?: Partial<Answer>;
}

/** A history in the making: every operation takes one millisecond, one after another. */
class Story {
  readonly operations: Operation[] = [];
  readonly entries: LedgerEntry[] = [
    { zxid: 1, changes: [{ type: 'NodeCreated', path: '/t', data: '' }] },
  ];
  to = 1;

  entry(zxid: number, ...changes: readonly Change[]): this {
    this.entries.push({ zxid, changes });
    this.to = Math.max(this.to, zxid);
    return this;
  }

  op(request: Request, { at, answer, ...more }: Written = {}): this {
    const id = this.operations.length;
    const [invokedMs, returnedMs] = at ?? [id * 10, id * 10 + 1];
    this.operations.push({
      ...{ id, client: 'c', node: 1, request, invokedMs, ...more },
      ...(answer !== undefined && {
        answer: { returnedMs, arrival: id, outcome: 'ok', ...answer },
      }),
    });
    return this;
  }

  history(more: Partial<RunHistory> = {}): RunHistory {
    const { operations, entries, to } = this;
    const ledger: Ledger = { node: 1, from: 0, to, entries };
    const root: Operation = {
      ...{ id: -1, client: 'c', node: 1, request: create('/t', ''), invokedMs: -2 },
      answer: { returnedMs: -1, arrival: -1, outcome: 'ok', zxid: 1 },
    };
    return {
      ...{ root: '/t', operations: [root, ...operations], ledgers: [ledger] },
      ...{ watches: [], sessions: [], claims: [], ...more },
    };
  }

  found(more: Partial<RunHistory> = {}): readonly string[] {
    return checkRun(this.history(more)).violations.map((text) => text.split(':')[0] ?? '');
  }
}

const stat = (
  czxid: number,
  mzxid: number,
  version: number,
  more: Partial<SeenStat> = {},
): SeenStat => ({
  ...{ czxid, mzxid, version, ephemeralOwner: 0, numChildren: 0, ...more },
});
const created = (path: string, data: string, owner?: number): Change => ({
  ...{ type: 'NodeCreated', path, data },
  ...(owner !== undefined && { owner }),
});
const changed = (path: string, data: string): Change => ({ type: 'NodeDataChanged', path, data });
const deleted = (path: string): Change => ({ type: 'NodeDeleted', path });
const get = (path: string, linearizable = true): Request => ({ type: 'get', path, linearizable });
const create = (path: string, data: string): Request => ({ type: 'create', path, data });
const refused = (code: string, zxid: number): Partial<Answer> => ({
  outcome: 'refused',
  code,
  zxid,
});

/** Two writes and two reads, as they should be. */
function plain(): Story {
  return new Story()
    .entry(2, created('/t/a', 'one'))
    .entry(5, changed('/t/a', 'two'))
    .op(create('/t/a', 'one'), { answer: { zxid: 2, result: { stat: stat(2, 2, 0) } } })
    .op(get('/t/a', false), { answer: { zxid: 4, result: { data: 'one', stat: stat(2, 2, 0) } } })
    .op(
      { type: 'set', path: '/t/a', data: 'two', version: 0 },
      {
        answer: { zxid: 5, result: { stat: stat(2, 5, 1) } },
      },
    )
    .op(get('/t/a'), { answer: { zxid: 5, result: { data: 'two', stat: stat(2, 5, 1) } } })
    .op(create('/t/a', 'three'), { answer: refused('NODEEXISTS', 5) })
    .op(
      { type: 'children', path: '/t', linearizable: true },
      {
        answer: { zxid: 6, result: { children: ['a'] } },
      },
    );
}

test('a right history passes, and is counted', () => {
  expect(checkRun(plain().history())).toEqual({
    violations: [],
    ...{ operations: 7, uncertain: 0, uncertainApplied: 0, transactions: 3 },
    ...{ events: 0, locks: 0, linearized: 2, undecided: [] },
  });
});

describe('the order of zxids', () => {
  const one = (): Story => new Story().entry(2, created('/t/a', 'one'));
  const bad: Record<string, [Story, string]> = {
    'a write that was acknowledged and is not there': [
      one().op(create('/t/b', 'x'), { answer: { zxid: 3 } }),
      'effect',
    ],
    'a write that has written something else': [
      one().op(create('/t/a', 'other'), { answer: { zxid: 2 } }),
      'effect',
    ],
    'one zxid for two writes': [
      one()
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } }),
      'zxid',
    ],
    'a transaction that nobody has asked for': [one(), 'zxid'],
    'a refused write that has taken effect': [
      one().op(create('/t/a', 'one'), { answer: refused('NODEEXISTS', 1) }),
      'not applied',
    ],
    'a write that was not taken and has taken effect': [
      one().op(create('/t/a', 'one'), { answer: { outcome: 'not-applied' } }),
      'not applied',
    ],
    'a write that has taken effect twice': [
      one()
        .entry(3, deleted('/t/a'))
        .entry(4, created('/t/a', 'one'))
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op({ type: 'delete', path: '/t/a' }, { answer: { zxid: 3 } }),
      'once',
    ],
    'an unknown write that has taken effect before it was sent': [
      one()
        .op({ type: 'sync' }, { answer: { zxid: 3 } })
        .op(create('/t/a', 'one')),
      'real time',
    ],
    'a write before one that was answered earlier': [
      one()
        .entry(3, created('/t/b', 'two'))
        .op(create('/t/b', 'two'), { answer: { zxid: 3 } })
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } }),
      'real time',
    ],
    'a linearizable read that is stale, though right for its place': [
      plain()
        .op({ type: 'sync' }, { answer: { zxid: 9 } })
        .op(get('/t/a'), { answer: { zxid: 8, result: { data: 'two', stat: stat(2, 5, 1) } } }),
      'real time',
    ],
    'a read of another place than it says': [
      plain().op(get('/t/a', false), { answer: { zxid: 4, result: { data: 'two' } } }),
      'read',
    ],
    'a stat that is wrong': [
      plain().op(get('/t/a', false), {
        answer: { zxid: 4, result: { data: 'one', stat: stat(2, 2, 1) } },
      }),
      'read',
    ],
    'a znode that is said to be missing': [
      plain().op(get('/t/a', false), { answer: refused('NONODE', 4) }),
      'read',
    ],
    'children that are not those': [
      plain().op(
        { type: 'children', path: '/t', linearizable: false },
        {
          answer: { zxid: 5, result: { children: ['a', 'b'] } },
        },
      ),
      'read',
    ],
    'a refusal without a reason': [
      plain().op(create('/t/b', 'x'), { answer: refused('NODEEXISTS', 5) }),
      'refusal',
    ],
    'a condition that did not hold': [
      one()
        .entry(3, changed('/t/a', 'two'))
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op({ type: 'set', path: '/t/a', data: 'two', version: 4 }, { answer: { zxid: 3 } }),
      'condition',
    ],
    'a transaction of which half has taken effect': [
      one().op(
        {
          type: 'multi',
          members: [create('/t/a', 'one'), create('/t/b', 'two')].map(
            (request) => request as never,
          ),
        },
        { answer: { zxid: 2 } },
      ),
      'effect',
    ],
    'a sequence number that is not the next': [
      one()
        .entry(3, created('/t/n-0000000007', 'x'))
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op(
          { type: 'create', path: '/t/n-', data: 'x', sequential: true },
          { answer: { zxid: 3, result: { path: '/t/n-0000000007' } } },
        ),
      'sequence',
    ],
    'a znode that is made twice': [one().entry(3, created('/t/a', 'one')), 'ledger'],
    'nodes that disagree': [plain(), 'agreement'],
  };

  test.each(Object.entries(bad))('finds %s', (name, [story, rule]) => {
    const entries = story.entries.filter(({ zxid }) => zxid !== 2);
    const { ledgers } = story.history();
    const other: Ledger = { node: 2, from: 0, to: story.to, entries };
    const isApart = name === 'nodes that disagree';
    expect(story.found(isApart ? { ledgers: [...ledgers, other] } : {})).toContain(rule);
  });

  test('takes an unknown write for done where it is in the ledger, and else for not done', () => {
    const story = new Story()
      .entry(2, created('/t/a', 'one'))
      .entry(3, deleted('/t/a'))
      .op(create('/t/a', 'one'))
      .op(create('/t/b', 'two'))
      .op({ type: 'delete', path: '/t/a' }, { answer: { outcome: 'unknown' } })
      .op(get('/t/b'), { answer: refused('NONODE', 3) });
    const report = checkRun(story.history());
    expect(report).toMatchObject({ violations: [], uncertain: 3, uncertainApplied: 2 });
  });

  test('knows a transaction', () => {
    const members = [
      { type: 'create', path: '/t/a', data: 'one' },
      { type: 'check', path: '/t/a', version: 0 },
      { type: 'set', path: '/t/a', data: 'two', version: 0 },
    ] as const;
    const story = new Story()
      .entry(2, created('/t/a', 'one'), changed('/t/a', 'two'))
      .op({ type: 'multi', members }, { answer: { zxid: 2 } })
      .op({ type: 'multi', members }, { answer: refused('NODEEXISTS', 2) });
    expect(story.found()).toEqual([]);
  });
});

describe('streams', () => {
  const two = (): Story =>
    new Story().entry(2, created('/t/a', 'one')).entry(3, created('/t/b', 'two'));
  const one = (): Story =>
    new Story().entry(2, created('/t/a', 'one')).entry(3, { type: 'NodeDeleted', path: '/t/a' });
  const stream = 's';
  const bad: Record<string, [Story, string]> = {
    'writes out of order': [
      two()
        .op(create('/t/b', 'two'), { stream, at: [0, 9], answer: { zxid: 3 } })
        .op(create('/t/a', 'one'), { stream, at: [1, 9], answer: { zxid: 2 } }),
      'order',
    ],
    'answers out of order': [
      two()
        .op(create('/t/a', 'one'), { stream, at: [0, 9], answer: { zxid: 2, arrival: 5 } })
        .op(create('/t/b', 'two'), { stream, at: [1, 9], answer: { zxid: 3, arrival: 4 } }),
      'order',
    ],
    'a write behind one that was lost': [
      two()
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op(create('/t/x', 'lost'), { stream })
        .op(create('/t/b', 'two'), { stream }),
      'order',
    ],
    'a deletion behind a write that was lost': [
      one()
        .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
        .op(create('/t/x', 'lost'), { stream })
        .op({ type: 'delete', path: '/t/a' }, { stream }),
      'order',
    ],
    'a position that goes back on a stream': [
      plain()
        .op({ type: 'sync' }, { stream, at: [0, 9], answer: { zxid: 6 } })
        .op(get('/t/a', false), {
          ...{ stream, at: [1, 9] },
          answer: { zxid: 5, result: { data: 'two', stat: stat(2, 5, 1) } },
        }),
      'monotonic',
    ],
    'an answer older than what the client knew': [
      plain().op(get('/t/a', false), {
        minZxid: 6,
        answer: { zxid: 5, result: { data: 'two', stat: stat(2, 5, 1) } },
      }),
      'monotonic',
    ],
  };
  test.each(Object.entries(bad))('finds %s', (_name, [story, rule]) => {
    expect(story.found()).toContain(rule);
  });

  test('takes a write without an answer for refused where it would have been', () => {
    const story = two()
      .op(create('/t/a', 'one'), { stream, answer: { zxid: 2 } })
      .op(create('/t/a', 'again'), { stream })
      .op(create('/t/b', 'two'), { stream });
    expect(story.found()).toEqual([]);
  });

  test('does not take a deletion for that of a stream where it may be another client’s', () => {
    const story = one()
      .op(create('/t/a', 'one'), { answer: { zxid: 2 } })
      .op(create('/t/x', 'lost'), { stream })
      .op({ type: 'delete', path: '/t/a' }, { stream })
      .op({ type: 'delete', path: '/t/a' });
    expect(story.found()).toEqual([]);
  });

  test('lets a refused write stand between others, and lost ones at the end', () => {
    const story = two()
      .op(create('/t/a', 'one'), { stream, answer: { zxid: 2 } })
      .op(create('/t/a', 'no'), { stream, answer: refused('NODEEXISTS', 2) })
      .op(create('/t/b', 'two'), { stream })
      .op(create('/t/c', 'lost'), { stream })
      .op(create('/t/d', 'not taken'), { stream, answer: { outcome: 'not-applied' } });
    expect(story.found()).toEqual([]);
  });
});

describe('watches', () => {
  type Seen = WatchConnection['seen'];
  const events = (zxid: number, type: string, path = '/t/a'): Seen[number] => ({
    ...{ type: 'events', zxid, events: [{ type, path }] },
  });
  const found = (...connections: readonly [number, Seen][]): readonly string[] =>
    plain().found({
      watches: [
        {
          ...{ client: 'w', path: '/t' },
          connections: connections.map(([from, seen]) => ({ node: 1, from, seen })),
        },
      ],
    });
  const first = events(2, 'NodeCreated');
  const second = events(5, 'NodeDataChanged');

  test('that are told everything pass, also carried from node to node', () => {
    expect(found([1, [first, { type: 'bookmark', zxid: 4 }, second]])).toEqual([]);
    expect(found([1, [first]], [2, [second, { type: 'answer', zxid: 9 }]])).toEqual([]);
    expect(found([1, []])).toEqual([]);
  });

  test.each<[string, readonly [number, Seen][]]>([
    ['events that are missing', [[1, [second]]]],
    ['events that are missing before a bookmark', [[1, [first, { type: 'bookmark', zxid: 5 }]]]],
    [
      'events that come after an answer that shows them',
      [[1, [{ type: 'answer', zxid: 2 }, first]]],
    ],
    ['events that come twice', [[1, [first, first]]]],
    [
      'events that come again on the next node',
      [
        [1, [first]],
        [2, [first, second]],
      ],
    ],
    ['events out of order', [[1, [second, first]]]],
    ['events of nothing', [[1, [first, events(3, 'NodeDeleted')]]]],
    ['events that say something else', [[1, [events(2, 'NodeDeleted')]]]],
  ])('are found out: %s', (_name, connections) => {
    expect(found(...connections)).toContain('watch');
  });
});

describe('sessions', () => {
  const mine = (path: string, data: string): Request => ({
    type: 'create',
    path,
    data,
    ephemeral: true,
  });
  const owned = (): Story =>
    new Story()
      .entry(2, created('/t/e', 'e', 9))
      .entry(3, created('/t/f', 'f', 9))
      .op(mine('/t/e', 'e'), { session: 9, answer: { zxid: 2 } })
      .op(mine('/t/f', 'f'), { session: 9, answer: { zxid: 3 } });
  const fact = (more: Partial<SessionFact> = {}): { sessions: SessionFact[] } => ({
    sessions: [{ id: 9, client: 'c', aliveUntilMs: 100, ...more }],
  });
  const ended = (): Story => owned().entry(4, deleted('/t/e'), deleted('/t/f'));

  test('that end in time, with everything that is theirs, pass', () => {
    const late = ended().op({ type: 'sync' }, { at: [200, 201], answer: { zxid: 4 } });
    expect(late.found(fact())).toEqual([]);
    expect(ended().found(fact({ closed: 4, aliveUntilMs: 1e9 }))).toEqual([]);
    expect(owned().found(fact())).toEqual([]);
  });

  test('that end before their time are found', () => {
    const early = ended().op({ type: 'sync' }, { at: [90, 91], answer: { zxid: 5 } });
    expect(early.found(fact())).toEqual(['session']);
    expect(owned().found(fact({ toldGone: { zxid: 3, atMs: 99 } }))).toContain('session');
  });

  test('that leave something behind are found', () => {
    const half = owned().entry(4, deleted('/t/e'));
    expect(half.found(fact())).toContain('zxid');
    expect(owned().found(fact({ closed: 3 }))).toContain('ephemeral');
    expect(owned().found(fact({ toldGone: { zxid: 3, atMs: 200 } }))).toContain('ephemeral');
  });

  test('that write after their end are found', () => {
    const story = ended()
      .entry(5, created('/t/g', 'g'))
      .op(create('/t/g', 'g'), { session: 9, answer: { zxid: 5 } });
    expect(story.found(fact())).toContain('session');
  });
});

describe('locks', () => {
  const story = (): Story =>
    new Story()
      .entry(2, created('/t/l', ''), created('/t/x', ''))
      .entry(3, created('/t/l/n-0000000000', 'a', 7))
      .entry(4, created('/t/l/n-0000000001', 'b', 8))
      .entry(5, changed('/t/x', '3 a'))
      .entry(6, deleted('/t/l/n-0000000000'))
      .entry(7, changed('/t/x', '4 b'))
      .op(
        {
          type: 'multi',
          members: [
            { type: 'create', path: '/t/l', data: '' },
            { type: 'create', path: '/t/x', data: '' },
          ],
        },
        { answer: { zxid: 2 } },
      )
      .op(
        { type: 'create', path: '/t/l/n-', data: 'a', sequential: true, ephemeral: true },
        { answer: { zxid: 3, result: { path: '/t/l/n-0000000000' } } },
      )
      .op(
        { type: 'create', path: '/t/l/n-', data: 'b', sequential: true, ephemeral: true },
        { answer: { zxid: 4, result: { path: '/t/l/n-0000000001' } } },
      )
      .op({ type: 'set', path: '/t/x', data: '3 a' }, { answer: { zxid: 5 } })
      .op({ type: 'delete', path: '/t/l/n-0000000000' }, { answer: { zxid: 6 } })
      .op({ type: 'set', path: '/t/x', data: '4 b' }, { answer: { zxid: 7 } });
  const claim = (client: string, number: number, czxid: number, heldAt: number): LockClaim => ({
    ...{ client, path: `/t/l/n-000000000${number}`, czxid, heldAt },
  });

  test('one holder after another passes', () => {
    const claims = [claim('a', 0, 3, 4), claim('b', 1, 4, 6)];
    expect(story().found({ claims, fence: '/t/x' })).toEqual([]);
    expect(checkRun(story().history({ claims })).locks).toBe(2);
  });

  test('two holders at once are found', () => {
    expect(story().found({ claims: [claim('a', 0, 3, 4), claim('b', 1, 4, 5)] })).toEqual(['lock']);
  });

  test('a holder without a znode is found', () => {
    expect(story().found({ claims: [claim('a', 0, 3, 6)] })).toEqual(['lock']);
  });

  test('a write under an old token is found', () => {
    const late = story()
      .entry(8, changed('/t/x', '3 again'))
      .op({ type: 'set', path: '/t/x', data: '3 again' }, { answer: { zxid: 8 } });
    expect(late.found({ fence: '/t/x' })).toEqual(['lock']);
  });
});
