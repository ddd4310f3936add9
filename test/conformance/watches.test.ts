/**
 * Which committed change fires which event on which watch: ZooKeeper's trigger table, cell by cell
 * (`DataTree`, `WatchManager`), and what a watch does afterwards.
 */
import { describe, expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Client, EventType, SeenEvent, Watcher, WatchMode } from './client.ts';
import { describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { expectRefusal } from './refusal.ts';
import { ask, eventsIn, setWatch } from './websocket-client.ts';

/** A watch by its mode and the path it is on: X is what changes, P its parent, A the parent of that. */
type Spot = 'X' | 'P' | 'A';

interface Change {
  readonly name: string;
  /** False where X must be missing before. */
  readonly present: boolean;
  readonly make: (client: Client, x: string) => Promise<{ readonly zxid: number }>;
  /** The events of each watch that gets any, by mode and spot. */
  readonly fires: Readonly<Partial<Record<`${WatchMode} ${Spot}`, readonly string[]>>>;
}

const created = {
  'exists X': ['NodeCreated X'],
  'children P': ['NodeChildrenChanged P'],
  'persistent X': ['NodeCreated X'],
  'persistent P': ['NodeChildrenChanged P'],
  'persistent-recursive X': ['NodeCreated X'],
  'persistent-recursive P': ['NodeCreated X'],
  'persistent-recursive A': ['NodeCreated X'],
} as const;

const changed = {
  'data X': ['NodeDataChanged X'],
  'exists X': ['NodeDataChanged X'],
  'persistent X': ['NodeDataChanged X'],
  'persistent-recursive X': ['NodeDataChanged X'],
  'persistent-recursive P': ['NodeDataChanged X'],
  'persistent-recursive A': ['NodeDataChanged X'],
} as const;

const deleted = {
  'data X': ['NodeDeleted X'],
  'exists X': ['NodeDeleted X'],
  'children X': ['NodeDeleted X'],
  'children P': ['NodeChildrenChanged P'],
  'persistent X': ['NodeDeleted X'],
  'persistent P': ['NodeChildrenChanged P'],
  'persistent-recursive X': ['NodeDeleted X'],
  'persistent-recursive P': ['NodeDeleted X'],
  'persistent-recursive A': ['NodeDeleted X'],
} as const;

const open = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

const changes: readonly Change[] = [
  {
    name: 'a creation',
    present: false,
    make: (client, x) => client.create(x),
    fires: created,
  },
  {
    name: 'a creation of a container',
    present: false,
    make: (client, x) => client.create(x, { container: true }),
    fires: created,
  },
  {
    name: 'a creation by put',
    present: false,
    make: (client, x) => client.put(x, ''),
    fires: created,
  },
  {
    name: 'a change of the data',
    present: true,
    make: (client, x) => client.set(x, 'new'),
    fires: changed,
  },
  {
    name: 'a replacement by put',
    present: true,
    make: (client, x) => client.put(x, 'new'),
    fires: changed,
  },
  {
    name: 'a deletion',
    present: true,
    make: (client, x) => client.delete(x),
    fires: deleted,
  },
  {
    name: 'a recursive deletion',
    present: true,
    make: (client, x) => client.delete(x, { recursive: true }),
    fires: deleted,
  },
  {
    name: 'a change of the ACL',
    present: true,
    make: (client, x) => client.setAcl(x, open),
    fires: {},
  },
];

const modes = ['data', 'exists', 'children', 'persistent', 'persistent-recursive'] as const;

function spots(place: string): Readonly<Record<Spot, string>> {
  return { A: place, P: `${place}/p`, X: `${place}/p/x` };
}

/** The events with their paths as spots. */
function inSpots(events: readonly SeenEvent[], paths: Readonly<Record<Spot, string>>): string[] {
  const names = new Map(Object.entries(paths).map(([spot, path]) => [path, spot]));
  return events.map(({ type, path }) => `${type} ${names.get(path) ?? path}`);
}

describeThroughEveryDoor('the trigger table', (door) => {
  test.each(changes)('$name', async ({ make, present, fires }) => {
    const client = await door.client();
    const paths = spots(await door.fresh());
    await client.create(paths.P);
    if (present) await client.create(paths.X);
    const watchers = new Map<string, Watcher>();
    const set = modes.flatMap((mode) =>
      (['X', 'P', 'A'] as const).map(async (spot) => {
        // ZooKeeper's getData and getChildren leave no watch where there is no znode.
        if (!present && spot === 'X' && (mode === 'data' || mode === 'children')) return;
        watchers.set(`${mode} ${spot}`, await client.watch(paths[spot], mode));
      }),
    );
    await Promise.all(set);
    const { zxid } = await make(client, paths.X);
    const seen = [...watchers].map(async ([name, watcher]) => {
      const events = await watcher.upTo(zxid);
      expect(events.every((event) => event.zxid === zxid)).toBe(true);
      return [name, inSpots(events, paths)] as const;
    });
    const fired = (await Promise.all(seen)).filter(([, events]) => events.length > 0);
    expect(Object.fromEntries(fired)).toEqual(fires);
  });

  test('the end of a session fires as so many deletions at one zxid', async () => {
    const client = await door.client();
    const paths = spots(await door.fresh());
    const owner = await door.client({ session: 'new', timeoutMs: 60_000 });
    await client.create(paths.P);
    for (const name of ['x', 'y', 'z']) {
      await owner.create(`${paths.P}/${name}`, { ephemeral: true });
    }
    const recursive = await client.watch(paths.A, 'persistent-recursive');
    const persistent = await client.watch(paths.P, 'persistent');
    await owner.endSession();
    const { zxid } = await client.exists(paths.A, { consistency: 'linearizable' });
    const gone = await recursive.upTo(zxid);
    expect(gone.map(({ type, path }) => `${type} ${path}`).sort()).toEqual(
      ['x', 'y', 'z'].map((name) => `NodeDeleted ${paths.P}/${name}`),
    );
    const changes = await persistent.upTo(zxid);
    expect(changes.map(({ type }) => type)).toEqual([
      ...['NodeChildrenChanged', 'NodeChildrenChanged', 'NodeChildrenChanged'],
    ]);
    expect(new Set([...gone, ...changes].map((event) => event.zxid)).size).toBe(1);
  });

  test('changes deeper than a child fire on recursive watches alone', async () => {
    const client = await door.client();
    const paths = spots(await door.fresh());
    await client.create(paths.X, { parents: true });
    const watchers = await Promise.all(modes.map((mode) => client.watch(paths.A, mode)));
    await client.set(paths.X, 'new');
    const { zxid } = await client.delete(paths.X);
    const seen = await Promise.all(watchers.map((watcher) => watcher.upTo(zxid)));
    expect(seen.map((events) => inSpots(events, paths))).toEqual([
      ...[[], [], [], []],
      ['NodeDataChanged X', 'NodeDeleted X'],
    ]);
  });

  test(line(17), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const watcher = await client.watch(place, 'persistent-recursive');
    await client.create(`${place}/a`);
    await client.create(`${place}/a/b`);
    await client.set(place, 'x');
    await client.delete(`${place}/a/b`);
    await client.delete(`${place}/a`);
    const { zxid } = await client.delete(place);
    const seen = (await watcher.upTo(zxid)).map(
      ({ type, path }) => `${type} ${path.slice(place.length)}`,
    );
    expect(seen).toEqual([
      'NodeCreated /a',
      'NodeCreated /a/b',
      'NodeDataChanged ',
      'NodeDeleted /a/b',
      'NodeDeleted /a',
      'NodeDeleted ',
    ]);
  });

  test(line(16), async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/a`;
    const watcher = await client.watch(path, 'persistent');
    let zxid = 0;
    for (let round = 0; round < 2; round++) {
      await client.create(path);
      await client.set(path, 'x');
      ({ zxid } = await client.delete(path));
    }
    const once = ['NodeCreated', 'NodeDataChanged', 'NodeDeleted'];
    expect((await watcher.upTo(zxid)).map(({ type }) => type)).toEqual([...once, ...once]);
  });

  test('a one-shot watch fires once, a persistent one each time', async () => {
    const client = await door.client();
    const path = await door.fresh();
    const watchers = await Promise.all([
      client.watch(path, 'data'),
      client.watch(path, 'exists'),
      client.watch(path, 'persistent'),
    ]);
    for (const data of ['1', '2']) await client.set(path, data);
    const { zxid } = await client.set(path, '3');
    const seen = await Promise.all(watchers.map((watcher) => watcher.upTo(zxid)));
    expect(seen.map((events) => events.length)).toEqual([1, 1, 3]);
  });

  test(line(13, 'fires'), async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/later`;
    const watcher = await client.watch(path, 'exists');
    const { zxid } = await client.create(path);
    expect(await watcher.next()).toEqual({ type: 'NodeCreated', path, zxid });
  });

  test(line(14), async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/missing`;
    await expectRefusal(client.watch(path, 'data'), 'NONODE');
    await expectRefusal(client.watch(path, 'children'), 'NONODE');
  });

  test('the root can be watched', async () => {
    const client = await door.client();
    const watcher = await client.watch('/', 'persistent-recursive');
    const onRoot = await client.watch('/', 'children');
    const path = await door.fresh();
    const { zxid } = await client.exists(path);
    const seen = await watcher.upTo(zxid);
    expect(seen).toContainEqual({ type: 'NodeCreated', path, zxid: seen.at(-1)?.zxid });
    expect(await onRoot.next()).toMatchObject({ type: 'NodeChildrenChanged', path: '/' });
  });
});

describeOverWebSocket('watches of one connection', (door) => {
  /** All events of `raw` so far. */
  async function seenBy(raw: Awaited<ReturnType<typeof door.client>>['raw']): Promise<SeenEvent[]> {
    await ask(raw, { type: 'ping' });
    const seen: SeenEvent[] = [];
    while (raw.events.some(({ type }) => type === 'events')) {
      seen.push(...eventsIn(await raw.nextEvents()));
    }
    return seen;
  }

  test(line(14, 'on the connection'), async () => {
    const { raw } = await door.client();
    const path = `${await door.fresh()}/missing`;
    const other = await door.client();
    await expectRefusal(ask(raw, { type: 'get', path, watch: true }), 'NONODE');
    await expectRefusal(ask(raw, { type: 'children', path, watch: true }), 'NONODE');
    await other.create(path);
    await other.delete(path);
    expect(await seenBy(raw)).toEqual([]);
  });

  test(line(15), async () => {
    const { raw } = await door.client();
    const other = await door.client();
    const path = `${await door.fresh()}/x`;
    await other.create(path);
    for (const mode of ['data', 'exists', 'children'] as const) await setWatch(raw, path, mode);
    const { zxid } = await other.delete(path);
    expect(await seenBy(raw)).toEqual([{ type: 'NodeDeleted', path, zxid }]);
  });

  test('overlapping watches yield one event of a kind and path', async () => {
    const { raw } = await door.client();
    const other = await door.client();
    const place = await door.fresh();
    const path = `${place}/x`;
    await other.create(path);
    for (const mode of modes) await setWatch(raw, path, mode);
    await setWatch(raw, place, 'persistent-recursive');
    await setWatch(raw, place, 'persistent');
    const { zxid: setAt } = await other.set(path, 'x');
    const { zxid: deletedAt } = await other.delete(path);
    expect(await seenBy(raw)).toEqual([
      { type: 'NodeDataChanged', path, zxid: setAt },
      { type: 'NodeDeleted', path, zxid: deletedAt },
      { type: 'NodeChildrenChanged', path: place, zxid: deletedAt },
    ]);
  });

  test('order of the events of one creation and one deletion', async () => {
    const { raw } = await door.client();
    const other = await door.client();
    const place = await door.fresh();
    const path = `${place}/x`;
    await setWatch(raw, path, 'persistent');
    await setWatch(raw, place, 'persistent');
    const { zxid: createdAt } = await other.create(path);
    const { zxid: deletedAt } = await other.delete(path);
    const pair = (type: EventType, zxid: number) => [
      { type, path, zxid },
      { type: 'NodeChildrenChanged', path: place, zxid },
    ];
    expect(await seenBy(raw)).toEqual([
      ...pair('NodeCreated', createdAt),
      ...pair('NodeDeleted', deletedAt),
    ]);
  });

  describe('are removed', () => {
    test('by mode, or all of a path; none there is NOWATCHER', async () => {
      const { raw } = await door.client();
      const other = await door.client();
      const place = await door.fresh();
      await expectRefusal(ask(raw, { type: 'unwatch', path: place }), 'NOWATCHER');
      for (const mode of modes) await setWatch(raw, place, mode);
      await ask(raw, { type: 'unwatch', path: place, mode: 'persistent-recursive' });
      await expectRefusal(
        ask(raw, { type: 'unwatch', path: place, mode: 'persistent-recursive' }),
        'NOWATCHER',
      );
      await other.create(`${place}/below`);
      expect((await seenBy(raw)).map(({ type }) => type)).toEqual(['NodeChildrenChanged']);
      await ask(raw, { type: 'unwatch', path: place });
      await other.delete(`${place}/below`);
      await other.set(place, 'x');
      expect(await seenBy(raw)).toEqual([]);
      await expectRefusal(ask(raw, { type: 'unwatch', path: place }), 'NOWATCHER');
    });

    test('with the connection', async () => {
      const watched = door.node.replica.metrics().watches;
      const { raw } = await door.client();
      const place = await door.fresh();
      for (const mode of modes) await setWatch(raw, place, mode);
      expect(door.node.replica.metrics().watches).toBeGreaterThan(watched);
      await raw.close();
      expect(door.node.replica.metrics().watches).toBe(watched);
    });
  });

  test('a watch counts once however often it is set', async () => {
    const { raw } = await door.client();
    const other = await door.client();
    const place = await door.fresh();
    for (let round = 0; round < 3; round++) await setWatch(raw, place, 'data');
    const { zxid } = await other.set(place, 'x');
    await other.set(place, 'y');
    expect(await seenBy(raw)).toEqual([{ type: 'NodeDataChanged', path: place, zxid }]);
  });
});
