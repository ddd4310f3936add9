import { describe, expect, it } from 'vitest';
import { Perms } from '../../../src/protocol/model.ts';
import { knownDifferences } from '../../crosscheck/known-differences.ts';
import type { Observation, ObservedEvent } from '../../crosscheck/observation.ts';
import type { Step } from '../../crosscheck/program.ts';
import { Shadow } from '../../crosscheck/shadow.ts';

const create = (path: string): Step => ({
  type: 'create',
  slot: 0,
  path,
  data: '',
  kind: 'persistent',
  sequential: false,
});

const closed: Step = {
  type: 'create',
  slot: 0,
  path: '@/closed',
  data: '',
  kind: 'persistent',
  sequential: false,
  acl: [{ scheme: 'world', id: 'anyone', perms: Perms.ALL & ~Perms.READ }],
};

function answerOf(step: Step, observed: Observation, shadow: Shadow): Observation | undefined {
  for (const known of knownDifferences) {
    const answer = known.answer?.(step, observed, shadow);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function shadowWithClosed(): Shadow {
  const shadow = new Shadow();
  shadow.apply(closed, { code: 0, path: '@/closed' });
  return shadow;
}

describe('known differences in answers', () => {
  it('cover a bad path, and no other', () => {
    const shadow = new Shadow();
    for (const path of ['@/a//b', '@/a/', '', 'a', '@/..']) {
      expect(answerOf(create(path), { code: -101 }, shadow)).toEqual({ code: -8 });
    }
    for (const path of ['@/a', '@/...', '/', '@/s p%c']) {
      expect(answerOf(create(path), { code: -101 }, shadow)).toBeUndefined();
    }
  });

  it('let a sequential name end with a slash', () => {
    const step = { ...create('@/a/'), sequential: true } as Step;
    expect(answerOf(step, { code: 0 }, new Shadow())).toBeUndefined();
  });

  it('cover exists without READ, and no other read', () => {
    const shadow = shadowWithClosed();
    const step = { type: 'exists', slot: 0, path: '@/closed', watch: true } as const;
    expect(answerOf(step, { code: 0 }, shadow)).toEqual({ code: -102 });
    expect(knownDifferences.map(({ instead }) => instead?.(step, shadow)).filter(Boolean)).toEqual([
      { ...step, watch: false },
    ]);
    expect(answerOf({ ...step, type: 'get' }, { code: -102 }, shadow)).toBeUndefined();
    expect(answerOf({ ...step, path: '@' }, { code: 0 }, shadow)).toBeUndefined();
  });
});

describe('known differences in events', () => {
  const eventsAfter = (step: Step, shadow: Shadow, observed: readonly ObservedEvent[]) => {
    shadow.apply(step, { code: 0 });
    let events = observed;
    for (const known of knownDifferences) {
      events = known.events?.({ slot: 0, step, observed: events, shadow }) ?? events;
    }
    return events;
  };
  const both = [
    { type: 'NodeDataChanged', path: '@/closed' },
    { type: 'NodeDataChanged', path: '@' },
  ];

  it('withhold after a reconnect the event of a znode that may not be read, and keep the others', () => {
    const resume: Step = { type: 'resume', slot: 0 };
    expect(eventsAfter(resume, shadowWithClosed(), both)).toEqual([both[1]]);
  });

  it('change nothing after any other step, nor for the other session', () => {
    const set: Step = { type: 'set', slot: 0, path: '@', data: '', version: -1 };
    expect(eventsAfter(set, shadowWithClosed(), both)).toEqual(both);
    expect(eventsAfter({ type: 'resume', slot: 1 }, shadowWithClosed(), both)).toEqual(both);
  });

  it('add what the persistent watches of a broken connection missed, as far as it may be read', () => {
    const shadow = new Shadow();
    const watch = { type: 'watch', slot: 0, path: '@', mode: 'persistent-recursive' } as const;
    shadow.apply(watch, { code: 0 });
    shadow.apply({ type: 'drop', slot: 0 }, { code: 0 });
    shadow.apply(create('@/late'), { code: 0, path: '@/late' });
    shadow.apply(closed, { code: 0, path: '@/closed' });
    expect(eventsAfter({ type: 'resume', slot: 0 }, shadow, [])).toEqual([
      { type: 'NodeCreated', path: '@/late' },
    ]);
    expect(eventsAfter({ type: 'resume', slot: 0 }, shadow, [])).toEqual([]);
  });
});
