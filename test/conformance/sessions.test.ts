/** The life of a session: what keeps it, what ends it, who may speak for it, what remains of it. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Client } from './client.ts';
import { eventually, within } from './deadline.ts';
import {
  describeOverRest,
  describeOverWebSocket,
  describeThroughEveryDoor,
  superCredential,
} from './doors.ts';
import { openEventStream } from './event-stream.ts';
import { encodePath, jsonOf } from './http.ts';
import { expectRefusal } from './refusal.ts';
import { RestClient } from './rest-client.ts';
import { openUnconnected } from './websocket-client.ts';

const tickMs = 50;

/** How late the news of an expiry may come on a busy machine, beyond the tick. */
const slackMs = 2000;

/** Of a session that nothing but its end can end. */
const longMs = 60_000;

describeThroughEveryDoor('a session', (door) => {
  test('is the zxid that opened it, with 128 bits of secret', async () => {
    const { session } = await door.client({ session: 'new', timeoutMs: 5000 });
    const later = await door.client({ session: 'new' });
    expect(session?.token).toMatch(/^[0-9]+:[A-Za-z0-9_-]{22}$/);
    expect(session?.token.split(':')[0]).toBe(String(session?.id));
    expect(session?.timeoutMs).toBe(5000);
    expect(later.session?.timeoutMs).toBe(10_000);
    expect(later.session?.id).toBeGreaterThan(session?.id ?? Infinity);
    expect((await later.whoami()).session).toBe(later.session?.id);
  });

  test('has its timeout clamped', async () => {
    const short = await door.client({ session: 'new', timeoutMs: 1 });
    const long = await door.client({ session: 'new', timeoutMs: 10_000_000 });
    expect(short.session?.timeoutMs).toBe(100);
    expect(long.session?.timeoutMs).toBe(600_000);
    await expectRefusal(door.client({ session: 'new', timeoutMs: -1 }), 'BADARGUMENTS');
  });

  test.each([150, 200, 330])(line(21, '%i ms'), async (timeoutMs) => {
    const place = await door.fresh();
    const watcher = await (await door.client()).watch(place, 'persistent-recursive');
    const client = await door.client({ session: 'new', timeoutMs });
    const touchedAtEarliest = performance.now();
    const { zxid } = await client.create(`${place}/e`, { ephemeral: true });
    const touchedAtLatest = performance.now();
    client.leave();
    expect(await watcher.next()).toMatchObject({ type: 'NodeCreated', zxid });
    const gone = await within('the end of the session', watcher.next());
    const endedAt = performance.now();
    expect(gone).toMatchObject({ type: 'NodeDeleted', path: `${place}/e` });
    expect(endedAt - touchedAtEarliest).toBeGreaterThanOrEqual(timeoutMs);
    expect(endedAt - touchedAtLatest).toBeLessThan(timeoutMs + tickMs + slackMs);
  });

  test('lives on by any request, refused ones among them', async () => {
    const place = await door.fresh();
    const timeoutMs = 200;
    const client = await door.client({ session: 'new', timeoutMs });
    await client.create(`${place}/e`, { ephemeral: true });
    const requests: ((client: Client) => Promise<unknown>)[] = [
      (each) => each.get(place),
      (each) => each.set(place, 'x'),
      (each) => expectRefusal(each.get(`${place}/missing`), 'NONODE'),
      (each) => expectRefusal(each.set(place, 'x', { version: -7 }), 'BADVERSION'),
      (each) => each.whoami(),
      (each) => each.sync(),
    ];
    const endAt = performance.now() + 3 * timeoutMs;
    for (let round = 0; performance.now() < endAt; round++) {
      await requests[round % requests.length]?.(client);
    }
    expect((await client.exists(`${place}/e`)).stat.ephemeralOwner).toBe(client.session?.id);
  });

  test('ends at once when it is asked to, its ephemerals in the same transaction', async () => {
    const place = await door.fresh();
    const observer = await door.client();
    const watcher = await observer.watch(place, 'persistent-recursive');
    const client = await door.client({ session: 'new', timeoutMs: longMs });
    for (const name of ['a', 'b']) await client.create(`${place}/${name}`, { ephemeral: true });
    expect([...(await client.ephemerals())].sort()).toEqual([`${place}/a`, `${place}/b`]);
    const { stat: before } = await observer.exists(place);
    await client.endSession();
    const { stat, zxid } = await observer.exists(place, { consistency: 'linearizable' });
    expect(stat.numChildren).toBe(0);
    expect(stat.cversion).toBe(before.cversion + 2);
    const gone = (await watcher.upTo(zxid)).slice(2);
    expect(gone.map((event) => event.zxid)).toEqual([stat.pzxid, stat.pzxid]);
  });

  test('that has ended or expired is SESSIONEXPIRED for ever', async () => {
    const ended = await door.client({ session: 'new', timeoutMs: longMs });
    const endedToken = ended.session?.token ?? '';
    await ended.endSession();
    await expectRefusal(door.client({ session: endedToken }), 'SESSIONEXPIRED');
    const expired = await door.client({ session: 'new', timeoutMs: 100 });
    const expiredToken = expired.session?.token ?? '';
    const path = `${await door.fresh()}/e`;
    await expired.create(path, { ephemeral: true });
    const watcher = await (await door.client()).watch(path, 'persistent');
    expired.leave();
    await within('the expiry', watcher.next());
    const refusal = await expectRefusal(door.client({ session: expiredToken }), 'SESSIONEXPIRED');
    expect(refusal.problem).toMatchObject({ status: 410, zkCode: -112 });
    const wrongSecret = `${expiredToken.split(':')[0] ?? ''}:${'A'.repeat(22)}`;
    await expectRefusal(door.client({ session: wrongSecret }), 'SESSIONEXPIRED');
  });

  test('is told apart: wrong secret, never a session, not yet, unreadable', async () => {
    const { session } = await door.client({ session: 'new', timeoutMs: longMs });
    const { zxid } = await (await door.client()).set(await door.fresh(), 'no session');
    const secret = 'A'.repeat(22);
    const tokens: readonly (readonly [string, string])[] = [
      [`${session?.id ?? 0}:${secret}`, 'AUTHFAILED'],
      [`${zxid}:${secret}`, 'SESSIONEXPIRED'],
      [`${zxid + 1_000_000}:${secret}`, 'AUTHFAILED'],
      [`0:${secret}`, 'AUTHFAILED'],
      [String(session?.id), 'AUTHFAILED'],
      ['nonsense', 'AUTHFAILED'],
      [`${session?.id ?? 0}:`, 'AUTHFAILED'],
      [`-1:${secret}`, 'AUTHFAILED'],
    ];
    for (const [token, code] of tokens) {
      const refusal = await expectRefusal(door.client({ session: token }), code);
      expect(refusal.problem.status, token).toBe(code === 'AUTHFAILED' ? 401 : 410);
    }
  });

  test('can be gone on with by its token, and keeps its ephemerals', async () => {
    const place = await door.fresh();
    const first = await door.client({ session: 'new', timeoutMs: longMs });
    await first.create(`${place}/e`, { ephemeral: true });
    first.leave();
    const again = await door.client({ session: first.session?.token ?? '' });
    expect(again.session).toEqual(first.session);
    await again.create(`${place}/f`, { ephemeral: true });
    expect([...(await again.ephemerals())].sort()).toEqual([`${place}/e`, `${place}/f`]);
  });

  test('many end together, each with what is its own', async () => {
    const place = await door.fresh();
    const owners = await Promise.all(
      Array.from({ length: 20 }, () => door.client({ session: 'new', timeoutMs: 1000 })),
    );
    await Promise.all(
      owners.map((owner, index) => owner.create(`${place}/${index}`, { ephemeral: true })),
    );
    const keeper = await door.client({ session: 'new', timeoutMs: longMs });
    await keeper.create(`${place}/kept`, { ephemeral: true });
    for (const owner of owners) owner.leave();
    await eventually('the end of twenty sessions', async () => {
      const { children } = await keeper.children(place);
      return children.length === 1 ? true : undefined;
    });
    expect((await keeper.children(place)).children).toEqual(['kept']);
  });
});

describeThroughEveryDoor('the end of a session with a create in flight', (door) => {
  /** One end for each order in which the two may reach the log. */
  test.each(['first', 'last'])(line(22, 'the create is sent %s'), async (order) => {
    const place = await door.fresh();
    const observer = await door.client();
    for (let round = 0; round < 5; round++) {
      const client = await door.client({ session: 'new', timeoutMs: longMs });
      const create = () => client.create(`${place}/${round}`, { ephemeral: true });
      door.hold();
      const early = order === 'first' ? create() : undefined;
      const ended = client.endSession();
      const late = order === 'last' ? create() : undefined;
      // A create that comes too late is refused, or never answered because the connection is closed.
      const created = (early ?? late)?.catch((error: unknown) => error);
      await observer.exists(place, { consistency: 'local' });
      door.release();
      await ended;
      await created;
      expect((await observer.children(place)).children).toEqual([]);
    }
  });

  test(line(22, 'whatever wins the race'), async () => {
    const place = await door.fresh();
    const observer = await door.client();
    for (let round = 0; round < 10; round++) {
      const client = await door.client({ session: 'new', timeoutMs: longMs });
      const creates = Array.from({ length: 5 }, (_, index) =>
        client.create(`${place}/${round}-${index}`, { ephemeral: true }).catch(() => undefined),
      );
      await Promise.all([client.endSession(), ...creates]);
      await observer.sync();
      expect((await observer.children(place)).children).toEqual([]);
    }
  });
});

describeOverRest('a session', (door) => {
  const call = (method: string, target: string, headers: Readonly<Record<string, string>> = {}) =>
    door.http({ method, target, headers });

  test('is told about to its holder and to super, to nobody else', async () => {
    const holder = await RestClient.open(door.url, { session: 'new', timeoutMs: longMs });
    const other = await RestClient.open(door.url, { session: 'new', timeoutMs: longMs });
    const id = holder.session?.id ?? 0;
    await holder.create(`${await door.fresh()}/e`, { ephemeral: true });
    const told = jsonOf(await holder.call({ target: `/sessions/${id}` }));
    expect(told).toMatchObject({ id, timeoutMs: longMs, ephemerals: 1, connected: false });
    const calls = [
      { target: `/sessions/${id}` },
      { target: `/sessions/${id}/ephemerals` },
      { method: 'POST', target: `/sessions/${id}/heartbeat` },
      { method: 'DELETE', target: `/sessions/${id}` },
    ];
    const stranger = await RestClient.open(door.url);
    for (const each of calls) {
      const refusal = await expectRefusal(other.call(each), 'NOAUTH');
      expect(refusal.problem.status).toBe(403);
      await expectRefusal(stranger.call(each), 'SESSIONREQUIRED');
    }
    const admin = await RestClient.open(door.url, { credential: superCredential });
    for (const each of calls) expect((await admin.call(each)).status).toBeLessThan(300);
    await expectRefusal(holder.whoami(), 'SESSIONEXPIRED');
  });

  test('each answer promises how long it lives on', async () => {
    const timeoutMs = 5000;
    const client = await RestClient.open(door.url, { session: 'new', timeoutMs });
    const id = client.session?.id ?? 0;
    const place = await door.fresh();
    const answers = [
      await client.call({ method: 'POST', target: `/sessions/${id}/heartbeat` }),
      await client.call({ target: `/sessions/${id}` }),
      await client.call({ target: `/sessions/${id}/ephemerals` }),
      await client.call({ target: `/znodes${encodePath(place)}` }),
      await client.call({ method: 'PUT', target: `/znodes${encodePath(place)}`, body: 'x' }),
      await door.http({
        target: `/znodes${encodePath(place)}/missing`,
        headers: { 'zk-session': client.session?.token ?? '' },
      }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([204, 200, 200, 200, 200, 404]);
    for (const { headers } of answers) {
      const expiresInMs = Number(headers['zk-session-expires-in']);
      expect(expiresInMs).toBeLessThanOrEqual(timeoutMs);
      expect(expiresInMs).toBeGreaterThan(timeoutMs - 2000);
    }
  });

  test('an event stream that waits does not keep it alive', async () => {
    const place = await door.fresh();
    const client = await RestClient.open(door.url, { session: 'new', timeoutMs: 200 });
    await client.create(`${place}/e`, { ephemeral: true });
    const stream = await openEventStream(door.url, {
      target: `/watch${encodePath(place)}`,
      headers: { 'zk-session': client.session?.token ?? '' },
    });
    const gone = stream.until(() => stream.messages.find(({ event }) => event === 'NodeDeleted'));
    expect(await within('the end of the session', gone)).toMatchObject({
      data: { path: `${place}/e` },
    });
    stream.close();
  });

  test('a long poll that waits does not keep it alive either', async () => {
    const place = await door.fresh();
    const client = await RestClient.open(door.url, { session: 'new', timeoutMs: 200 });
    await client.create(`${place}/e`, { ephemeral: true });
    const polled = client.call({
      target: `/znodes${encodePath(place)}/e`,
      query: { wait: '5s', until: 'absent' },
    });
    await expectRefusal(within('the answer', polled), 'SESSIONEXPIRED');
  });

  test('ends at once what waits with its token: a long poll with 410, an event stream with the news', async () => {
    const place = await door.fresh();
    const path = encodePath(place);
    const client = await RestClient.open(door.url, { session: 'new', timeoutMs: longMs });
    const headers = { 'zk-session': client.session?.token ?? '' };
    const stream = await openEventStream(door.url, { target: `/watch${path}`, headers });
    const other = await openEventStream(door.url, { target: `/watch${path}` });
    const target = `/znodes${path}/none`;
    const polled = client.call({ target, query: { wait: '60s', until: 'exists' } });
    const refused = expectRefusal(within('the answer', polled), 'SESSIONEXPIRED');
    // A poll that comes later is answered the same; what counts is that none waits for its time.
    await client.call({ method: 'DELETE', target: `/sessions/${client.session?.id ?? 0}` });
    expect((await refused).problem.status).toBe(410);
    const messages = await within('the end of the stream', stream.end());
    expect(messages.at(-1)).toEqual({
      id: undefined,
      event: 'session',
      data: { state: 'expired' },
    });
    expect(other.ended, 'a stream without the token goes on').toBe(false);
    other.close();
  });

  test('that has ended is 410 in all its parts, for super too', async () => {
    const client = await RestClient.open(door.url, { session: 'new', timeoutMs: longMs });
    const id = client.session?.id ?? 0;
    const admin = await RestClient.open(door.url, { credential: superCredential });
    await client.call({ method: 'DELETE', target: `/sessions/${id}` });
    for (const who of [client, admin]) {
      for (const each of [
        { target: `/sessions/${id}` },
        { target: `/sessions/${id}/ephemerals` },
        { method: 'POST', target: `/sessions/${id}/heartbeat` },
        { method: 'DELETE', target: `/sessions/${id}` },
      ]) {
        const refusal = await expectRefusal(who.call(each), 'SESSIONEXPIRED');
        expect(refusal.problem.status).toBe(410);
      }
    }
  });

  test('a session of a token that cannot be is refused before anything else is looked at', async () => {
    const place = await door.fresh();
    const target = `/znodes${encodePath(place)}/missing`;
    const bad = await call('GET', target, { 'zk-session': 'x', authorization: 'Nonsense x' });
    expect(bad.status).toBe(401);
    expect(bad.headers['www-authenticate']).toMatch(/^Basic /);
    const never = { 'zk-session': `9007199254740991:${'A'.repeat(22)}` };
    expect((await call('PUT', target, never)).status).toBe(401);
    expect((await call('GET', '/znodes/a//b', never)).status).toBe(400);
  });

  test('the body of POST /sessions may be left out and holds nothing else', async () => {
    const opened = await call('POST', '/sessions');
    expect(opened.status).toBe(201);
    const body = jsonOf(opened) as { id: number; heartbeatMs: number };
    expect(opened.headers.location).toBe(`/sessions/${body.id}`);
    expect(body).toMatchObject({ timeoutMs: 10_000, heartbeatMs: 3333 });
    const json = { 'content-type': 'application/json' };
    for (const text of ['{"timeoutMs": "x"}', '{"timeout": 1}', '[]', '{']) {
      const bad = await door.http({
        ...{ method: 'POST', target: '/sessions', headers: json, body: text },
      });
      expect(bad.status).toBe(400);
    }
  });
});

describeOverWebSocket('a session', (door) => {
  test('lives on by pongs alone, and a bookmark comes at the same pace', async () => {
    const place = await door.fresh();
    const client = await door.client({ session: 'new', timeoutMs: 210 });
    expect(client.raw.connected?.['heartbeatMs']).toBe(70);
    await client.create(`${place}/e`, { ephemeral: true });
    for (let count = 0; count < 12; count++) {
      await within('a bookmark', client.raw.nextMessage('bookmark'));
    }
    const { stat } = await (await door.client()).exists(`${place}/e`);
    expect(stat.ephemeralOwner).toBe(client.session?.id);
  });

  test('that expires under a connection is told, and the connection closed with 4410', async () => {
    const client = await door.client({ session: 'new', timeoutMs: 150 });
    const path = `${await door.fresh()}/e`;
    await client.create(path, { ephemeral: true });
    const watcher = await (await door.client()).watch(path, 'persistent');
    client.raw.socket.pause();
    await within('the expiry', watcher.next());
    client.raw.socket.resume();
    expect((await within('the end', client.raw.closed)).code).toBe(4410);
    expect(client.raw.received.at(-1)).toEqual({ type: 'session', state: 'expired' });
  });

  test('that REST ends is told to its connection', async () => {
    const client = await door.client({ session: 'new', timeoutMs: longMs });
    const { id = 0, token = '' } = client.session ?? {};
    await door.http({
      ...{ method: 'DELETE', target: `/sessions/${id}`, headers: { 'zk-session': token } },
    });
    expect((await within('the end', client.raw.closed)).code).toBe(4410);
    expect(client.raw.received.at(-1)).toEqual({ type: 'session', state: 'expired' });
  });

  test('a connection refused for its session is closed with 4401 or 4410', async () => {
    const { session } = await door.client({ session: 'new', timeoutMs: longMs });
    const refused = async (token: string): Promise<number> => {
      const raw = await openUnconnected(door.url);
      const answer = await raw.ask({ type: 'connect', session: token });
      expect(answer.type).toBe('error');
      return (await within('the end', raw.closed)).code;
    };
    expect(await refused(`${session?.id ?? 0}:${'A'.repeat(22)}`)).toBe(4401);
    expect(await refused('nonsense')).toBe(4401);
    const gone = await door.client({ session: 'new', timeoutMs: longMs });
    await gone.endSession();
    expect(await refused(gone.session?.token ?? '')).toBe(4410);
  });

  test('close is answered when the session has ended, then comes 1000', async () => {
    const place = await door.fresh();
    const client = await door.client({ session: 'new', timeoutMs: longMs });
    const [created, closed] = await client.raw.requests([
      { type: 'create', path: `${place}/e`, ephemeral: true },
      { type: 'close' },
    ]);
    expect([created?.type, closed?.type]).toEqual(['result', 'result']);
    const { children } = await (await door.client()).children(place);
    expect(children).toEqual([]);
    expect((await within('the end', client.raw.closed)).code).toBe(1000);
  });

  test('going on with it may change its timeout', async () => {
    const first = await door.client({ session: 'new', timeoutMs: longMs });
    const again = await door.client({ session: first.session?.token ?? '', timeoutMs: 900 });
    expect(again.session).toMatchObject({ id: first.session?.id, timeoutMs: 900 });
    expect(again.raw.connected).toMatchObject({ resumed: true, heartbeatMs: 300 });
    expect(first.raw.connected).toMatchObject({ resumed: false });
  });

  test('REST speaks for it beside its connection, and sees that there is one', async () => {
    const client = await door.client({ session: 'new', timeoutMs: longMs });
    const rest = await RestClient.open(door.url, { session: client.session?.token ?? '' });
    const place = await door.fresh();
    await rest.create(`${place}/e`, { ephemeral: true });
    expect(await client.ephemerals()).toEqual([`${place}/e`]);
    const told = jsonOf(await rest.call({ target: `/sessions/${client.session?.id ?? 0}` }));
    expect(told).toMatchObject({ connected: true, ephemerals: 1 });
    expect((await client.whoami()).session).toBe(client.session?.id);
  });
});

describeOverWebSocket('a newer connection of the same session', (door) => {
  test(line(24), async () => {
    const older = await door.client({ session: 'new', timeoutMs: longMs });
    const place = await door.fresh();
    await older.create(`${place}/e`, { ephemeral: true });
    const newer = await door.client({ session: older.session?.token ?? '' });
    expect(newer.raw.connected).toMatchObject({ resumed: true, session: older.session });
    expect((await within('the end of the older', older.raw.closed)).code).toBe(4409);
    expect(older.raw.received.some(({ type }) => type === 'session')).toBe(false);
    await newer.create(`${place}/f`, { ephemeral: true });
    expect(await newer.ephemerals()).toHaveLength(2);
  });

  test('what the older one has in the log is decided before the newer is told connected', async () => {
    const older = await door.client({ session: 'new', timeoutMs: longMs });
    const place = await door.fresh();
    door.hold();
    const created = older.raw.ask({ type: 'create', path: `${place}/e`, ephemeral: true });
    await (await door.client()).exists(place);
    let connected = false;
    const connecting = door.client({ session: older.session?.token ?? '' }).then((newer) => {
      connected = true;
      return newer;
    });
    const probe = await door.client();
    for (let round = 0; round < 10; round++) await probe.exists(place);
    expect(connected).toBe(false);
    door.release();
    const newer = await connecting;
    expect(await newer.ephemerals()).toEqual([`${place}/e`]);
    expect(created).toBeDefined();
  });

  test('nothing that the older one had not in the log takes effect', async () => {
    const older = await door.client({ session: 'new', timeoutMs: longMs });
    const place = await door.fresh();
    const { zxid } = await older.sync();
    // The second waits behind the first, which waits for a state that is yet to come.
    older.raw.send([
      { type: 'get', id: 101, path: place, minZxid: zxid + 3 },
      { type: 'create', id: 102, path: `${place}/late`, ephemeral: true },
    ]);
    const newer = await door.client({ session: older.session?.token ?? '' });
    for (let round = 0; round < 5; round++) await newer.set(place, String(round));
    await within('the end of the older', older.raw.closed);
    expect((await newer.children(place)).children).toEqual([]);
    expect(older.raw.received.some(({ id }) => id === 102)).toBe(false);
  });

  test('what the newer one is told by its first read stands, while the older one writes on', async () => {
    for (let round = 0; round < 5; round++) {
      const older = await door.client({ session: 'new', timeoutMs: longMs });
      const place = await door.fresh();
      let next = 0;
      const flood = setInterval(() => {
        older.raw.send(
          Array.from({ length: 20 }, () => {
            next++;
            return { type: 'create', id: 1000 + next, path: `${place}/${next}` };
          }),
        );
      }, 1);
      await eventually('the flood', async () => {
        const { children } = await older.children(place);
        return children.length > 40 ? true : undefined;
      });
      const newer = await door.client({ session: older.session?.token ?? '' });
      const { children } = await newer.children(place);
      await within('the end of the older', older.raw.closed);
      clearInterval(flood);
      await newer.sync();
      expect((await newer.children(place)).children).toEqual(children);
    }
  });

  test('a session that is attached nowhere lives for its timeout', async () => {
    const timeoutMs = 250;
    const client = await door.client({ session: 'new', timeoutMs });
    const place = await door.fresh();
    const watcher = await (await door.client()).watch(place, 'persistent-recursive');
    await client.create(`${place}/e`, { ephemeral: true });
    const leftAt = performance.now();
    await client.raw.close();
    await watcher.next();
    await within('the end of the session', watcher.next());
    expect(performance.now() - leftAt).toBeGreaterThanOrEqual(timeoutMs - tickMs);
  });
});
