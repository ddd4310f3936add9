import { describe, expect, it } from 'vitest';
import { Comparator } from '../../crosscheck/compare.ts';
import type { ObservedStat, Observation } from '../../crosscheck/observation.ts';

const stat = (overrides: Partial<ObservedStat> = {}): ObservedStat => ({
  czxid: 10,
  mzxid: 12,
  pzxid: 10,
  ctime: 1000,
  mtime: 1200,
  version: 1,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: '0',
  dataLength: 3,
  numChildren: 0,
  ...overrides,
});

/** The same znode as another system numbers and dates it. */
const otherStat = (overrides: Partial<ObservedStat> = {}): ObservedStat =>
  stat({ czxid: 3, mzxid: 4, pzxid: 3, ctime: 77_000, mtime: 77_100, ...overrides });

const done = (fields: Partial<Observation> = {}): Observation => ({ code: 0, ...fields });

const fieldsThatDiffer = (expected: Observation, actual: Observation): string[] =>
  new Comparator().observations(expected, actual).map(({ field }) => field);

describe('two observations of a step', () => {
  it('are the same when only numbers that a system chooses for itself differ', () => {
    expect(fieldsThatDiffer(done({ stat: stat() }), done({ stat: otherStat() }))).toEqual([]);
  });

  it.each([
    ['version', 2],
    ['cversion', 1],
    ['aversion', 1],
    ['dataLength', 4],
    ['numChildren', 1],
  ] as const)('differ by %s, which must be equal', (field, value) => {
    const actual = done({ stat: otherStat({ [field]: value }) });
    expect(fieldsThatDiffer(done({ stat: stat() }), actual)).toEqual([`stat.${field}`]);
  });

  it('differ by the error number', () => {
    expect(fieldsThatDiffer({ code: -101 }, { code: -102 })).toEqual(['code']);
    expect(fieldsThatDiffer({ code: -101 }, { code: 0 })).toEqual(['code']);
  });

  it.each([
    ['path', '@/a', '@/b'],
    ['data', 'eA==', 'eQ=='],
    ['children', ['a'], ['a', 'b']],
    ['acl', ['world:anyone:31'], ['world:anyone:1']],
    ['paths', [], ['@/e']],
    ['count', 1, 2],
    ['identities', ['ip:127.0.0.1'], []],
  ])('differ by %s', (field, expected, actual) => {
    expect(fieldsThatDiffer(done({ [field]: expected }), done({ [field]: actual }))).toEqual([
      field,
    ]);
    expect(fieldsThatDiffer(done({ [field]: expected }), done())).toEqual([field]);
  });

  it('differ by a stat that only one of them has', () => {
    expect(fieldsThatDiffer(done({ stat: stat() }), done())).toEqual(['stat']);
    expect(fieldsThatDiffer(done(), done({ stat: stat() }))).toEqual(['stat']);
  });

  it('differ by the kind where it is known', () => {
    const expected = done({ stat: stat({ kind: 'ttl' }) });
    const actual = done({ stat: otherStat({ kind: 'persistent' }) });
    expect(fieldsThatDiffer(expected, actual)).toEqual(['stat.kind']);
  });

  it('differ by one operation of a multi', () => {
    const expected = done({ members: [{ code: 0 }, { code: -101 }, { code: -2 }] });
    const actual = done({ members: [{ code: 0 }, { code: -103 }, { code: -2 }] });
    expect(fieldsThatDiffer(expected, actual)).toEqual(['members[1].code']);
    expect(fieldsThatDiffer(expected, done({ members: [{ code: 0 }] }))).toContain(
      'members.length',
    );
    expect(fieldsThatDiffer(expected, done())).toContain('members.length');
  });
});

describe('zxids', () => {
  it('differ where one side sees one transaction and the other sees two', () => {
    const comparator = new Comparator();
    comparator.observations(done({ stat: stat() }), done({ stat: otherStat() }));
    const changed = comparator.observations(
      done({ stat: stat() }),
      done({ stat: otherStat({ pzxid: 9 }) }),
    );
    expect(changed.map(({ field }) => field)).toEqual(['stat.pzxid']);
  });

  it('differ where the own zxid of a write is not the one of its stat', () => {
    const expected = done({ zxid: 12, stat: stat() });
    expect(fieldsThatDiffer(expected, done({ zxid: 5, stat: otherStat() }))).toEqual([
      'stat.mzxid',
    ]);
  });

  it('differ where they are in another order', () => {
    const comparator = new Comparator();
    comparator.observations(done({ zxid: 1 }), done({ zxid: 5 }));
    comparator.observations(done({ zxid: 2 }), done({ zxid: 6 }));
    expect(comparator.order()).toEqual([]);
    comparator.observations(done({ zxid: 3 }), done({ zxid: 4 }));
    expect(comparator.order().map(({ field }) => field)).toEqual(['order of zxids']);
  });
});

describe('sessions', () => {
  it('are paired by the order in which they opened', () => {
    const comparator = new Comparator();
    expect(comparator.sessions('111', '1')).toEqual([]);
    expect(comparator.sessions('222', '2')).toEqual([]);
    const own = done({ stat: stat({ ephemeralOwner: '222' }) });
    const right = done({ stat: otherStat({ ephemeralOwner: '2' }) });
    expect(comparator.observations(own, right)).toEqual([]);
    for (const owner of ['1', '0', '3']) {
      const wrong = done({ stat: otherStat({ ephemeralOwner: owner }) });
      expect(comparator.observations(own, wrong).map(({ field }) => field)).toEqual([
        'stat.ephemeralOwner',
      ]);
    }
  });
});

describe('the entries of an ACL', () => {
  const ann = 'digest:ann:hash=:31';
  const bob = 'digest:bob:hash=:31';
  const world = 'world:anyone:31';
  const reading = 'digest:ann:hash=:1';

  it('may stand in any order where they are identities that took the place of one entry', () => {
    expect(fieldsThatDiffer(done({ acl: [bob, ann] }), done({ acl: [ann, bob] }))).toEqual([]);
    expect(
      fieldsThatDiffer(done({ acl: [world, bob, ann] }), done({ acl: [world, ann, bob] })),
    ).toEqual([]);
  });

  it.each([
    ['of another scheme', [world, ann], [ann, world]],
    ['of other permissions', [reading, bob], [bob, reading]],
    ['that are not neighbours', [bob, world, ann], [ann, world, bob]],
    ['that are missing', [bob, ann], [bob]],
    ['that are there twice', [bob, ann], [bob, bob]],
  ])('differ by those %s', (_, expected, actual) => {
    expect(fieldsThatDiffer(done({ acl: expected }), done({ acl: actual }))).toEqual(['acl']);
  });
});

describe('times', () => {
  it('differ where one transaction bears two', () => {
    const comparator = new Comparator();
    comparator.observations(done({ stat: stat() }), done({ stat: otherStat() }));
    const later = done({ stat: otherStat({ mtime: 77_101 }) });
    expect(comparator.observations(done({ stat: stat() }), later)).toHaveLength(1);
  });
});

describe('events', () => {
  const created = { type: 'NodeCreated', path: '@/a' };
  const changed = { type: 'NodeChildrenChanged', path: '@' };
  const differ = (
    expected: readonly (typeof created)[],
    actual: readonly (typeof created)[],
    as: 'sequence' | 'bag' | 'set',
  ): boolean => new Comparator().events(expected, actual, { slot: 0, as }).length > 0;

  it('differ where one is missing, too many or another', () => {
    for (const as of ['sequence', 'bag', 'set'] as const) {
      expect(differ([created, changed], [created], as)).toBe(true);
      expect(differ([created], [created, changed], as)).toBe(true);
      expect(differ([created], [changed], as)).toBe(true);
      expect(differ([created, changed], [created, changed], as)).toBe(false);
    }
  });

  it('differ by their order in a sequence only', () => {
    expect(differ([created, changed], [changed, created], 'sequence')).toBe(true);
    expect(differ([created, changed], [changed, created], 'bag')).toBe(false);
  });

  it('differ by their number except in a set', () => {
    expect(differ([created, created], [created], 'sequence')).toBe(true);
    expect(differ([created, created], [created], 'bag')).toBe(true);
    expect(differ([created, created], [created], 'set')).toBe(false);
  });
});
