/**
 * A client that does not read: its events wait in the ring and are sent at its pace, nobody else is
 * delayed, nothing is lost, and only what has fallen off the ring is said to be gone.
 */
import { expect, test } from 'vitest';
import type { Client, SeenEvent } from './client.ts';
import { eventually, within } from './deadline.ts';
import { describeOverRest, describeOverWebSocket } from './doors.ts';
import type { Door } from './doors.ts';
import { openEventStream } from './event-stream.ts';
import { encodePath } from './http.ts';
import { ask, connectTo, eventsIn } from './websocket-client.ts';

/** Long names make large events: what the kernel buffers for a reader holds thousands of small ones. */
const longName = 'x'.repeat(3000);
const nodes = 10;

/** Transactions whose events together are larger than what two kernels keep for a connection. */
const transactions = 160;

/** Without a session, a client that neither reads nor answers pings is given up after three of them. */
const patient = { bookmarkIntervalMs: 15_000, socketHighWaterBytes: 16 * 1024 };

/** A place with some znodes of long names. */
async function longPlace(door: Door, client: Client): Promise<string> {
  const place = await door.fresh();
  await client.multi(
    Array.from({ length: nodes }, (_, index) => ({
      ...({ op: 'create', path: `${place}/${longName}${index}` } as const),
    })),
  );
  return place;
}

/** Changes every znode of the place many times. @returns the zxids */
async function changeAll(client: Client, place: string, times: number): Promise<number[]> {
  const zxids: number[] = [];
  for (let round = 0; round < times; round++) {
    const operations = Array.from({ length: 30 }, (_, step) => ({
      ...({ op: 'set', path: `${place}/${longName}${step % nodes}`, data: String(round) } as const),
    }));
    zxids.push((await client.multi(operations)).zxid);
  }
  return zxids;
}

function complete(seen: readonly SeenEvent[], zxids: readonly number[]): void {
  expect(seen.map(({ zxid }) => zxid)).toEqual(
    zxids.flatMap((zxid) => Array.from({ length: 30 }, () => zxid)),
  );
  const names = seen.slice(0, 30).map(({ path }) => path.at(-1));
  expect(names.join('')).toBe('012345678901234567890123456789');
}

describeOverWebSocket(
  'reads behind a write',
  (door) => {
    test('are not all answered into memory when the write is done', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const path = `${place}/large`;
      await client.put(path, 'x'.repeat(200_000));
      const greedy = await connectTo(door.url);
      greedy.socket.pause();
      const { maxRSS: before } = process.resourceUsage();
      greedy.send([
        { type: 'create', id: 1, path: `${place}/made` },
        ...Array.from({ length: 999 }, (_, index) => ({ type: 'get', id: 2 + index, path })),
      ]);
      await eventually('the write', async () => {
        const { children } = await client.children(place);
        return children.includes('made') ? true : undefined;
      });
      await client.sync();
      // The answers are 200 MB; a mebibyte of them may wait for the reader.
      const growthMiB = (process.resourceUsage().maxRSS - before) / 1024;
      expect(growthMiB).toBeLessThan(150);
      greedy.socket.terminate();
    });
  },
  { limits: patient },
);

describeOverWebSocket(
  'a connection that does not read',
  (door) => {
    test('leaves its events in the ring, delays nobody, and gets all of them in the end', async () => {
      const writer = await door.client();
      const place = await longPlace(door, writer);
      const slow = await connectTo(door.url);
      const fast = await writer.watch(place, 'persistent-recursive');
      await ask(slow, { type: 'watch', path: place, mode: 'persistent-recursive' });
      const sentBefore = door.node.replica.metrics().eventsSent;
      slow.socket.pause();
      const zxids = await changeAll(writer, place, transactions);
      const all = zxids.length * 30;
      expect(await fast.upTo(zxids.at(-1) ?? 0)).toHaveLength(all);
      // The other one has got everything; of the slow one's most is still no more than a cursor.
      const { eventsSent, streamsLagging } = door.node.replica.metrics();
      expect(streamsLagging).toBe(1);
      expect(eventsSent - sentBefore - all).toBeLessThan(all / 2);
      slow.socket.resume();
      await within('the answer behind all events', ask(slow, { type: 'ping' }), 15_000);
      complete(slow.received.filter(({ type }) => type === 'events').flatMap(eventsIn), zxids);
      await eventually('the end of the lag', () =>
        door.node.replica.metrics().streamsLagging === 0 ? true : undefined,
      );
      const { zxid } = await writer.set(place, 'x');
      expect(eventsIn(await within('the next event', slow.nextMessage('events')))).toBeDefined();
      await ask(slow, { type: 'ping' });
      expect(slow.received.some((message) => message['zxid'] === zxid)).toBe(true);
      slow.socket.terminate();
    });

    test('events stand before the answers of its own pipelined reads all the same', async () => {
      const writer = await door.client();
      const place = await longPlace(door, writer);
      const slow = await connectTo(door.url);
      await ask(slow, { type: 'watch', path: place, mode: 'persistent-recursive' });
      slow.socket.pause();
      const path = `${place}/${longName}0`;
      const reads: Promise<unknown>[] = [];
      for (let batch = 0; batch < 20; batch++) {
        await changeAll(writer, place, 10);
        reads.push(ask(slow, { type: 'get', path }));
      }
      slow.socket.resume();
      await within('the answers', Promise.all(reads), 15_000);
      let told = 0;
      for (const message of slow.received) {
        const zxid = message['zxid'] as number;
        if (message.type === 'events') told = zxid;
        const stat = message['stat'] as { mzxid: number } | undefined;
        if (stat !== undefined) expect(stat.mzxid).toBeLessThanOrEqual(told);
      }
      expect(told).toBeGreaterThan(0);
      slow.socket.terminate();
    });
  },
  { limits: patient },
);

describeOverWebSocket(
  'a connection that falls off the ring',
  (door) => {
    test('is told that events are gone, and gets what comes then', async () => {
      const writer = await door.client();
      const place = await longPlace(door, writer);
      const slow = await connectTo(door.url);
      await ask(slow, { type: 'watch', path: place, mode: 'persistent-recursive' });
      slow.socket.pause();
      const zxids = await changeAll(writer, place, transactions);
      slow.socket.resume();
      const gone = await within('gone', slow.nextMessage('gone'), 15_000);
      await ask(slow, { type: 'ping' });
      const last = zxids.at(-1);
      expect(gone).toMatchObject({ currentZxid: last });
      expect(gone['oldestZxid']).toBeGreaterThan(zxids[0] ?? 0);
      expect(gone['oldestZxid']).toBeLessThan(last ?? 0);
      const types = slow.received.map(({ type }) => type);
      expect(types.filter((type) => type === 'gone')).toHaveLength(1);
      // What it was told before is a beginning without holes.
      const told = slow.received
        .slice(0, types.indexOf('gone'))
        .filter(({ type }) => type === 'events')
        .map((message) => message['zxid']);
      expect(told).toEqual(zxids.slice(0, told.length));
      expect(told.length).toBeLessThan(zxids.length);
      const after = await changeAll(writer, place, 2);
      await ask(slow, { type: 'ping' });
      const events = slow.received
        .slice(types.indexOf('gone'))
        .filter(({ type }) => type === 'events');
      expect(events.map((message) => message['zxid'])).toEqual(after);
      slow.socket.terminate();
    });

    test('a node that has little to keep serves others as before', async () => {
      const client = await door.client();
      const place = await longPlace(door, client);
      const watcher = await client.watch(place, 'persistent-recursive');
      const zxids = await changeAll(client, place, 20);
      complete(await watcher.upTo(zxids.at(-1) ?? 0), zxids);
    });
  },
  { limits: { ...patient, ringBytesMax: 256 * 1024 } },
);

describeOverWebSocket(
  'answers that nobody reads',
  (door) => {
    test('hold up what the client asks, and close its connection when they are too many', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const path = `${place}/large`;
      await client.put(path, 'x'.repeat(20_000));
      const greedy = await connectTo(door.url);
      const streams = door.node.replica.metrics().streams;
      greedy.socket.pause();
      for (let index = 0; index < 2000; index++) {
        greedy.send([
          { type: 'get', id: 10_000 + index, path },
          { type: 'create', id: 20_000 + index, path: `${place}/n-`, sequential: true },
        ]);
      }
      await eventually('the end of its stream', () =>
        door.node.replica.metrics().streams < streams ? true : undefined,
      );
      // What is in the log or forwarded by then is taken, though the disk or the leader may still be at it.
      await eventually('the end of what is under way', () => {
        const { forwardedRequests, outstandingTransactions } = door.node.replica.metrics();
        return forwardedRequests + outstandingTransactions === 0 ? true : undefined;
      });
      // Others are served, and what the node has not taken by then does not happen later.
      const made = (await client.children(place)).children.length;
      greedy.socket.resume();
      expect((await within('the end', greedy.closed)).code).toBe(4429);
      expect((await client.children(place)).children).toHaveLength(made);
    });

    test('are no fault of a reader that is slow and moves', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const path = `${place}/large`;
      await client.put(path, 'x'.repeat(20_000));
      const slow = await connectTo(door.url);
      const answers = Array.from({ length: 1500 }, () =>
        ask<{ data: string }>(slow, { type: 'get', path }),
      );
      for (let index = 0; index < 15; index++) {
        slow.socket.pause();
        await client.get(path);
        slow.socket.resume();
        await answers[index * 100];
      }
      const read = await within('all answers', Promise.all(answers), 15_000);
      expect(read.every(({ data }) => data.length === 20_000)).toBe(true);
      slow.socket.terminate();
    });
  },
  { limits: { ...patient, unreadAnswerBytesMax: 256 * 1024 } },
);

describeOverRest(
  'an event stream that is not read',
  (door) => {
    test('gets all of its events in the end', async () => {
      const writer = await door.client();
      const place = await longPlace(door, writer);
      const slow = await openEventStream(door.url, { target: `/watch${encodePath(place)}` });
      slow.response.pause();
      const zxids = await changeAll(writer, place, transactions);
      expect(door.node.replica.metrics().streamsLagging).toBe(1);
      slow.response.resume();
      const last = zxids.at(-1) ?? 0;
      const end = slow.until(() => slow.messages.find(({ id }) => id === `${last}.29`));
      await within('the last event', end, 15_000);
      const events = slow.messages.filter(({ event }) => event === 'NodeDataChanged');
      complete(
        events.map(({ data }) => data as unknown as SeenEvent),
        zxids,
      );
      slow.close();
    });
  },
  { limits: patient },
);

describeOverRest(
  'an event stream that falls off the ring',
  (door) => {
    test('ends with `gone`, and comes back from there', async () => {
      const writer = await door.client();
      const place = await longPlace(door, writer);
      const target = `/watch${encodePath(place)}`;
      const slow = await openEventStream(door.url, { target });
      slow.response.pause();
      const zxids = await changeAll(writer, place, transactions);
      slow.response.resume();
      const messages = await within('the end of the stream', slow.end(), 15_000);
      const gone = messages.at(-1);
      expect(gone).toMatchObject({ event: 'gone', id: String(zxids.at(-1)) });
      expect(gone?.data).toMatchObject({ currentZxid: zxids.at(-1) });
      const told = messages.filter(({ event }) => event === 'NodeDataChanged');
      const toldZxids = [...new Set(told.map(({ data }) => data['zxid']))];
      expect(toldZxids).toEqual(zxids.slice(0, toldZxids.length));
      const from = String(gone?.data['oldestZxid']);
      const again = await openEventStream(door.url, { target: `${target}?from=${from}` });
      const first = await again.until(() => again.messages.find(({ id }) => id?.includes('.')));
      expect(first?.data['zxid']).toBe(Number(from) + 1);
      again.close();
    });
  },
  { limits: { ...patient, ringBytesMax: 256 * 1024 } },
);
