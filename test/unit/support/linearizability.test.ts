/** The search finds an order wherever there is one, and none where there is none. */
import { describe, expect, test } from 'vitest';
import { linearize } from '../../support/history/linearizability.ts';
import type { TimedCall } from '../../support/history/linearizability.ts';
import { registerModel, sequenceModel } from '../../support/history/models.ts';
import type { Answer, Operation, Request } from '../../support/history/operation.ts';
import { seededRandom } from '../../support/random.ts';

type Told = Partial<Pick<Answer, 'outcome' | 'code' | 'result'>>;

let ids = 0;
function call(
  fromMs: number,
  toMs: number,
  request: Request,
  told: Told = {},
): TimedCall<Operation> {
  const isKnown = toMs !== Infinity;
  const operation: Operation = {
    ...{ id: (ids += 1), client: 'c', node: 1, request, invokedMs: fromMs },
    ...(isKnown && { answer: { outcome: 'ok', arrival: ids, returnedMs: toMs, ...told } }),
  };
  return { call: operation, invokedMs: fromMs, returnedMs: toMs };
}

const stat = (version: number) => ({
  ...{ version, czxid: 1, mzxid: 1, ephemeralOwner: 0, numChildren: 0 },
});
const path = '/r';
const create = (data: string): Request => ({ type: 'create', path, data });
const put = (data: string): Request => ({ type: 'put', path, data });
const set = (data: string, version?: number): Request => ({
  ...{ type: 'set', path, data },
  ...(version !== undefined && { version }),
});
const remove: Request = { type: 'delete', path };
const get: Request = { type: 'get', path, linearizable: true };
const holds = (data: string, version: number): Told => ({ result: { data, stat: stat(version) } });
const told = (version: number): Told => ({ result: { stat: stat(version) } });
const refused = (code: string): Told => ({ outcome: 'refused', code });

function verdict(calls: readonly TimedCall<Operation>[]): string {
  return linearize(registerModel, calls).verdict;
}

describe('one znode', () => {
  const good: Record<string, readonly TimedCall<Operation>[]> = {
    'calls one after another': [
      call(0, 1, get, refused('NONODE')),
      call(2, 3, create('a'), told(0)),
      call(4, 5, create('b'), refused('NODEEXISTS')),
      call(6, 7, set('c', 0), told(1)),
      call(8, 9, set('d', 0), refused('BADVERSION')),
      call(10, 11, get, holds('c', 1)),
      call(12, 13, remove),
      call(14, 15, set('e'), refused('NONODE')),
    ],
    'a read beside a write sees either': [
      call(0, 1, create('a')),
      call(2, 9, set('b'), told(1)),
      call(3, 4, get, holds('a', 0)),
      call(5, 6, get, holds('b', 1)),
    ],
    'writes that overlap take effect in any order': [
      call(0, 1, create('a')),
      call(2, 9, set('b'), told(2)),
      call(3, 8, set('c'), told(1)),
      call(10, 11, get, holds('b', 2)),
    ],
    'an unknown write that took effect late': [
      call(0, 1, create('a')),
      call(2, Infinity, set('b')),
      call(3, 4, get, holds('a', 0)),
      call(5, 6, get, holds('b', 1)),
    ],
    'an unknown write that never took effect': [
      call(0, 1, create('a')),
      call(2, Infinity, set('b')),
      call(3, 4, set('c'), told(1)),
    ],
    'an unknown deletion, seen by a creation': [
      call(0, 1, create('a')),
      call(2, Infinity, remove),
      call(3, 4, create('b'), told(0)),
    ],
    'a put that says what it did': [
      call(0, 1, put('a'), { result: { created: true, stat: stat(0) } }),
      call(2, 3, put('b'), { result: { created: false, stat: stat(1) } }),
    ],
  };
  test.each(Object.entries(good))('explains %s', (_name, calls) => {
    expect(verdict(calls)).toBe('linearizable');
  });

  const bad: Record<string, readonly TimedCall<Operation>[]> = {
    'a stale read': [call(0, 1, create('a')), call(2, 3, set('b')), call(4, 5, get, holds('a', 0))],
    'a read that goes back': [
      call(0, 1, create('a')),
      call(2, 9, set('b')),
      call(3, 4, get, holds('b', 1)),
      call(5, 6, get, holds('a', 0)),
    ],
    'a lost write': [call(0, 1, create('a')), call(2, 3, set('b')), call(4, 5, set('c'), told(1))],
    'two successes at one version': [
      call(0, 1, create('a')),
      call(2, 9, set('b', 0), told(1)),
      call(3, 8, set('c', 0), told(1)),
    ],
    'two creations': [call(0, 9, create('a')), call(1, 8, create('b'))],
    'a refusal without a reason': [
      call(0, 1, create('a')),
      call(2, 3, create('b'), refused('NODEEXISTS')),
      call(4, 5, remove),
      call(6, 7, create('c'), refused('NODEEXISTS')),
    ],
    'a value that nobody wrote': [call(0, 1, create('a')), call(2, 3, get, holds('x', 0))],
    'an unknown write that took effect twice': [
      call(0, 1, create('a')),
      call(2, Infinity, set('b')),
      call(3, 4, set('c')),
      call(5, 6, get, holds('b', 2)),
      call(7, 8, set('d'), told(4)),
    ],
    'an unknown write that took effect before it was sent': [
      call(0, 1, create('a')),
      call(2, 3, get, holds('b', 1)),
      call(4, Infinity, set('b')),
    ],
    'a deletion that is undone': [
      call(0, 1, create('a')),
      call(2, 3, remove),
      call(4, 5, get, holds('a', 0)),
    ],
    'a put that says the wrong thing': [
      call(0, 1, put('a'), { result: { created: false, stat: stat(0) } }),
    ],
  };
  test.each(Object.entries(bad))('refuses %s', (_name, calls) => {
    expect(verdict(calls)).toBe('violation');
  });

  test('says how far an explanation goes and where it ends', () => {
    const result = linearize(registerModel, bad['a stale read'] ?? []);
    expect(result).toMatchObject({
      verdict: 'violation',
      longest: [{ request: create('a') }, { request: set('b') }],
      stuck: { request: get },
    });
  });

  test('leaves undecided what takes too long, and says so', () => {
    expect(linearize(registerModel, good['calls one after another'] ?? [], 3)).toEqual({
      verdict: 'undecided',
      steps: 4,
    });
  });
});

describe('a parent that numbers its children', () => {
  const made = (sequence: number): Told => ({
    result: { path: `/q/n-${String(sequence).padStart(10, '0')}` },
  });
  const next: Request = { type: 'create', path: '/q/n-', data: 'x', sequential: true };
  const run = (calls: readonly TimedCall<Operation>[]): string =>
    linearize(sequenceModel, calls).verdict;

  test('explains overlapping and unknown creations', () => {
    const calls = [
      call(0, 9, next, made(2)),
      call(1, 8, next, made(0)),
      call(2, Infinity, next),
      call(3, Infinity, next),
      call(10, 11, next, made(3)),
    ];
    expect(run(calls)).toBe('linearizable');
  });

  test.each<[string, readonly TimedCall<Operation>[]]>([
    ['a number given twice', [call(0, 9, next, made(0)), call(1, 8, next, made(0))]],
    ['a number too many', [call(0, 1, next, made(0)), call(2, 3, next, made(2))]],
    ['numbers against time', [call(0, 1, next, made(1)), call(2, 3, next, made(0))]],
    ['a number that comes before its turn', [call(0, 1, next, made(1)), call(2, Infinity, next)]],
  ])('refuses %s', (_name, calls) => {
    expect(run(calls)).toBe('violation');
  });
});

describe('long histories', () => {
  /** Clients that overlap at random, before one register that takes effect somewhere in between. */
  function simulate(seed: number, count: number): TimedCall<Operation>[] {
    const random = seededRandom(seed);
    let state: { data: string; version: number } | undefined;
    return Array.from({ length: count }, (_value, index): TimedCall<Operation> => {
      const from = index - random() * 5;
      const to = index + random() * 5;
      const isLost = random() < 0.01;
      const choice = random();
      if (choice < 0.5) {
        const seen = state;
        return call(from, to, get, seen ? holds(seen.data, seen.version) : refused('NONODE'));
      }
      if (isLost && random() < 0.5) {
        return { ...call(from, Infinity, put(`lost-${index}`)), twin: 'lost' };
      }
      state = { data: `d${index}`, version: state === undefined ? 0 : state.version + 1 };
      return call(from, isLost ? Infinity : to, put(state.data), told(state.version));
    });
  }

  test.each([1, 2, 3])('are decided in little time, seed %i', (seed) => {
    const calls = simulate(seed, 2000);
    const result = linearize(registerModel, calls);
    expect(result.verdict).toBe('linearizable');
    expect(result.steps).toBeLessThan(600_000);
  });

  test.each([1, 2, 3, 4, 5])('with one stale read in them are found out, seed %i', (seed) => {
    const calls = simulate(seed, 1000);
    const reads = calls.filter(({ call: { request } }) => request.type === 'get');
    const stale = reads[20]?.call.answer;
    const at = calls.findIndex((timed) => timed === reads[reads.length - 20]);
    const timed = calls[at];
    if (stale === undefined || timed?.call.answer === undefined) throw new Error('too short');
    const answer: Answer = { ...stale, returnedMs: timed.returnedMs };
    calls[at] = { ...timed, call: { ...timed.call, answer } };
    expect(verdict(calls)).toBe('violation');
  });
});
