import { describe, expect, it } from 'vitest';
import type { ZnodePath } from '../../../../src/protocol/model.ts';
import { openDoor } from './harness.ts';

describe('connect', () => {
  it('is answered without a session when none is asked', async () => {
    const { connect, coordinator } = await openDoor({ limits: { bookmarkIntervalMs: 15_000 } });
    const client = await connect();
    expect(client.connected).toEqual({
      type: 'connected',
      id: 1,
      resumed: false,
      zxid: 120,
      server: 2,
      readOnly: false,
      heartbeatMs: 15_000,
    });
    expect(coordinator.requests('attach')[0]?.operation).toMatchObject({ session: 'none' });
  });

  it('opens a session and gives its token', async () => {
    const { connect } = await openDoor();
    const client = await connect({ connect: { session: 'new', timeoutMs: 10_000 } });
    expect(client.connected).toMatchObject({
      session: { id: 42, token: '42:secret', timeoutMs: 10_000 },
      resumed: false,
      heartbeatMs: 3333,
    });
  });

  it('resumes a session with all that it watches', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({
      connect: {
        session: '77:mine',
        timeoutMs: 6000,
        watches: [{ path: '/a', mode: 'persistent-recursive' }],
        resumeFrom: 100,
        minZxid: 110,
      },
    });
    expect(client.connected).toMatchObject({
      session: { id: 77, token: '77:mine', timeoutMs: 6000 },
      resumed: true,
      heartbeatMs: 2000,
    });
    const [request] = coordinator.requests('attach');
    expect(request).toMatchObject({
      minZxid: 110,
      operation: {
        session: { id: 77, secret: 'mine' },
        timeoutMs: 6000,
        watches: [{ path: '/a' as ZnodePath, mode: 'persistent-recursive' }],
        resumeFrom: 100,
      },
    });
  });

  it('says when the node is read-only', async () => {
    const { connect, coordinator } = await openDoor();
    coordinator.readOnly = true;
    const client = await connect();
    expect(client.connected).toMatchObject({ readOnly: true });
  });

  it.each(['5s', 0, 2 ** 63])('may be tried again after a bad timeout %j', async (timeoutMs) => {
    const { connect } = await openDoor();
    const client = await connect({ connect: false });
    const refused = await client.ask({ type: 'connect', timeoutMs });
    expect(refused).toMatchObject({
      type: 'error',
      problem: { code: 'BADARGUMENTS', detail: expect.stringContaining('timeoutMs') as string },
    });
    expect(await client.ask({ type: 'connect' })).toMatchObject({ type: 'connected' });
  });

  it('names the watch whose path is bad', async () => {
    const { connect } = await openDoor();
    const client = await connect({ connect: false });
    const refused = await client.ask({
      type: 'connect',
      watches: [
        { path: '/ok', mode: 'data' },
        { path: '/bad//path', mode: 'data' },
      ],
    });
    expect(refused).toMatchObject({ problem: { code: 'BADARGUMENTS' } });
    expect(await client.ask({ type: 'connect' })).toMatchObject({ type: 'connected' });
  });

  it('holds back what follows until it is answered', async () => {
    const { connect, coordinator } = await openDoor();
    coordinator.scripts.set('attach', () => undefined);
    const client = await connect({ connect: false });
    const answers = client.requests([
      { type: 'connect', session: '77:mine' },
      { type: 'create', path: '/a' },
    ]);
    await coordinator.until(() => coordinator.requests('attach').length === 1);
    expect(coordinator.requests('create')).toHaveLength(0);

    const { stream } = coordinator;
    const session = { id: 77, timeoutMs: 10_000 };
    coordinator.push({
      type: 'result',
      stream,
      id: 1,
      zxid: 9,
      result: { session, resumed: true },
    });
    expect((await answers).map(({ type }) => type)).toEqual(['connected', 'result']);
  });

  it('may take longer to be answered than to be said', async () => {
    const { connect, coordinator } = await openDoor({ limits: { connectTimeoutMs: 50 } });
    coordinator.scripts.set('attach', () => undefined);
    const client = await connect({ connect: false });
    const answer = client.ask({ type: 'connect', minZxid: 200 });
    await coordinator.until(() => coordinator.requests('attach').length === 1);
    let pings = 0;
    client.socket.on('ping', () => pings++);
    // One behind the other, so that many times the limit passes for the one that waits.
    for (let round = 0; round < 6; round++) {
      const silent = await connect({ connect: false });
      expect(await silent.closed).toMatchObject({ code: 4408 });
    }
    expect(pings).toBe(0);
    const { stream } = coordinator;
    const error = { code: 'BEHIND', detail: 'at 120' } as const;
    coordinator.push({ type: 'error', stream, id: 1, zxid: 120, error, ends: true });
    expect(await answer).toMatchObject({ type: 'error', problem: { code: 'BEHIND' } });
    expect(await client.closed).toMatchObject({ code: 4503 });
  });

  it('takes so many credentials and no more', async () => {
    const { connect, coordinator } = await openDoor({ limits: { identitiesMax: 3 } });
    const credential = (user: string) => ({ scheme: 'digest', credential: `${user}:` });
    const greedy = await connect({ connect: false });
    const auth = ['a', 'b', 'c'].map(credential);
    const refused = await greedy.ask({ type: 'connect', auth });
    expect(refused).toMatchObject({ type: 'error', problem: { code: 'QUOTAEXCEEDED' } });
    expect(await greedy.closed).toMatchObject({ code: 4429 });
    expect(coordinator.requests('attach')).toHaveLength(0);

    const client = await connect({ connect: { auth: ['a', 'a', 'b'].map(credential) } });
    expect(client.connected).toMatchObject({ type: 'connected' });
    const again = await client.ask({ type: 'auth', ...credential('b') });
    expect(again).toMatchObject({ type: 'result' });
    const more = await client.ask({ type: 'auth', ...credential('c') });
    expect(more).toMatchObject({ type: 'error', problem: { code: 'QUOTAEXCEEDED' } });
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'result' });
  });

  it('takes nothing behind a connect that is refused', async () => {
    const { connect, coordinator } = await openDoor();
    const error = { code: 'SESSIONEXPIRED', detail: 'gone' } as const;
    coordinator.scripts.set('attach', () => ({ error }));
    const client = await connect({ connect: false });
    client.send([
      { type: 'connect', id: 1, session: '77:mine' },
      { type: 'create', id: 2, path: '/a', ephemeral: true },
    ]);
    expect(await client.closed).toMatchObject({ code: 4410 });
    expect(coordinator.requests('create')).toHaveLength(0);
    expect(client.received).toMatchObject([{ type: 'error', id: 1 }]);
  });
});
