/** Whoever waits for a node without a quorum is told which voters it misses. */
import { describe, expect, it } from 'vitest';
import { absentText, isStranger } from '../../../src/replica/absent.ts';
import type { Acquaintance } from '../../../src/replica/absent.ts';

type Link = NonNullable<ReturnType<Acquaintance['links']['get']>>;
type Members = Acquaintance['members'];

function voters(lives: Readonly<Record<number, string>>): Members {
  return Object.entries(lives).map(([id, incarnation]) => {
    return { id: Number(id), role: 'voter' as const, incarnation };
  });
}

/** The links of a node to others, by the lives of their data directories. */
function links(lives: Readonly<Record<number, string>>, clusterId?: string): Map<number, Link> {
  const all = Object.entries(lives).map(([id, incarnation]): [number, Link] => {
    const link = { id: Number(id), incarnation, clusterId, url: undefined };
    return [link.id, { ...link, boot: 'boot', featureLevel: 1 }];
  });
  return new Map(all);
}

const known = voters({ 1: 'a', 2: 'b', 3: 'c' });

describe('what a node misses', () => {
  it('is nothing where all voters are connected, and observers do not matter', () => {
    const members = [...known, { id: 4, role: 'observer' as const, incarnation: '' }];
    expect(absentText({ self: 1, members, links: links({ 2: 'b', 3: 'c' }) })).toBe('');
    expect(absentText({ self: 4, members, links: links({ 1: 'a', 2: 'b', 3: 'c' }) })).toBe('');
  });

  it('names the voters that are not connected', () => {
    const text = (lives: Record<number, string>): string =>
      absentText({ self: 1, members: known, links: links(lives) });
    expect(text({ 3: 'c' })).toBe('; node 2 is not connected');
    expect(text({})).toBe('; nodes 2, 3 are not connected');
  });

  it('says where they are looked for, as far as that is known', () => {
    const addresses = new Map([[2, 'two.example:8281']]);
    expect(absentText({ self: 1, members: known, links: links({}), addresses })).toBe(
      '; nodes 2 (two.example:8281), 3 are not connected',
    );
  });

  it('says at the birth of an ensemble that all are needed', () => {
    const unborn = { self: 1, members: voters({ 1: '', 2: '', 3: '' }) };
    expect(absentText({ ...unborn, links: links({ 2: 'b' }) })).toBe(
      '; an ensemble begins with all that vote, and node 3 is not connected',
    );
    expect(absentText({ ...unborn, links: links({ 2: 'b' }, 'cluster') })).toBe(
      '; node 3 is not connected',
    );
  });

  it('tells of a voter that is connected with another data directory', () => {
    expect(absentText({ self: 1, members: known, links: links({ 3: 'other' }) })).toBe(
      '; node 2 is not connected; node 3 has no vote, its data directory is not the one that the ' +
        'ensemble was born with',
    );
    expect(isStranger(3, 'other', known)).toBe(true);
    expect(isStranger(3, 'c', known)).toBe(false);
    expect(isStranger(3, 'other', voters({ 3: '' }))).toBe(false);
    expect(isStranger(4, 'other', known)).toBe(false);
  });
});
