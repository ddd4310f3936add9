/** One request of a connection at a time: what stands behind it, and what is answered to whom. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode, MemoryNodeOptions } from '../../../support/memory-node.ts';
import { openRaw, requestText, statusesIn } from '../../../support/raw-client.ts';
import { httpClient } from '../../../support/http-client.ts';
import { until } from '../../../support/waiting.ts';

const KIB = 1024;
const poll = (path: string, wait: string) =>
  requestText(`GET /znodes${path}?wait=${wait}&until=exists`);
const put = (path: string) => requestText(`PUT /znodes${path}`, [], 'x');

let node: MemoryNode;

async function start(options: MemoryNodeOptions = {}): Promise<void> {
  await node.close();
  node = await startMemoryNode(options);
}

const counts = () => node.parts.connections.counts;
const streams = () => node.parts.router.streamCount;
const untilStreams = (count: number) =>
  until(`${count} streams`, () => (streams() === count ? count : undefined));

beforeEach(async () => {
  node = await startMemoryNode();
});

afterEach(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

describe('requests behind one that is executed', () => {
  it('are not begun before it is answered', async () => {
    const client = await openRaw(node.url, poll('/a', '60s') + put('/b') + put('/c'));
    await untilStreams(1);
    const http = httpClient(node.url);
    expect((await http('GET', '/znodes/b')).status).toBe(404);
    await http('PUT', '/znodes/a');
    const text = await client.receives(/HTTP[^]*HTTP[^]*HTTP[^]*\r\n\r\n/);
    expect(statusesIn(text)).toEqual([200, 201, 201]);
    client.socket.destroy();
  });

  it('are answered in order, bodies and expectations among them', async () => {
    const expecting = requestText('PUT /znodes/e', ['Expect: 100-continue'], 'y');
    const client = await openRaw(
      node.url,
      `${poll('/a', '50ms')}${expecting}${requestText('GET /znodes/e')}${put('/e')}`,
    );
    const text = await client.receives(/ 200 OK[^]* 200 OK/);
    expect(statusesIn(text)).toEqual([404, 100, 201, 200, 200]);
    client.socket.destroy();
  });

  it('many of them at once are each executed once', async () => {
    const many = Array.from({ length: 300 }, (_, index) => put(`/m${index}`)).join('');
    const client = await openRaw(node.url, many);
    await until('all answers', () =>
      statusesIn(client.received).length === 300 ? true : undefined,
    );
    expect(statusesIn(client.received)).toEqual(Array.from({ length: 300 }, () => 201));
    client.socket.destroy();
  });

  it('wait unread, up to a limit', async () => {
    await start({ limits: { connectionWaitingBytesMax: 8 * KIB } });
    const client = await openRaw(node.url, poll('/a', '60s') + put('/b').repeat(100_000));
    await until('waiting bytes', () => (counts().waitingBytes > 8 * KIB ? true : undefined));
    // One read of the socket may go beyond it, and one that Node itself asks for.
    expect(counts().waitingBytes).toBeLessThan(8 * KIB + 3 * 64 * KIB);
    client.socket.destroy();
    // Nothing reads a connection that is full, so the wait must not go on for long.
    await untilStreams(0);
    await until('no waiting bytes', () => (counts().waitingBytes === 0 ? true : undefined));
  });

  it('are never begun where all together would take too much memory', async () => {
    await start({ limits: { waitingBytesMax: KIB } });
    const client = await openRaw(node.url, poll('/a', '100ms') + put('/b').repeat(100));
    expect(statusesIn(await client.closed)).toEqual([404]);
    expect(client.received).toMatch(/\r\nConnection: close\r\n/);
    expect((await httpClient(node.url)('GET', '/znodes/b')).status).toBe(404);
    expect(counts().waitingBytes).toBe(0);
  });

  it('a WebSocket among them is opened in its turn', async () => {
    const upgrade = requestText('GET /ws', [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]);
    const client = await openRaw(node.url, poll('/a', '50ms') + upgrade);
    const text = await client.receives(/ 101 /);
    expect(statusesIn(text)).toEqual([404, 101]);
    expect([counts().connections, node.parts.webSocket.connections]).toEqual([0, 1]);
    client.socket.destroy();
  });

  it('a tunnel among them is refused in its turn', async () => {
    const connect = 'CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n';
    const client = await openRaw(node.url, put('/a') + connect);
    client.socket.end();
    expect(statusesIn(await client.closed)).toEqual([201, 405]);
    expect(client.received).toContain('Allow: ');
  });

  it('event streams end with their connection, and their watches', async () => {
    const watch = requestText('GET /watch/a');
    for (const end of ['destroy', 'resetAndDestroy'] as const) {
      const client = await openRaw(node.url, watch.repeat(500));
      await client.receives(/retry: /);
      expect(streams()).toBe(1);
      client.socket[end]();
      await untilStreams(0);
      expect(node.replica.metrics()).toMatchObject({ watches: 0, streams: 0 });
    }
  });
});

describe('what a connection reads', () => {
  const large = 'x'.repeat(1000 * KIB);

  it('is one answer at a time, however many were asked for', async () => {
    await httpClient(node.url)('PUT', '/znodes/large', { body: large });
    const client = await openRaw(node.url);
    client.socket.pause();
    client.socket.write(requestText('GET /znodes/large').repeat(1000));
    await until('an answer unread', () => (counts().unreadBytes > 0 ? true : undefined));
    expect(counts().unreadBytes).toBeLessThan(2 * large.length);
    client.socket.destroy();
    await until('nothing unread', () => (counts().unreadBytes === 0 ? true : undefined));
  });

  it('nothing of for too long ends it', async () => {
    await start({ limits: { answerStallMs: 200 } });
    await httpClient(node.url)('PUT', '/znodes/large', { body: large });
    const stalled = await openRaw(node.url);
    stalled.socket.pause();
    // What the system itself takes of an answer differs; the second one is beyond it.
    stalled.socket.write(requestText('GET /znodes/large').repeat(50));
    await until('given up', () => (counts().readersGivenUp === 1 ? true : undefined));
    await expect.poll(counts).toMatchObject({ connections: 0, unreadBytes: 0 });
    stalled.socket.destroy();
  });

  it('of an event stream may wait: its reader has a place in the ring', async () => {
    await start({ limits: { answerStallMs: 100, socketHighWaterBytes: 32 * KIB } });
    const http = httpClient(node.url);
    const reader = await openRaw(node.url, requestText('GET /watch/s?with=data'));
    await reader.receives(/retry: /);
    reader.socket.pause();
    for (let index = 0; index < 12; index++) await http('PUT', '/znodes/s', { body: large });
    const events = () => reader.received.match(/event: Node/g)?.length ?? 0;
    expect(events()).toBeLessThan(12);
    reader.socket.resume();
    await until('all events', () => (events() === 12 ? true : undefined));
    expect(counts().readersGivenUp).toBe(0);
    reader.socket.destroy();
  });

  it('too much of all together cuts off those who have stood still for longest', async () => {
    const limits = { unreadAnswersBytesMax: 2500 * KIB, answerBytesMax: 1024 * KIB };
    await start({ limits });
    await httpClient(node.url)('PUT', '/znodes/large', { body: large });
    const stalled = async () => {
      const client = await openRaw(node.url);
      client.socket.pause();
      client.socket.write(requestText('GET /znodes/large').repeat(50));
      return client;
    };
    const clients = [];
    while (counts().readersGivenUp === 0 && clients.length < 50) clients.push(await stalled());
    await until('one given up', () => (counts().readersGivenUp > 0 ? true : undefined));
    expect(counts().unreadBytes).toBeLessThanOrEqual(limits.unreadAnswersBytesMax);
    for (const { socket } of clients) socket.destroy();
  });

  describe('of one client beyond its share', () => {
    const limits = { unreadAnswersBytesPerClientMax: 2500 * KIB, answerBytesMax: 1024 * KIB };
    const stalled = async (from: string) => {
      const client = await openRaw(node.url, '', from);
      client.socket.pause();
      client.socket.write(requestText('GET /znodes/large').repeat(50));
      return client;
    };
    /** Many of one client behind one of another, which has stood still for longer. */
    async function manyBehindOne(most: number): Promise<void> {
      await httpClient(node.url)('PUT', '/znodes/large', { body: large });
      const clients = [await stalled('127.0.0.2')];
      await until('an unread answer', () => (counts().unreadBytes > 0 ? true : undefined));
      // Of each one answer waits, of which the system may have taken a part.
      while (counts().readersGivenUp === 0 && clients.length < most)
        clients.push(await stalled('127.0.0.1'));
      opened.push(...clients);
    }
    const opened: Awaited<ReturnType<typeof openRaw>>[] = [];
    afterEach(() => {
      for (const { socket } of opened.splice(0)) socket.destroy();
    });

    it('cuts its own readers off, not those of another that have stood still for longer', async () => {
      await start({ limits });
      await manyBehindOne(50);
      await until('one given up', () => (counts().readersGivenUp > 0 ? true : undefined));
      const [other] = opened;
      other?.socket.resume();
      await until('all answers of the other', () =>
        statusesIn(other?.received ?? '').length === 50 ? true : undefined,
      );
      for (const { socket } of opened) socket.destroy();
      await until('no readers', () => (counts().unreadClients === 0 ? true : undefined));
      expect(counts().unreadBytes).toBe(0);
    });

    it('is nobody behind a proxy, whose connections are of many', async () => {
      await start({ limits, settings: { trustProxy: true } });
      await manyBehindOne(8);
      await until('all unread', () =>
        counts().unreadBytes > limits.unreadAnswersBytesPerClientMax ? true : undefined,
      );
      expect(counts()).toMatchObject({ readersGivenUp: 0, unreadClients: 0 });
    });
  });
});
