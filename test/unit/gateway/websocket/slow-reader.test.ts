import { describe, expect, it } from 'vitest';
import type { ZnodePath } from '../../../../src/protocol/model.ts';
import { someStat } from '../../../support/fake-stream-coordinator.ts';
import type { FakeStreamCoordinator } from '../../../support/fake-stream-coordinator.ts';
import { openDoor } from './harness.ts';

const path = '/a' as ZnodePath;
const event = { type: 'NodeCreated', path } as const;

/** Events that no kernel buffer swallows. */
function flood(coordinator: FakeStreamCoordinator, stream: number): void {
  const events = Array.from({ length: 2000 }, () => ({
    ...event,
    path: `/${'x'.repeat(500)}` as ZnodePath,
  }));
  for (let zxid = 200; zxid < 216; zxid++) {
    coordinator.push({ type: 'events', stream, zxid, events: [...events] });
  }
}

describe('a reader too slow for its events', () => {
  it('is not read from, its events wait in the ring, until it has caught up', async () => {
    const { connect, coordinator } = await openDoor({
      limits: { unreadAnswerBytesMax: 64 * 1024 * 1024 },
    });
    const client = await connect();
    const { stream } = coordinator;
    client.socket.pause();
    flood(coordinator, stream);
    await coordinator.until((messages) => messages.some(({ type }) => type === 'flow'));
    expect(coordinator.messages.at(-1)).toEqual({ type: 'flow', stream, ready: false });
    client.send({ type: 'get', id: 50, path: '/a' });

    client.socket.resume();
    await coordinator.until(() => coordinator.requests('get').length === 1);
    const flows = coordinator.messages.filter(({ type }) => type === 'flow');
    expect(flows).toMatchObject([{ ready: false }, { ready: true }]);
    const ready = coordinator.messages.findIndex((message) => message === flows[1]);
    const taken = coordinator.messages.findIndex(
      (message) => message.type === 'request' && message.operation.type === 'get',
    );
    expect(taken).toBeGreaterThan(ready);
  });

  it('is alive as long as it catches up', async () => {
    const { connect, coordinator } = await openDoor({
      limits: { unreadAnswerBytesMax: 64 * 1024 * 1024 },
    });
    const client = await connect({ connect: { session: 'new' } });
    client.socket.pause();
    flood(coordinator, coordinator.stream);
    client.socket.resume();
    await coordinator.until((messages) => messages.some(({ type }) => type === 'touch'));
    expect(coordinator.messages.some(({ type }) => type === 'touch')).toBe(true);
  });

  it('does not hold up anybody else', async () => {
    const { connect, coordinator } = await openDoor({
      limits: { unreadAnswerBytesMax: 64 * 1024 * 1024 },
    });
    const slow = await connect();
    slow.socket.pause();
    flood(coordinator, coordinator.stream);
    const other = await connect();
    const answers = await other.requests(
      Array.from({ length: 100 }, () => ({ type: 'get', path })),
    );
    expect(answers.every(({ type }) => type === 'result')).toBe(true);
    slow.socket.terminate();
  });
});

describe('unread answers', () => {
  it('beyond the limit close with 4429 when the reader stands still', async () => {
    const { connect, coordinator } = await openDoor();
    const data = Buffer.alloc(100_000, 'x');
    coordinator.scripts.set('get', () => ({ result: { path, data, stat: someStat } }));
    const client = await connect();
    client.socket.pause();
    for (let id = 2; id < 300; id++) client.send({ type: 'get', id, path: '/a' });
    await coordinator.until((messages) => messages.at(-1)?.type === 'close');
    // Not all are even asked for: what nobody reads is not made.
    expect(coordinator.requests('get').length).toBeLessThan(200);
    client.socket.resume();
    expect(await client.closed).toMatchObject({ code: 4429 });
  });

  it('end with the connection when the reader never reads again', async () => {
    const { connect, coordinator, app, door } = await openDoor();
    const data = Buffer.alloc(100_000, 'x');
    coordinator.scripts.set('get', () => ({ result: { path, data, stat: someStat } }));
    const client = await connect();
    client.socket.pause();
    client.send(Array.from({ length: 300 }, (_, id) => ({ type: 'get', id: id + 2, path: '/a' })));
    await coordinator.until((messages) => messages.at(-1)?.type === 'close');
    await app.close();
    expect(door.connections).toBe(0);
    client.socket.terminate();
  });

  it('of all connections of a client are bounded: the slowest are cut off', async () => {
    const limits = { unreadStreamsBytesPerClientMax: 20_000_000 };
    const { connect, coordinator, door } = await openDoor({ limits });
    // No kernel buffer takes so much.
    const data = Buffer.alloc(6_000_000, 'x');
    coordinator.scripts.set('get', () => ({ result: { path, data, stat: someStat } }));
    const clients = [await connect(), await connect(), await connect(), await connect()];
    for (const [index, client] of clients.entries()) {
      client.socket.pause();
      client.send({ type: 'get', id: 2, path: '/a' });
      await coordinator.until(() => coordinator.requests('get').length === index + 1);
    }
    await expect.poll(() => door.connections).toBe(3);
    for (const client of clients) client.socket.resume();
    expect(await clients[0]?.closed).toMatchObject({ code: 1006 });
    for (const client of clients.slice(1)) {
      expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'result' });
    }
  });

  it('are no fault of a reader that reads, however many it asks for at once', async () => {
    const { connect, coordinator } = await openDoor();
    const data = Buffer.alloc(100_000, 'x');
    coordinator.scripts.set('get', () => ({ result: { path, data, stat: someStat } }));
    const client = await connect({ connect: { batch: true } });
    const answers = await client.requests(
      Array.from({ length: 400 }, () => ({ type: 'get', path })),
    );
    expect(answers).toHaveLength(400);
    expect(answers.every((answer) => answer.type === 'result')).toBe(true);
  });
});

describe('requests that nobody answers', () => {
  it('hold back further ones at the limit of a stream', async () => {
    const { connect, coordinator } = await openDoor({ limits: { streamRequestsMax: 12 } });
    const client = await connect();
    coordinator.scripts.set('delete', () => undefined);
    const answers = client.requests(
      Array.from({ length: 30 }, () => ({ type: 'delete', path: '/a' })),
    );
    await coordinator.until(() => coordinator.requests('delete').length === 10);
    const { stream } = coordinator;
    for (let count = 0; count < 30; count++) {
      const id = coordinator.requests('delete')[count]?.id ?? 0;
      coordinator.push({ type: 'result', stream, id, zxid: 121, result: {} });
      await coordinator.until(() => coordinator.requests('delete').length > Math.min(28, count));
    }
    expect(await answers).toHaveLength(30);
  });

  it('count for a number of bytes however small they are, so that their number is bounded', async () => {
    const limits = { frameBytesPerClientMax: 2560 };
    const { connect, coordinator } = await openDoor({ limits });
    coordinator.scripts.set('delete', () => undefined);
    const clients = [await connect(), await connect()];
    for (const client of clients) {
      for (let id = 2; id < 22; id++) client.send({ type: 'delete', id, path: '/a' });
    }
    for (const client of clients) client.send({ type: 'get', id: 22, path: '/a' });
    // Ten fill the share, and behind it each connection still has one under way.
    await coordinator.until(() => coordinator.requests('delete').length >= 11);
    expect(coordinator.requests('delete').length).toBeLessThanOrEqual(12);
    expect(coordinator.requests('get')).toHaveLength(0);
  });

  it('hold back others when all of them together are too many bytes', async () => {
    const { connect, coordinator } = await openDoor({
      limits: { outstandingBytesMax: 10_000, transactionBytesMax: 5000, znodeDataBytesMax: 5000 },
    });
    coordinator.scripts.set('put', () => undefined);
    const client = await connect();
    const put = { type: 'put', path: '/a', data: 'x'.repeat(4000) };
    for (let id = 2; id < 8; id++) client.send({ ...put, id });
    await coordinator.until(() => coordinator.requests('put').length === 2);
    const small = await connect();
    expect(await small.ask({ type: 'get', path: '/a' })).toMatchObject({ type: 'result' });
    expect(coordinator.requests('put')).toHaveLength(2);

    const { stream } = coordinator.requests('put')[0] ?? { stream: 0 };
    for (let index = 0; index < 6; index++) {
      await coordinator.until(() => coordinator.requests('put').length > index);
      const id = coordinator.requests('put')[index]?.id ?? 0;
      const result = { path, created: false, stat: someStat };
      coordinator.push({ type: 'result', stream, id, zxid: 121, result });
    }
    expect(coordinator.requests('put')).toHaveLength(6);
  });
});
