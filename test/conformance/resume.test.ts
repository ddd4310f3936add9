/**
 * Going on after a gap: persistent watches miss nothing and see nothing twice, one-shot watches are
 * compared with the state as ZooKeeper's setWatches does, and what is no longer kept is said to be gone.
 */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { line } from './checklist.ts';
import type { Client, SeenEvent, WatchMode } from './client.ts';
import { within } from './deadline.ts';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { openEventStream } from './event-stream.ts';
import { encodePath } from './http.ts';
import { expectRefusal } from './refusal.ts';
import { ask, connectTo, eventsIn } from './websocket-client.ts';

/** Changes below `place` that differ from seed to seed. @returns the last zxid */
async function changeALot(client: Client, place: string, seed: number): Promise<number> {
  const random = seededRandom(seed);
  const present = new Set<string>();
  let zxid = 0;
  for (let step = 0; step < 30; step++) {
    const path = `${place}/${'abc'.charAt(Math.floor(random() * 3))}`;
    if (!present.has(path)) {
      present.add(path);
      ({ zxid } = await client.create(path));
    } else if (random() < 0.4) {
      present.delete(path);
      ({ zxid } = await client.delete(path));
    } else if (random() < 0.5) {
      ({ zxid } = await client.set(path, String(step)));
    } else {
      const operations = [...present].map((each) => ({ op: 'set', path: each }) as const);
      ({ zxid } = await client.multi(operations));
    }
  }
  return zxid;
}

describeThroughEveryDoor('a persistent watch that resumes', (door) => {
  const modes: readonly WatchMode[] = ['persistent', 'persistent-recursive'];
  test.each(modes)('%s: sees what came after any zxid, once and in order', async (mode) => {
    const client = await door.client();
    const place = await door.fresh();
    const { zxid: start } = await client.exists(place);
    const uninterrupted = await client.watch(place, mode);
    const last = await changeALot(client, place, 7);
    const all = await uninterrupted.upTo(last);
    expect(all.length).toBeGreaterThan(10);
    const positions = [start, ...new Set(all.map(({ zxid }) => zxid))];
    for (const from of positions.filter((_zxid, index) => index % 4 === 0)) {
      const resumed = await client.watch(place, mode, { from });
      const expected = all.filter(({ zxid }) => zxid > from);
      expect(await resumed.upTo(last), `after ${from}`).toEqual(expected);
    }
  });

  test('goes on with what happens then', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const { zxid: from } = await client.create(`${place}/a`);
    await client.delete(`${place}/a`);
    const resumed = await client.watch(place, 'persistent-recursive', { from });
    const { zxid } = await client.create(`${place}/b`);
    expect((await resumed.upTo(zxid)).map(({ type, path }) => `${type} ${path}`)).toEqual([
      `NodeDeleted ${place}/a`,
      `NodeCreated ${place}/b`,
    ]);
  });
});

/** What happens to a znode and its children between the last seen zxid and the resumption. */
interface Gap {
  readonly name: string;
  readonly present: boolean;
  readonly change: (client: Client, path: string) => Promise<unknown>;
  /** The event for each one-shot mode that has missed something; the others are armed again. */
  readonly missed: Readonly<Partial<Record<'data' | 'exists' | 'children', string>>>;
}

const open = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

const presentGaps: readonly Gap[] = [
  { name: 'nothing', present: true, change: () => Promise.resolve(), missed: {} },
  {
    name: 'its data changes',
    present: true,
    change: (client, path) => client.set(path, 'new'),
    missed: { data: 'NodeDataChanged' },
  },
  {
    name: 'a child comes',
    present: true,
    change: (client, path) => client.create(`${path}/child`),
    missed: { children: 'NodeChildrenChanged' },
  },
  {
    name: 'a child comes and goes',
    present: true,
    change: async (client, path) => {
      await client.create(`${path}/child`);
      await client.delete(`${path}/child`);
    },
    missed: { children: 'NodeChildrenChanged' },
  },
  {
    name: 'its ACL changes',
    present: true,
    change: (client, path) => client.setAcl(path, open),
    missed: {},
  },
  {
    name: 'it is deleted',
    present: true,
    change: (client, path) => client.delete(path),
    missed: { data: 'NodeDeleted', children: 'NodeDeleted' },
  },
  {
    name: 'it is deleted and made again',
    present: true,
    change: async (client, path) => {
      await client.delete(path);
      await client.create(path);
    },
    missed: { data: 'NodeDataChanged', children: 'NodeChildrenChanged' },
  },
];

const absentGaps: readonly Gap[] = [
  { name: 'nothing', present: false, change: () => Promise.resolve(), missed: {} },
  {
    name: 'it is created',
    present: false,
    change: (client, path) => client.create(path),
    missed: { exists: 'NodeCreated' },
  },
  {
    name: 'it is created and deleted',
    present: false,
    change: async (client, path) => {
      await client.create(path);
      await client.delete(path);
    },
    missed: {},
  },
];

const gaps = [...presentGaps, ...absentGaps];

describeOverWebSocket('one-shot watches that resume', (door) => {
  /** What a connection that resumes with one watch is told at once, and after `then`. */
  async function resume(
    watch: { readonly path: string; readonly mode: WatchMode },
    resumeFrom: number,
    then: () => Promise<unknown>,
  ): Promise<{ missed: SeenEvent[]; later: SeenEvent[] }> {
    const raw = await connectTo(door.url, { watches: [watch], resumeFrom });
    const taken = async (): Promise<SeenEvent[]> => {
      await ask(raw, { type: 'ping' });
      const events: SeenEvent[] = [];
      while (raw.events.length > 0) events.push(...eventsIn(await raw.nextEvents()));
      return events;
    };
    try {
      const missed = await taken();
      await then();
      return { missed, later: await taken() };
    } finally {
      raw.socket.terminate();
    }
  }

  /** Fires every one-shot watch on the path that is armed. */
  async function touch(client: Client, path: string): Promise<void> {
    await client.put(path, 'touched');
    await client.create(`${path}/touched`);
    await client.delete(path, { recursive: true });
  }

  describe.each(gaps)(line(18, 'while away $name (there before: $present)'), (gap) => {
    const modes = gap.present ? (['data', 'children'] as const) : (['exists'] as const);
    test.each(modes)('%s', async (mode) => {
      const client = await door.client();
      const path = `${await door.fresh()}/x`;
      if (gap.present) await client.create(path);
      const { zxid } = await client.sync();
      await gap.change(client, path);
      const { missed, later } = await resume({ path, mode }, zxid, () => touch(client, path));
      const expected = gap.missed[mode];
      const told = (events: readonly SeenEvent[]) => events.map(({ type }) => type);
      expect(told(missed)).toEqual(expected === undefined ? [] : [expected]);
      // A watch that has fired is used up, one that has not still fires.
      expect(later).toHaveLength(expected === undefined ? 1 : 0);
    });
  });

  test('an event that READ withholds uses the watch up all the same', async () => {
    const client = await door.client();
    const path = await door.fresh();
    const { zxid } = await client.sync();
    await client.set(path, 'new');
    await client.setAcl(path, [{ scheme: 'world', id: 'anyone', perms: 'cdwa' }]);
    const { missed, later } = await resume({ path, mode: 'data' }, zxid, () =>
      client.setAcl(path, open).then(() => client.set(path, 'newer')),
    );
    expect([...missed, ...later]).toEqual([]);
  });

  test('the answer to connect comes first, then what was missed, then answers', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const { zxid: resumeFrom } = await client.sync();
    for (const name of ['a', 'b']) await client.create(`${place}/${name}`);
    const watches = [
      { path: place, mode: 'persistent-recursive' },
      { path: place, mode: 'children' },
    ];
    const raw = await connectTo(door.url, { watches, resumeFrom });
    await ask(raw, { type: 'children', path: place });
    raw.socket.terminate();
    const types = raw.received.map(({ type }) => type).filter((type) => type !== 'bookmark');
    expect(types[0]).toBe('connected');
    expect(types.at(-1)).toBe('result');
    const events = raw.received.filter(({ type }) => type === 'events').flatMap(eventsIn);
    expect(events.map(({ type, path }) => `${type} ${path}`).sort()).toEqual([
      `NodeChildrenChanged ${place}`,
      `NodeCreated ${place}/a`,
      `NodeCreated ${place}/b`,
    ]);
  });

  test('a bookmark is a place to resume from', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const raw = await connectTo(door.url);
    const bookmark = await within('a bookmark', raw.nextMessage('bookmark'));
    raw.socket.terminate();
    await client.create(`${place}/a`);
    const resumed = await connectTo(door.url, {
      watches: [{ path: place, mode: 'persistent-recursive' }],
      resumeFrom: bookmark['zxid'],
    });
    const [event] = eventsIn(await within('the event', resumed.nextEvents()));
    resumed.socket.terminate();
    expect(event).toMatchObject({ type: 'NodeCreated', path: `${place}/a` });
  });
});

const smallRing = { limits: { ringTransactionsMax: 20 } };

describeThroughEveryDoor(
  'events that are no longer kept',
  (door) => {
    test('the last ones of the ring can be resumed, older ones cannot', async () => {
      const client = await door.client();
      const place = await door.fresh();
      let zxid = 0;
      for (let round = 0; round < 30; round++) ({ zxid } = await client.set(place, String(round)));
      const kept = await client.watch(place, 'persistent', { from: zxid - 20 });
      expect(await kept.upTo(zxid)).toHaveLength(20);
      if (door.name === 'REST') {
        const old = client.watch(place, 'persistent', { from: zxid - 21 });
        const { problem } = await expectRefusal(old, 'EVENTSGONE');
        expect(problem).toMatchObject({ oldestZxid: zxid - 20, currentZxid: zxid, status: 410 });
        return;
      }
      const raw = await connectTo(door.url, {
        watches: [{ path: place, mode: 'persistent' }],
        resumeFrom: zxid - 21,
      });
      const gone = await within('gone', raw.nextMessage('gone'));
      expect(gone).toEqual({ type: 'gone', oldestZxid: zxid - 20, currentZxid: zxid });
      // Nothing of what is left of the gap is told, and everything from here on.
      const { zxid: next } = await client.set(place, 'after');
      expect(eventsIn(await within('the next event', raw.nextEvents()))).toEqual([
        { type: 'NodeDataChanged', path: place, zxid: next },
      ]);
      raw.socket.terminate();
    });

    test('one-shot watches need no events: they are compared however long ago', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const { zxid } = await client.sync();
      for (let round = 0; round < 30; round++) await client.set(place, String(round));
      if (door.name === 'REST') {
        // Over HTTP they are replayed as the others are.
        await expectRefusal(client.watch(place, 'data', { from: zxid }), 'EVENTSGONE');
        return;
      }
      const watcher = await client.watch(place, 'data', { from: zxid });
      expect(await within('the event', watcher.next())).toMatchObject({ type: 'NodeDataChanged' });
    });
  },
  smallRing,
);

describeOverRest(
  'an event stream whose position is gone',
  (door) => {
    /** A place with more changes than the ring keeps, and the zxids of the first and the last. */
    async function changed(): Promise<{ place: string; first: number; last: number }> {
      const client = await door.client();
      const place = await door.fresh();
      const { zxid: first } = await client.set(place, 'first');
      let last = first;
      for (let round = 0; round < 30; round++) {
        ({ zxid: last } = await client.set(place, String(round)));
      }
      return { place, first, last };
    }

    test('tells a client that resumes, and goes on from there', async () => {
      const { place, first, last } = await changed();
      const client = await door.client();
      for (const [query, id] of [
        ['', `${first}.0`],
        ['', String(first)],
        [`?from=${first}`, `${first}.0`],
        ['?mode=data', String(first)],
        ['?mode=children', String(first)],
        ['?mode=exists', String(first)],
      ]) {
        const headers = { 'last-event-id': id ?? '' };
        const target = `/watch${encodePath(place)}${query ?? ''}`;
        const stream = await openEventStream(door.url, { target, headers });
        const gone = await within(
          'gone',
          stream.until(() => stream.messages[0]),
        );
        expect(gone?.event).toBe('gone');
        expect(gone?.id).toMatch(/^[0-9]+$/);
        expect(Number(gone?.id)).toBeGreaterThanOrEqual(last);
        expect(gone?.data).toEqual({
          oldestZxid: Number(gone?.id) - 20,
          currentZxid: Number(gone?.id),
        });
        const { zxid } =
          query === '?mode=children'
            ? await client.create(`${place}/child`)
            : await client.set(place, 'next');
        const event = await within(
          'the event',
          stream.until(() => stream.messages.find(({ event: name }) => name.startsWith('Node'))),
        );
        expect(event?.data['zxid']).toBe(zxid);
        stream.close();
      }
    });

    test('sends the present state after it, where the client asks for the initial one', async () => {
      const { place, first } = await changed();
      const headers = { 'last-event-id': String(first) };
      const target = `/watch${encodePath(place)}?initial&with=data`;
      const stream = await openEventStream(door.url, { target, headers });
      await within(
        'both',
        stream.until(() => stream.messages[1]),
      );
      const [gone, state] = stream.messages;
      expect([gone?.event, state?.event]).toEqual(['gone', 'state']);
      expect(state?.data).toMatchObject({ path: place, exists: true, data: '29' });
      stream.close();
    });

    test('refuses a client that names it with from: 410', async () => {
      const { place, first } = await changed();
      const target = `/watch${encodePath(place)}?from=${first}`;
      await expectRefusal(openEventStream(door.url, { target }), 'EVENTSGONE');
    });
  },
  smallRing,
);

describeOverRest('an event stream', (door) => {
  const streamOf = (
    target: string,
    headers: Readonly<Record<string, string>> = {},
  ): ReturnType<typeof openEventStream> =>
    openEventStream(door.url, { target: `/watch${target}`, headers });

  test('tells a proxy not to buffer and a client when to come again', async () => {
    const stream = await streamOf(encodePath(await door.fresh()));
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    await stream.until(() => stream.messages.find(({ event }) => event === 'bookmark'));
    expect(stream.retryMs).toBeGreaterThan(0);
    stream.close();
  });

  test('an event has the zxid and its index as id, the same in its data', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const stream = await streamOf(encodePath(place));
    const { zxid } = await client.multi([
      { op: 'create', path: `${place}/a` },
      { op: 'create', path: `${place}/b` },
    ]);
    await stream.until(() => stream.messages.find(({ id }) => id === `${zxid}.1`));
    const events = stream.messages.filter(({ event }) => event !== 'bookmark');
    expect(events).toEqual(
      ['a', 'b'].map((name, index) => ({
        id: `${zxid}.${index}`,
        event: 'NodeCreated',
        data: { type: 'NodeCreated', path: `${place}/${name}`, zxid },
      })),
    );
    stream.close();
    const resumed = await streamOf(encodePath(place), { 'last-event-id': `${zxid}.0` });
    await resumed.until(() => resumed.messages.find(({ event }) => event === 'NodeCreated'));
    const [rest] = resumed.messages.filter(({ event }) => event !== 'bookmark');
    expect(rest?.id).toBe(`${zxid}.1`);
    resumed.close();
  });

  test('initial gives the state first, so that nothing lies between reading and watching', async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.set(place, 'before');
    const stream = await streamOf(`${encodePath(place)}?initial&with=data&mode=persistent`);
    await stream.until(() => stream.messages[0]);
    const { zxid } = await client.set(place, 'after');
    await stream.until(() => stream.messages.find(({ id }) => id === `${zxid}.0`));
    const [state, change] = stream.messages.filter(({ event }) => event !== 'bookmark');
    expect(state).toMatchObject({ event: 'state', data: { exists: true, data: 'before' } });
    expect(change).toMatchObject({
      event: 'NodeDataChanged',
      data: { data: 'after', stat: { version: 2 }, zxid },
    });
    stream.close();
    const later = await streamOf(`${encodePath(place)}?initial`, { 'last-event-id': String(zxid) });
    await later.until(() => later.messages.find(({ event }) => event === 'bookmark'));
    expect(later.messages.some(({ event }) => event === 'state')).toBe(false);
    later.close();
  });

  test('initial of a missing znode says that there is none', async () => {
    const place = await door.fresh();
    const stream = await streamOf(`${encodePath(place)}/missing?initial`);
    await stream.until(() => stream.messages[0]);
    expect(stream.messages[0]).toMatchObject({
      event: 'state',
      data: { path: `${place}/missing`, exists: false },
    });
    stream.close();
  });

  test('a one-shot one ends after its event, and a client that comes again is told to stop', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const stream = await streamOf(`${encodePath(place)}?mode=data`);
    const { zxid } = await client.set(place, 'x');
    const messages = await within('the end of the stream', stream.end());
    const last = messages.at(-1);
    expect(last).toMatchObject({ event: 'NodeDataChanged', id: `${zxid}.0` });
    const again = await door.http({
      target: `/watch${encodePath(place)}?mode=data`,
      headers: { 'last-event-id': last?.id ?? '' },
    });
    expect(again.status).toBe(204);
  });

  test('the stat and the data of a replayed event are those of its time', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const { zxid: from } = await client.sync();
    await client.set(place, 'one');
    await client.set(place, 'two');
    await client.delete(place);
    const stream = await streamOf(`${encodePath(place)}?mode=persistent&with=data&from=${from}`);
    await stream.until(() => stream.messages.find(({ event }) => event === 'NodeDeleted'));
    const seen = stream.messages
      .filter(({ event }) => event !== 'bookmark')
      .map(({ event, data }) => [
        event,
        data['data'],
        (data['stat'] as { version?: number } | undefined)?.version,
      ]);
    expect(seen).toEqual([
      ['NodeDataChanged', 'one', 1],
      ['NodeDataChanged', 'two', 2],
      ['NodeDeleted', undefined, undefined],
    ]);
    stream.close();
  });

  test('Last-Event-ID wins over from; what it never gave is refused', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const { zxid: from } = await client.set(place, 'one');
    const { zxid } = await client.set(place, 'two');
    const target = `${encodePath(place)}?mode=persistent&from=${from - 1}`;
    const stream = await streamOf(target, { 'last-event-id': `${from}.0` });
    await stream.until(() => stream.messages.find(({ event }) => event === 'NodeDataChanged'));
    const [first] = stream.messages.filter(({ event }) => event !== 'bookmark');
    expect(first?.id).toBe(`${zxid}.0`);
    stream.close();
    const bad = streamOf(target, { 'last-event-id': 'x' });
    await expectRefusal(bad, 'BADARGUMENTS');
  });
});
