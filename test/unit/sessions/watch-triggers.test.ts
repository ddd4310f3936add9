import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import type { EventType } from '../../../src/protocol/model.ts';
import type { StreamWatchMode } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { compareOneShot, WatchTable } from '../../../src/sessions/index.ts';
import type { ChangeKind } from '../../../src/sessions/index.ts';

const STREAM = 7;
const X = '/app/x';
const modes: readonly StreamWatchMode[] = [
  'data',
  'exists',
  'children',
  'persistent',
  'persistent-recursive',
  'change',
];
const standard: readonly StreamWatchMode[] = ['data', 'exists', 'children'];

interface Watched {
  readonly path: string;
  readonly mode: StreamWatchMode;
  readonly stream?: number;
}

function tableOf(watches: readonly Watched[]): WatchTable {
  const table = new WatchTable();
  for (const { path, mode, stream = STREAM } of watches) {
    expect(table.add(stream, parsePath(path), mode)).toBe(true);
  }
  return table;
}

/** Both ways to fire must agree; gives `Type path` of the one stream. */
function fired(watches: readonly Watched[], kind: ChangeKind, path = X): string[] {
  const [all, alone] = [tableOf(watches), tableOf(watches)];
  const [events, replayed]: [string[], string[]] = [[], []];
  const change = { kind, path: parsePath(path) };
  all.trigger(change, (_stream, type, at) => events.push(`${type} ${at}`));
  alone.triggerFor(STREAM, change, (_stream, type, at) => replayed.push(`${type} ${at}`));
  expect(replayed).toEqual(events);
  for (const { path: at, mode } of watches) {
    expect(alone.has(STREAM, parsePath(at), mode)).toBe(all.has(STREAM, parsePath(at), mode));
  }
  return events;
}

function collect(table: WatchTable, kind: ChangeKind, path = X): string[] {
  const events: string[] = [];
  table.trigger({ kind, path: parsePath(path) }, (stream, type, at) =>
    events.push(`${String(stream)} ${type} ${at}`),
  );
  return events;
}

type Cells = Readonly<Record<StreamWatchMode, EventType | 'change' | undefined>>;

function row(type: EventType): Cells {
  return {
    data: type,
    exists: type,
    children: undefined,
    persistent: type,
    'persistent-recursive': type,
    change: 'change',
  };
}

const nothing: Cells = {
  data: undefined,
  exists: undefined,
  children: undefined,
  persistent: undefined,
  'persistent-recursive': undefined,
  change: undefined,
};

const onX: Readonly<Record<ChangeKind, Cells>> = {
  create: row('NodeCreated'),
  set: row('NodeDataChanged'),
  delete: { ...row('NodeDeleted'), children: 'NodeDeleted' },
  setAcl: { ...nothing, change: 'change' },
};

const childrenChanged: Cells = {
  ...nothing,
  children: 'NodeChildrenChanged',
  persistent: 'NodeChildrenChanged',
  change: 'change',
};

const onParent: Readonly<Record<ChangeKind, Cells>> = {
  create: childrenChanged,
  delete: childrenChanged,
  set: nothing,
  setAcl: nothing,
};

const ofRecursive: Readonly<Record<ChangeKind, EventType | undefined>> = {
  create: 'NodeCreated',
  set: 'NodeDataChanged',
  delete: 'NodeDeleted',
  setAcl: undefined,
};

const kinds: readonly ChangeKind[] = ['create', 'set', 'delete', 'setAcl'];

describe.each(kinds)('trigger table, %s of X', (kind) => {
  it.each(modes)('watch on X in mode %s', (mode) => {
    const type = onX[kind][mode];
    expect(fired([{ path: X, mode }], kind)).toEqual(type === undefined ? [] : [`${type} ${X}`]);
  });

  it.each(modes)('watch on the parent of X in mode %s', (mode) => {
    const events: string[] = [];
    const type = onParent[kind][mode];
    if (type !== undefined) events.push(`${type} /app`);
    if (mode === 'persistent-recursive' && ofRecursive[kind] !== undefined) {
      events.push(`${ofRecursive[kind]} ${X}`);
    }
    expect(fired([{ path: '/app', mode }], kind)).toEqual(events);
  });

  it.each(modes)('watch on the root, farther up, in mode %s', (mode) => {
    const type = mode === 'persistent-recursive' ? ofRecursive[kind] : undefined;
    expect(fired([{ path: '/', mode }], kind)).toEqual(type === undefined ? [] : [`${type} ${X}`]);
  });

  it.each(modes)('watch on a child, a sibling and a longer name in mode %s', (mode) => {
    const watches = ['/app/x/y', '/app/y', '/app/xx', '/ap'].map((path) => ({ path, mode }));
    expect(fired(watches, kind)).toEqual([]);
  });

  it('uses up the standard watches that fired, and nothing else', () => {
    for (const mode of modes) {
      for (const path of [X, '/app']) {
        const table = tableOf([{ path, mode }]);
        const events = collect(table, kind);
        const used = standard.includes(mode) && events.length > 0;
        expect(table.has(STREAM, parsePath(path), mode)).toBe(!used);
        expect(collect(table, kind)).toEqual(used ? [] : events);
      }
    }
  });
});

describe('order of the events of one change', () => {
  it('is NodeDeleted before the NodeChildrenChanged of the parent', () => {
    const watches: Watched[] = [
      { path: '/app', mode: 'children' },
      { path: X, mode: 'data' },
    ];
    expect(fired(watches, 'delete')).toEqual([`NodeDeleted ${X}`, 'NodeChildrenChanged /app']);
  });

  it('is NodeCreated before the NodeChildrenChanged of the parent', () => {
    const watches: Watched[] = [
      { path: '/app', mode: 'persistent' },
      { path: '/', mode: 'persistent-recursive' },
    ];
    expect(fired(watches, 'create')).toEqual([`NodeCreated ${X}`, 'NodeChildrenChanged /app']);
  });
});

describe('overlapping registrations of one stream', () => {
  it('a data and a child watch on a deleted node yield one NodeDeleted', () => {
    const watches: Watched[] = [
      { path: X, mode: 'data' },
      { path: X, mode: 'children' },
    ];
    expect(fired(watches, 'delete')).toEqual([`NodeDeleted ${X}`]);
    const table = tableOf(watches);
    collect(table, 'delete');
    expect(table.count).toBe(0);
  });

  it('every mode at once on the path, its parent and the root yields one event a type and path', () => {
    const watches = [X, '/app', '/'].flatMap((path) =>
      modes.filter((mode) => mode !== 'change').map((mode) => ({ path, mode })),
    );
    expect(fired(watches, 'create')).toEqual([`NodeCreated ${X}`, 'NodeChildrenChanged /app']);
    expect(fired(watches, 'set')).toEqual([`NodeDataChanged ${X}`]);
    expect(fired(watches, 'delete')).toEqual([`NodeDeleted ${X}`, 'NodeChildrenChanged /app']);
    expect(fired(watches, 'setAcl')).toEqual([]);
  });

  it('a wake-up of a change watch comes beside the event, and both for the child and the path', () => {
    const watches: Watched[] = [
      { path: X, mode: 'change' },
      { path: X, mode: 'data' },
      { path: '/app', mode: 'change' },
    ];
    expect(fired(watches, 'delete')).toEqual([`NodeDeleted ${X}`, `change ${X}`, 'change /app']);
  });

  it('a set leaves the child watch of the same path armed', () => {
    const table = tableOf([
      { path: X, mode: 'data' },
      { path: X, mode: 'children' },
    ]);
    collect(table, 'set');
    expect(table.has(STREAM, parsePath(X), 'data')).toBe(false);
    expect(table.has(STREAM, parsePath(X), 'children')).toBe(true);
  });
});

describe('persistent watches', () => {
  it('survive deletion and re-creation', () => {
    const table = tableOf([{ path: X, mode: 'persistent' }]);
    expect(collect(table, 'delete')).toEqual([`7 NodeDeleted ${X}`]);
    expect(collect(table, 'create')).toEqual([`7 NodeCreated ${X}`]);
    expect(collect(table, 'set')).toEqual([`7 NodeDataChanged ${X}`]);
  });

  it('if recursive, see the base node itself and never NodeChildrenChanged', () => {
    const table = tableOf([{ path: '/app', mode: 'persistent-recursive' }]);
    expect(collect(table, 'set', '/app')).toEqual(['7 NodeDataChanged /app']);
    expect(collect(table, 'create', '/app/a/b/c')).toEqual(['7 NodeCreated /app/a/b/c']);
    expect(collect(table, 'delete', '/app/a')).toEqual(['7 NodeDeleted /app/a']);
    expect(collect(table, 'set', '/application')).toEqual([]);
  });

  it('on the root see everything, the root included', () => {
    const table = tableOf([{ path: '/', mode: 'persistent-recursive' }]);
    expect(collect(table, 'set', '/')).toEqual(['7 NodeDataChanged /']);
    expect(collect(table, 'create', '/a')).toEqual(['7 NodeCreated /a']);
  });
});

describe('a stream whose cursor lags', () => {
  it('gets nothing and loses nothing, while the others get theirs', () => {
    const table = tableOf([
      { path: X, mode: 'data', stream: 1 },
      { path: X, mode: 'change', stream: 1 },
      { path: '/', mode: 'persistent-recursive', stream: 1 },
      { path: X, mode: 'data', stream: 2 },
      { path: X, mode: 'data', stream: 3 },
    ]);
    const told: number[] = [];
    table.trigger(
      { kind: 'set', path: parsePath(X) },
      (stream) => told.push(stream),
      (stream) => stream === 1,
    );
    expect(told).toEqual([2, 3]);
    expect(table.has(1, parsePath(X), 'data')).toBe(true);
    expect(table.has(2, parsePath(X))).toBe(false);
    const late: string[] = [];
    table.triggerFor(1, { kind: 'set', path: parsePath(X) }, (_stream, type) => late.push(type));
    expect(late).toEqual(['NodeDataChanged', 'change']);
    expect(table.has(1, parsePath(X), 'data')).toBe(false);
  });

  it('is skipped as an ancestor watcher too', () => {
    const table = tableOf([{ path: '/app', mode: 'persistent-recursive' }]);
    const told: number[] = [];
    table.trigger(
      { kind: 'set', path: parsePath(X) },
      (stream) => told.push(stream),
      () => true,
    );
    expect(told).toEqual([]);
  });

  it('gets nothing of other streams in its replay', () => {
    const table = tableOf([
      { path: X, mode: 'data', stream: 1 },
      { path: X, mode: 'data', stream: 2 },
    ]);
    const told: number[] = [];
    table.triggerFor(3, { kind: 'set', path: parsePath(X) }, (stream) => told.push(stream));
    table.triggerFor(2, { kind: 'set', path: parsePath(X) }, (stream) => told.push(stream));
    expect(told).toEqual([2]);
    expect(table.has(1, parsePath(X), 'data')).toBe(true);
  });
});

describe('emit', () => {
  it('must not fire watches in turn', () => {
    const table = tableOf([{ path: X, mode: 'persistent' }]);
    expect(() =>
      table.trigger({ kind: 'set', path: parsePath(X) }, () => collect(table, 'set')),
    ).toThrow(InvariantError);
  });
});

describe('standard watches set again after a gap (setWatches)', () => {
  const before = { mzxid: 100, pzxid: 100 };
  it.each([
    ['data', undefined, 'NodeDeleted'],
    ['data', { ...before, mzxid: 101 }, 'NodeDataChanged'],
    ['data', { ...before, pzxid: 101 }, undefined],
    ['data', before, undefined],
    ['exists', undefined, undefined],
    ['exists', before, 'NodeCreated'],
    ['children', undefined, 'NodeDeleted'],
    ['children', { ...before, pzxid: 101 }, 'NodeChildrenChanged'],
    ['children', { ...before, mzxid: 101 }, undefined],
    ['children', before, undefined],
  ] as const)('%s watch, znode %o: %s', (mode, stat, type) => {
    expect(compareOneShot(mode, stat, 100)).toBe(type);
  });
});
