import { describe, expect, it } from 'vitest';
import type { EventsAnswer } from '../../../../src/gateway/coordinator.ts';
import { eventsFrame, eventsText } from '../../../../src/gateway/websocket/events.ts';
import type { ZnodePath } from '../../../../src/protocol/model.ts';
import { openDoor } from './harness.ts';

const path = '/tasks/x"y' as ZnodePath;
const events = [
  { type: 'NodeCreated', path },
  { type: 'NodeChildrenChanged', path: '/tasks' as ZnodePath },
] as const;

describe('events', () => {
  it('of one zxid are one message', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    coordinator.push({ type: 'events', stream: coordinator.stream, zxid: 122, events });
    expect(await client.nextEvents()).toEqual({ type: 'events', zxid: 122, events });
  });

  it('reach every stream, framed once', async () => {
    const { connect, coordinator } = await openDoor();
    const clients = [await connect(), await connect({ connect: { batch: true } })];
    const streams = coordinator.messages.filter((message) => message.type === 'open');
    const answers = streams.map(({ stream }): EventsAnswer => ({
      type: 'events',
      stream,
      zxid: 122,
      events,
    }));
    coordinator.push(...answers);
    for (const client of clients) {
      expect(await client.nextEvents()).toEqual({ type: 'events', zxid: 122, events });
    }
    const frames = answers.map(eventsFrame);
    expect(frames[1]).toBe(frames[0]);
  });

  it('are written anew for another zxid', () => {
    const answer: EventsAnswer = { type: 'events', stream: 1, zxid: 122, events };
    const first = eventsText(answer);
    expect(JSON.parse(eventsText({ ...answer, zxid: 123 }))).toMatchObject({ zxid: 123 });
    expect(JSON.parse(first)).toEqual({ type: 'events', zxid: 122, events });
  });

  it('that are gone are told', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    const { stream } = coordinator;
    coordinator.push({ type: 'gone', stream, oldestZxid: 90_000, currentZxid: 200_000 });
    expect(await client.nextMessage()).toEqual({
      type: 'gone',
      oldestZxid: 90_000,
      currentZxid: 200_000,
    });
  });
});

describe('heartbeats', () => {
  it('come every third of the timeout, as a ping and a bookmark', async () => {
    const { connect, coordinator } = await openDoor();
    let pings = 0;
    const client = await connect({ connect: { session: 'new', timeoutMs: 300 } });
    client.socket.on('ping', () => pings++);
    coordinator.zxid = 130;
    expect(client.connected).toMatchObject({ heartbeatMs: 100 });
    expect(await client.nextMessage('bookmark')).toEqual({ type: 'bookmark', zxid: 130 });
    coordinator.zxid = 131;
    expect(await client.nextMessage('bookmark')).toEqual({ type: 'bookmark', zxid: 131 });
    expect(pings).toBeGreaterThanOrEqual(2);
  });

  it('ask for a bookmark in the order of the stream, one at a time', async () => {
    const { connect, coordinator } = await openDoor();
    coordinator.scripts.set('ping', () => undefined);
    let pings = 0;
    const client = await connect({ connect: { session: 'new', timeoutMs: 300 } });
    const thirdPing = new Promise<void>((resolve) => {
      client.socket.on('ping', () => {
        if (++pings === 3) resolve();
      });
    });
    await thirdPing;
    // A question of the door's own says nothing of whether the client lives.
    expect(coordinator.requests('ping')).toMatchObject([{ unprompted: true }]);
  });

  it.each(['ping', 'pong'] as const)('a %s of the client keeps the session alive', async (kind) => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    client.socket[kind]();
    await coordinator.until((messages) => messages.some(({ type }) => type === 'touch'));
    expect(coordinator.messages.at(-1)).toEqual({ type: 'touch', stream: coordinator.stream });
  });

  it('of a connection without a session touch none', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    client.socket.pong();
    await client.ask({ type: 'ping' });
    expect(coordinator.messages.filter(({ type }) => type === 'touch')).toHaveLength(0);
  });
});
