import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../../src/protocol/errors.ts';
import type { FakeStreamCoordinator } from '../../../support/fake-stream-coordinator.ts';
import { openDoor } from './harness.ts';

describe('close code 4400: a bad message', () => {
  it.each([
    ['no JSON', '{"type":'],
    ['no object', '5'],
    ['null', 'null'],
    ['no id', '{"type":"get","path":"/a"}'],
    ['an id that is no integer', '{"type":"get","id":1.5,"path":"/a"}'],
    ['an id beyond 2^53', '{"type":"get","id":9007199254740993,"path":"/a"}'],
    ['a second connect', '{"type":"connect","id":9}'],
    ['a binary frame that is no UTF-8', Buffer.from([0xff, 0xfe])],
    ['a nested array', '[[]]'],
    ['what nests too deep', `${'['.repeat(65)}${']'.repeat(65)}`],
  ])('%s', async (_name, frame) => {
    const { connect } = await openDoor();
    const client = await connect();
    client.send(frame);
    expect(await client.closed).toMatchObject({ code: 4400, reason: 'bad message' });
    expect(client.received.at(-1)).toMatchObject({
      type: 'error',
      zxid: 120,
      problem: { status: 400, outcome: 'not-applied' },
    });
  });

  it('a text frame that is no UTF-8', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    client.socket.send(Buffer.from([0x7b, 0xff]), { binary: false });
    expect(await client.closed).toMatchObject({ code: 4400 });
  });

  it.each([
    ['anything before connect', '{"type":"get","id":7,"path":"/a"}', 7],
    ['an unknown type before connect', '{"type":"got","id":7}', 7],
    ['no JSON before connect', 'hello', null],
  ])('%s', async (_name, frame, id) => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: false });
    client.send(frame);
    expect(await client.closed).toMatchObject({ code: 4400 });
    expect(client.received).toMatchObject([{ type: 'error', id }]);
    expect(coordinator.batches).toHaveLength(0);
  });

  it('takes a binary frame that holds a message', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    client.send(Buffer.from('{"type":"ping","id":9}'));
    expect(await client.ask({ type: 'ping', id: 10 })).toMatchObject({ type: 'result' });
    expect(client.received[1]).toMatchObject({ type: 'result', id: 9 });
  });

  it('answers first what was asked before, and takes nothing behind', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    client.send([
      { type: 'get', id: 2, path: '/a' },
      { type: 'get', path: '/no-id' },
      { type: 'delete', id: 4, path: '/a' },
    ]);
    expect(await client.closed).toMatchObject({ code: 4400 });
    expect(client.received.slice(1)).toMatchObject([
      { type: 'result', id: 2 },
      { type: 'error', id: null },
    ]);
    expect(coordinator.requests('delete')).toHaveLength(0);
  });
});

describe('close code 4401: not authenticated', () => {
  it.each([
    ['a token of another form', { session: 'nonsense' }],
    ['an unknown scheme', { auth: [{ scheme: 'kerberos', credential: 'x' }] }],
    ['a credential without a colon', { auth: [{ scheme: 'digest', credential: 'ann' }] }],
  ])('%s in connect', async (_name, fields) => {
    const { connect } = await openDoor();
    const client = await connect({ connect: false });
    client.send({ type: 'connect', id: 1, ...fields });
    expect(await client.closed).toMatchObject({ code: 4401 });
    expect(client.received).toMatchObject([{ type: 'error', problem: { code: 'AUTHFAILED' } }]);
  });

  it('a refused auth, and nothing behind it is taken', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    client.send([
      { type: 'auth', id: 2, scheme: 'digest', credential: 'ann' },
      { type: 'create', id: 3, path: '/a' },
    ]);
    expect(await client.closed).toMatchObject({ code: 4401 });
    expect(client.received.at(-1)).toMatchObject({ id: 2, problem: { code: 'AUTHFAILED' } });
    expect(coordinator.requests('create')).toHaveLength(0);
  });
});

describe('why an attach is refused', () => {
  it.each<[ErrorCode, number]>([
    ['SESSIONEXPIRED', 4410],
    ['AUTHFAILED', 4401],
    ['BEHIND', 4503],
    ['CONNECTIONLOSS', 4503],
    ['THROTTLEDOP', 4429],
    ['QUOTAEXCEEDED', 4429],
  ])('%s closes with %d', async (code, closeCode) => {
    const { connect, coordinator } = await openDoor();
    coordinator.scripts.set('attach', () => ({ error: { code, detail: 'no' } }));
    const client = await connect({ connect: false });
    client.send({ type: 'connect', id: 1, session: '7:x' });
    expect(await client.closed).toMatchObject({ code: closeCode });
    expect(client.received).toMatchObject([{ type: 'error', id: 1, problem: { code } }]);
  });

  it('too many streams close with 4429', async () => {
    const { connect } = await openDoor({ limits: { streamsMax: 2 } });
    await connect();
    const second = await connect();
    await second.close();
    const third = await connect();
    const fourth = connect();
    await expect(fourth).rejects.toMatchObject({ status: 429 });
    expect(third.connected).toMatchObject({ type: 'connected' });
  });
});

describe('the session', () => {
  it('that moved closes with 4409 and not a word more', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    coordinator.push({ type: 'session', stream: coordinator.stream, state: 'moved' });
    expect(await client.closed).toMatchObject({ code: 4409 });
    expect(client.received).toHaveLength(1);
  });

  it('that expired is told and closes with 4410', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    coordinator.push({ type: 'session', stream: coordinator.stream, state: 'expired' });
    expect(await client.closed).toMatchObject({ code: 4410 });
    expect(client.received.at(-1)).toEqual({ type: 'session', state: 'expired' });
  });
});

describe('a node without a leader', () => {
  const told = (coordinator: FakeStreamCoordinator, state: 'suspended' | 'connected') => {
    coordinator.push({ type: 'session', stream: coordinator.stream, state });
  };

  it.each(['new', undefined])('says so and goes on, with the session %s', async (session) => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: session === undefined ? {} : { session } });
    told(coordinator, 'suspended');
    told(coordinator, 'connected');
    await client.ask({ type: 'ping' });
    expect(client.received.slice(1, 3)).toEqual([
      { type: 'session', state: 'suspended' },
      { type: 'session', state: 'connected' },
    ]);
  });

  it('closes with 4503 when the stream ends, and answers what has no answer', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    coordinator.scripts.set('sync', () => undefined);
    client.send({ type: 'sync', id: 7 });
    await coordinator.until(() => coordinator.requests('sync').length === 1);
    told(coordinator, 'suspended');
    const error = { code: 'CONNECTIONLOSS', detail: 'it may have ended' } as const;
    const { stream, zxid } = coordinator;
    coordinator.push({ type: 'error', stream, id: 0, zxid, error, ends: true });
    expect(await client.closed).toMatchObject({ code: 4503 });
    expect(client.received.slice(1)).toMatchObject([
      { type: 'session', state: 'suspended' },
      { type: 'error', id: 7 },
    ]);
  });

  it('lets a client go that has no session, though it answers no ping', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    told(coordinator, 'suspended');
    coordinator.scripts.set('ping', () => ({
      error: { code: 'CONNECTIONLOSS', detail: 'no leader' },
    }));
    await expect(client.request({ type: 'ping' })).rejects.toMatchObject({
      code: 'CONNECTIONLOSS',
    });
    expect(await client.ask({ type: 'close' })).toMatchObject({ type: 'result' });
    expect(await client.closed).toMatchObject({ code: 1000 });
  });
});

describe('close', () => {
  it('ends the session, is answered, then closes with 1000', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    client.send([
      { type: 'close', id: 2 },
      { type: 'create', id: 3, path: '/late' },
    ]);
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.received.at(-1)).toEqual({ type: 'result', id: 2, zxid: 120 });
    expect(coordinator.requests('endSession')).toHaveLength(1);
    expect(coordinator.requests('create')).toHaveLength(0);
    await coordinator.until((messages) => messages.at(-1)?.type === 'close');
  });

  it('needs no session', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    expect(await client.ask({ type: 'close' })).toMatchObject({ type: 'result' });
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(coordinator.requests('endSession')).toHaveLength(0);
  });

  it('that fails lets the conversation go on', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    coordinator.scripts.set('endSession', () => ({
      error: { code: 'BADARGUMENTS', detail: 'no' },
    }));
    const [refused, next] = await client.requests([{ type: 'close' }, { type: 'get', path: '/a' }]);
    expect(refused).toMatchObject({ type: 'error' });
    expect(next).toMatchObject({ type: 'result' });
  });
});

describe('an uncertain outcome', () => {
  it('ends the stream with 4503, everything behind it not applied', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    coordinator.scripts.set('set', () => undefined);
    const answers = client.requests([
      { type: 'set', path: '/a' },
      { type: 'set', path: '/b' },
    ]);
    await coordinator.until(() => coordinator.requests('set').length === 2);
    const { stream } = coordinator;
    const [first, second] = coordinator.requests('set').map(({ id }) => id);
    coordinator.push(
      {
        ...{ type: 'error', stream, id: first ?? 0, zxid: 121 },
        error: { code: 'OPERATIONTIMEOUT', detail: 'no commit' },
      },
      {
        ...{ type: 'error', stream, id: second ?? 0, zxid: 121, ends: true },
        error: { code: 'CONNECTIONLOSS', detail: 'not taken' },
      },
    );
    expect(await answers).toMatchObject([
      { problem: { code: 'OPERATIONTIMEOUT', outcome: 'unknown', status: 504 } },
      { problem: { code: 'CONNECTIONLOSS', outcome: 'not-applied' } },
    ]);
    expect(await client.closed).toMatchObject({ code: 4503 });
  });

  it('answers what the coordinator has not, and what it was never asked', async () => {
    const { connect, coordinator } = await openDoor({ limits: { streamRequestsMax: 4 } });
    const client = await connect();
    coordinator.scripts.set('set', () => undefined);
    const answers = client.requests([1, 2, 3].map(() => ({ type: 'set', path: '/a' })));
    await coordinator.until(() => coordinator.requests('set').length === 2);
    const { stream } = coordinator;
    const error = { code: 'OPERATIONTIMEOUT', detail: 'no commit' } as const;
    const id = coordinator.requests('set')[1]?.id ?? 0;
    coordinator.push({ type: 'error', stream, id, zxid: 121, error, ends: true });
    expect(await answers).toMatchObject([
      { problem: { outcome: 'unknown', detail: expect.stringContaining('ended') as string } },
      { problem: { outcome: 'unknown', detail: 'no commit' } },
      { problem: { outcome: 'not-applied', code: 'CONNECTIONLOSS' } },
    ]);
    expect(await client.closed).toMatchObject({ code: 4503 });
  });

  it('without a request to blame ends the stream all the same', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    const { stream } = coordinator;
    const error = { code: 'THROTTLEDOP', detail: 'too much' } as const;
    coordinator.push({ type: 'error', stream, id: 0, zxid: 121, error, ends: true });
    expect(await client.closed).toMatchObject({ code: 4503 });
  });
});

describe('close code 4408: silence', () => {
  it('closes a connection whose client does not say connect in time', async () => {
    const { connect } = await openDoor({ limits: { connectTimeoutMs: 100 } });
    const client = await connect({ connect: false });
    expect(await client.closed).toEqual({
      ...{ code: 4408, reason: 'timeout: no connect within 100 ms (limit connectTimeoutMs)' },
    });
  });

  it('gives up a client without a session that answers no ping', async () => {
    const { connect, coordinator } = await openDoor({ limits: { bookmarkIntervalMs: 60 } });
    const client = await connect({ socket: { autoPong: false } });
    expect(await client.closed).toMatchObject({ code: 4408 });
    expect(coordinator.messages.at(-1)).toMatchObject({ type: 'close' });
  });
});

describe('limits of a frame', () => {
  it('closes with 1009 beyond the bytes of one', async () => {
    const { connect } = await openDoor({ limits: { frameBytesMax: 1000 } });
    const client = await connect();
    client.send({ type: 'put', id: 2, path: '/a', data: 'x'.repeat(1000) });
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('takes 2 MiB', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    const frameOf = (bytes: number) =>
      JSON.stringify([
        { type: 'put', id: 2, path: '/a', data: 'x'.repeat(1024 * 1024) },
        { type: 'put', id: 3, path: '/b', data: 'y'.repeat(bytes) },
      ]);
    client.send(frameOf(2 * 1024 * 1024 - frameOf(0).length));
    await coordinator.until(() => coordinator.requests('put').length === 2);
    expect(await client.ask({ type: 'ping', id: 4 })).toMatchObject({ type: 'result' });
  });

  it('takes 1,000 messages and not one more', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    const pings = Array.from({ length: 1000 }, () => ({ type: 'ping' }));
    expect(await client.requests(pings)).toHaveLength(1000);
    client.send(
      [...pings, { type: 'ping', id: 5 }].map((ping, id) => ({ ...ping, id: id + 5000 })),
    );
    expect(await client.closed).toMatchObject({ code: 4400 });
  });

  it('takes an empty array for a sign of life', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    client.send([]);
    await coordinator.until((messages) => messages.some(({ type }) => type === 'touch'));
    expect(client.received).toHaveLength(1);
  });
});
