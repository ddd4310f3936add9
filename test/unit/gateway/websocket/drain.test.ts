import { describe, expect, it } from 'vitest';
import { openDoor } from './harness.ts';

describe('a drain', () => {
  it('sends idle clients elsewhere at once', async () => {
    const { connect, door } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    expect(door.connections).toBe(1);
    await door.drain(500);
    expect(client.received.at(-1)).toEqual({
      type: 'goaway',
      reason: 'restart',
      retryAfterMs: 500,
    });
    expect(await client.closed).toMatchObject({ code: 1012, reason: 'restart' });
    expect(door.connections).toBe(0);
  });

  it('lets what has been asked be answered, and takes no more', async () => {
    const { connect, door, coordinator } = await openDoor();
    const client = await connect();
    coordinator.scripts.set('delete', () => undefined);
    client.send({ type: 'delete', id: 2, path: '/a' });
    await coordinator.until(() => coordinator.requests('delete').length === 1);
    const drained = door.drain(500);
    client.send({ type: 'create', id: 3, path: '/late' });
    const { stream } = coordinator;
    const id = coordinator.requests('delete')[0]?.id ?? 0;
    coordinator.push({ type: 'result', stream, id, zxid: 121, result: {} });
    await drained;
    expect(client.received.slice(1)).toMatchObject([
      { type: 'result', id: 2, zxid: 121 },
      { type: 'goaway' },
    ]);
    expect(coordinator.requests('create')).toHaveLength(0);
    expect(coordinator.requests('endSession')).toHaveLength(0);
  });

  it('waits for no answer longer than two seconds', async () => {
    const { connect, door, coordinator } = await openDoor();
    const client = await connect();
    coordinator.scripts.set('delete', () => undefined);
    client.send({ type: 'delete', id: 2, path: '/a' });
    await coordinator.until(() => coordinator.requests('delete').length === 1);
    await door.drain(500);
    expect(client.received.slice(1)).toMatchObject([
      { type: 'error', id: 2, problem: { outcome: 'unknown' } },
      { type: 'goaway' },
    ]);
    expect(await client.closed).toMatchObject({ code: 1012 });
  });

  it('ends a connection that has said nothing, and refuses new ones', async () => {
    const { connect, door } = await openDoor();
    const silent = await connect({ connect: false });
    await door.drain(500);
    expect(await silent.closed).toMatchObject({ code: 1012 });
    await expect(connect()).rejects.toMatchObject({ status: 503 });
  });

  it('happens when the app is closed', async () => {
    const { connect, app } = await openDoor();
    const client = await connect();
    await app.close();
    expect(await client.closed).toMatchObject({ code: 1012 });
    expect(client.received.at(-1)).toMatchObject({ type: 'goaway' });
  });
});
