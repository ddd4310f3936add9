import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, parentPath, parsePath } from '../../../src/protocol/path.ts';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type { StreamWatchMode } from '../../../src/protocol/operations.ts';
import { WatchTable } from '../../../src/sessions/index.ts';
import type { ChangeKind } from '../../../src/sessions/index.ts';

const a = parsePath('/a');
const b = parsePath('/a/b');

describe('registration', () => {
  it('says whether it was there already', () => {
    const table = new WatchTable();
    expect(table.add(1, a, 'data')).toBe(true);
    expect(table.add(1, a, 'data')).toBe(false);
    expect(table.add(1, a, 'exists')).toBe(true);
    expect(table.add(2, a, 'data')).toBe(true);
    expect(table.add(2, a, 'data')).toBe(false);
  });

  it('is counted once a stream and path, whatever the modes', () => {
    const table = new WatchTable();
    table.add(1, a, 'data');
    table.add(1, a, 'children');
    table.add(1, b, 'data');
    table.add(2, a, 'data');
    expect([table.count, table.countOf(1), table.countOf(2), table.countOf(3)]).toEqual([
      3, 2, 1, 0,
    ]);
  });

  it('can be removed by mode or altogether', () => {
    const table = new WatchTable();
    table.add(1, a, 'data');
    table.add(1, a, 'persistent');
    expect(table.remove(1, a, 'children')).toBe(false);
    expect(table.remove(1, a, 'data')).toBe(true);
    expect(table.has(1, a)).toBe(true);
    expect(table.remove(1, a)).toBe(true);
    expect(table.remove(1, a)).toBe(false);
    expect(table.has(1, a)).toBe(false);
    expect(table.count).toBe(0);
  });

  it('ends with its stream, and only with that', () => {
    const table = new WatchTable();
    table.add(1, a, 'data');
    table.add(1, b, 'persistent-recursive');
    table.add(2, a, 'data');
    table.removeStream(1);
    table.removeStream(1);
    expect([table.count, table.countOf(1), table.has(2, a)]).toEqual([1, 0, true]);
    const told: number[] = [];
    const emit = (stream: number): void => void told.push(stream);
    table.trigger({ kind: 'set', path: b }, emit, (stream) => {
      throw new Error(`asked for stream ${String(stream)}`);
    });
    expect(told).toEqual([]);
  });

  it('of a stream that has ended takes room until it is swept, oldest first', () => {
    const table = new WatchTable();
    const paths = Array.from({ length: 10 }, (_, index) => parsePath(`/p${String(index)}`));
    for (const stream of [1, 2]) for (const path of paths) table.add(stream, path, 'data');
    table.removeStream(2);
    table.removeStream(1);
    expect([table.count, table.unswept]).toEqual([0, 20]);
    for (const path of paths) table.add(3, path, 'exists');
    for (const left of [13, 6, 0]) {
      table.sweep(7);
      expect([table.count, table.unswept]).toEqual([10, left]);
    }
    const told: number[] = [];
    for (const path of paths) table.trigger({ kind: 'set', path }, (stream) => told.push(stream));
    expect(told).toEqual(paths.map(() => 3));
  });

  it('reaches a thousand streams of one path, each once', () => {
    const table = new WatchTable();
    for (let stream = 1; stream <= 1000; stream++) table.add(stream, a, 'exists');
    const told: number[] = [];
    table.trigger({ kind: 'create', path: a }, (stream) => told.push(stream));
    expect(told).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    expect(table.count).toBe(0);
  });

  it('holds a million watches of one stream, and of a stream each', () => {
    const table = new WatchTable();
    const half = 500_000;
    for (let index = 0; index < half; index++) {
      table.add(1, `/one/${String(index)}` as ZnodePath, 'data');
      table.add(index + 2, `/each/${String(index)}` as ZnodePath, 'data');
    }
    expect([table.count, table.countOf(1), table.countOf(half)]).toEqual([2 * half, half, 1]);
    const told: number[] = [];
    table.trigger({ kind: 'set', path: parsePath('/each/777') }, (stream) => told.push(stream));
    expect(told).toEqual([779]);
    table.removeStream(1);
    expect([table.count, table.unswept]).toEqual([half - 1, half]);
    table.sweep(half - 1);
    expect(table.unswept).toBe(1);
    table.sweep(1);
    expect(table.unswept).toBe(0);
  });
});

/** The trigger table, told as slowly and plainly as possible. */
class NaiveTable {
  watches: { stream: number; path: ZnodePath; mode: StreamWatchMode }[] = [];

  fire(kind: ChangeKind, path: ZnodePath): string[] {
    const touchesParent = path !== '/' && (kind === 'create' || kind === 'delete');
    const parent = touchesParent ? parentPath(path) : undefined;
    const events = this.watches.flatMap(({ stream, path: at, mode }) => {
      const own = ownEvents(mode, { kind, path, at });
      const ofChild = at === parent ? childEvents(mode) : [];
      return [...own.map((type) => [type, path]), ...ofChild.map((type) => [type, at])].map(
        ([type, where]) => `${String(stream)} ${String(type)} ${String(where)}`,
      );
    });
    this.watches = this.watches.filter(({ path: at, mode }) => {
      if (kind === 'setAcl') return true;
      if (mode === 'data' || mode === 'exists') return at !== path;
      if (mode !== 'children') return true;
      return !(kind === 'delete' && at === path) && !(touchesParent && at === parentPath(path));
    });
    return [...new Set(events)].sort();
  }
}

const ownType = { create: 'NodeCreated', set: 'NodeDataChanged', delete: 'NodeDeleted' } as const;

function ownEvents(
  mode: StreamWatchMode,
  change: { readonly kind: ChangeKind; readonly path: ZnodePath; readonly at: ZnodePath },
): string[] {
  const { kind, path, at } = change;
  if (mode === 'change') return at === path ? ['change'] : [];
  if (kind === 'setAcl') return [];
  if (mode === 'persistent-recursive') return isWithin(path, at) ? [ownType[kind]] : [];
  if (mode === 'children' && kind !== 'delete') return [];
  return at === path ? [ownType[kind]] : [];
}

function childEvents(mode: StreamWatchMode): string[] {
  if (mode === 'change') return ['change'];
  return mode === 'children' || mode === 'persistent' ? ['NodeChildrenChanged'] : [];
}

const anyPath = fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/a/d', '/e').map(parsePath);
const anyMode = fc.constantFrom<StreamWatchMode>(
  'data',
  'exists',
  'children',
  'persistent',
  'persistent-recursive',
  'change',
);
const anyStream = fc.integer({ min: 1, max: 4 });
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('add' as const), anyStream, anyPath, anyMode) },
  fc.tuple(fc.constant('remove' as const), anyStream, anyPath, fc.option(anyMode)),
  fc.tuple(fc.constant('end' as const), anyStream),
  fc.tuple(fc.constant('sweep' as const), fc.integer({ min: 1, max: 3 })),
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant('fire' as const),
      fc.constantFrom<ChangeKind>('create', 'set', 'delete', 'setAcl'),
      anyPath,
    ),
  },
);

describe('agreement with the naive table', () => {
  it('holds over any sequence of registrations, removals and changes', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const naive = new NaiveTable();
        const table = new WatchTable();
        const streams = [0, 1, 2, 3, 4];
        for (const step of steps) apply({ naive, table, streams }, step);
        table.sweep(Infinity);
        expect(table.unswept).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

interface Tables {
  readonly naive: NaiveTable;
  readonly table: WatchTable;
  /** The number that each of the streams has now: another one after each end. */
  readonly streams: number[];
}

function apply({ naive, table, streams }: Tables, step: Step): void {
  switch (step[0]) {
    case 'add': {
      const [, which, path, mode] = step;
      const stream = streams[which] ?? 0;
      const had = naive.watches.some(
        (w) => w.stream === stream && w.path === path && w.mode === mode,
      );
      if (!had) naive.watches.push({ stream, path, mode });
      expect(table.add(stream, path, mode)).toBe(!had);
      break;
    }
    case 'remove': {
      const [, which, path, mode] = step;
      const stream = streams[which] ?? 0;
      const kept = naive.watches.filter(
        (w) => w.stream !== stream || w.path !== path || (mode !== null && w.mode !== mode),
      );
      expect(table.remove(stream, path, mode ?? undefined)).toBe(
        kept.length < naive.watches.length,
      );
      naive.watches = kept;
      break;
    }
    case 'end': {
      const stream = streams[step[1]] ?? 0;
      naive.watches = naive.watches.filter((w) => w.stream !== stream);
      table.removeStream(stream);
      streams[step[1]] = stream + 10;
      break;
    }
    case 'sweep':
      table.sweep(step[1]);
      break;
    case 'fire': {
      const [, kind, path] = step;
      const events: string[] = [];
      table.trigger({ kind, path }, (stream, type, at) =>
        events.push(`${String(stream)} ${type} ${at}`),
      );
      expect(events.sort()).toEqual(naive.fire(kind, path));
    }
  }
  expect(table.count).toBe(
    new Set(naive.watches.map(({ stream, path }) => `${String(stream)} ${path}`)).size,
  );
}
