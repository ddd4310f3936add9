/** What makes no sense is refused in one form, before anything takes effect, and harms nobody else. */
import { connect as connectSocket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startInProcess } from '../support/in-process.ts';
import type { ConnectOptions } from '../support/websocket-client.ts';
import { connect, UpgradeRefused } from '../support/websocket-client.ts';
import { within } from './deadline.ts';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { encodePath, jsonOf } from './http.ts';
import { expectRefusal, refusalOf } from './refusal.ts';
import { ask, openUnconnected, webSocketUrl } from './websocket-client.ts';

describeThroughEveryDoor('fields', (door) => {
  test('of another type, unknown or contradictory are BADARGUMENTS and named', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const bad: readonly (readonly [string, object])[] = [
      ['data', { data: 7 }],
      ['encoding', { data: 'x', encoding: 'hex' }],
      ['base64', { data: '?', encoding: 'base64' }],
      ['ephemeral', { ephemeral: 'yes' }],
      ['sequential', { sequential: 1 }],
      ['ttlMs', { ttlMs: '1s' }],
      ['ttlMs', { ttlMs: 1.5 }],
      ['acl', { acl: 'world:anyone:r' }],
      ['acl', { acl: [{ scheme: 'world', id: 'anyone' }] }],
      ['surprise', { surprise: true }],
      ['Data', { Data: 'x' }],
    ];
    for (const [field, options] of bad) {
      const refusal = await expectRefusal(client.create(`${place}/a`, options), 'BADARGUMENTS');
      expect(refusal.problem.detail).toContain(field);
    }
    expect((await client.children(place)).children).toEqual([]);
  });

  test('versions are numbers of 32 bits or tags', async () => {
    const client = await door.client();
    const place = await door.fresh();
    for (const version of [1.5, 2 ** 31, -(2 ** 31) - 1]) {
      const refusal = await refusalOf(client.delete(place, { version }));
      expect(refusal.code, String(version)).toBe('BADARGUMENTS');
    }
    await expectRefusal(client.set(place, 'x', { version: 2 ** 31 - 1 }), 'BADVERSION');
    for (const ifMatch of ['x', '1.x', '1.2.3']) {
      const refusal = await refusalOf(client.set(place, 'x', { ifMatch }));
      expect(['BADARGUMENTS', 'BADVERSION'], ifMatch).toContain(refusal.code);
    }
    expect((await client.get(place)).stat.version).toBe(0);
  });

  test('every failure has the one form', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const failures = [
      client.get(`${place}/missing`),
      client.create(place),
      client.set(place, 'x', { version: 9 }),
      client.get('/a//b'),
      client.create(`${place}/x`, { ephemeral: true }),
      client.multi([{ op: 'delete', path: `${place}/missing` }]),
    ];
    for (const { problem } of await Promise.all(failures.map(refusalOf))) {
      expect(problem).toMatchObject({
        type: `urn:zoogate:error:${problem.code}`,
        title: expect.any(String) as string,
        detail: expect.any(String) as string,
        status: expect.any(Number) as number,
        outcome: 'not-applied',
        retryable: false,
        zxid: expect.any(Number) as number,
      });
      expect(problem.zkCode === null || problem.zkCode < 0).toBe(true);
    }
  });
});

describeOverRest('a request that makes no sense', (door) => {
  const json = { 'content-type': 'application/json' };

  test('with a body that is no JSON, or of another type', async () => {
    const place = encodePath(await door.fresh());
    const bodies: readonly (readonly [string, string, number])[] = [
      ['{', 'application/json', 400],
      ['{"data": }', 'application/json', 400],
      ['\ufeff{}x', 'application/json', 400],
      ['null', 'application/json', 400],
      ['7', 'application/json', 400],
      ['[]', 'application/json', 400],
      ['data=x', 'application/x-www-form-urlencoded', 415],
      ['{}', 'text/plain', 415],
    ];
    for (const [body, type, status] of bodies) {
      const target = `/znodes${place}/a`;
      const headers = { 'content-type': type };
      const answer = await door.http({ method: 'POST', target, headers, body });
      expect([answer.status, body]).toEqual([status, body]);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
    const encoded = await door.http({
      ...{ method: 'PUT', target: `/znodes${place}/a`, body: 'x' },
      headers: { 'content-encoding': 'gzip' },
    });
    expect(encoded.status).toBe(415);
    for (const body of ['{}', '{"operations": {}}', '{"operations": [], "more": 1}', '']) {
      const answer = await door.http({ method: 'POST', target: '/multi', headers: json, body });
      expect([answer.status, body]).toEqual([400, body]);
    }
  });

  test('with a query that is unknown, repeated or unreadable', async () => {
    const place = encodePath(await door.fresh());
    const queries = [
      ...['surprise=1', 'ephemeral=yes', 'ephemeral&ephemeral', 'ttl=60', 'ttl=1d', 'ttl=-1s'],
      ...['version=x', 'version=1&version=1', 'acks=0', 'acks=none', 'Sequential', 'ttl'],
      ...['container&ephemeral', 'ttl=1s&container', 'container&sequential'],
    ];
    for (const query of queries) {
      const answer = await door.http({ method: 'PUT', target: `/znodes${place}/a?${query}` });
      expect([answer.status, query]).toEqual([400, query]);
      expect(jsonOf(answer)).toMatchObject({ code: 'BADARGUMENTS' });
    }
    for (const query of [
      'consistency=strong',
      'wait=1s',
      'until=exists',
      'wait=x',
      'encoding=hex',
    ]) {
      const answer = await door.http({ target: `/znodes${place}?${query}` });
      expect([answer.status, query]).toEqual([400, query]);
    }
    const off = await door.http({
      ...{ method: 'PUT', target: `/znodes${place}/a?ephemeral=false&sequential=0` },
    });
    expect(off.status).toBe(201);
  });

  test('to no route, or by a wrong method', async () => {
    const nowhere = await door.http({ target: '/nowhere' });
    expect(nowhere.status).toBe(404);
    expect(jsonOf(nowhere)).toMatchObject({ code: 'NOTFOUND', zkCode: null });
    for (const [method, target] of [
      ['PATCH', '/znodes/a'],
      ['DELETE', '/multi'],
      ['GET', '/sync'],
      ['POST', '/whoami'],
    ]) {
      const answer = await door.http({ method: method ?? '', target: target ?? '' });
      expect([answer.status, method, target]).toEqual([405, method, target]);
      expect(answer.headers.allow).toBeDefined();
    }
    const options = await door.http({ method: 'OPTIONS', target: '/znodes/a' });
    expect(options.status).toBe(204);
    for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE']) {
      expect(options.headers.allow).toContain(method);
    }
    const plain = await door.http({ target: '/ws' });
    expect(plain.status).toBe(426);
    expect(jsonOf(plain)).toMatchObject({ code: 'UPGRADEREQUIRED' });
  });

  test('that is no HTTP at all is answered in the one form, and the connection closed', async () => {
    const texts = [
      'nonsense\r\n\r\n',
      'GET /znodes HTTP/1.1\r\nbad header\r\n\r\n',
      'GET /znodes HTTP/9.9\r\n\r\n',
      `GET /znodes HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    ];
    for (const text of texts) {
      const answer = await within(text, rawExchange(door.node.port, text));
      expect(answer).toMatch(/^HTTP\/1\.1 (400|505)/);
      expect(answer).toContain('application/problem+json');
      expect(answer).toContain('"outcome":"not-applied"');
    }
    expect((await door.http({ target: '/znodes' })).status).toBe(200);
  });

  test('whose body never comes to its end has no effect', async () => {
    const place = await door.fresh();
    const socket = connectSocket(door.node.port, '127.0.0.1');
    const request = `PUT /znodes${place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf`;
    await new Promise((resolve) => socket.write(request, resolve));
    await (await door.client()).get(place);
    socket.destroy();
    const client = await door.client();
    await client.sync();
    expect((await client.get(place)).stat.version).toBe(0);
  });
});

/** Sends text as it is. @returns all that comes until the server closes */
function rawExchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connectSocket(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describeOverWebSocket('a message that makes no sense', (door) => {
  describe('ends the connection with 4400', () => {
    test.each([
      ['no JSON', '{'],
      ['empty', ''],
      ['no object', '7'],
      ['null', 'null'],
      ['a list of no objects', '[1]'],
      ['no id', '{"type":"ping"}'],
      ['an id that is no integer', '{"type":"ping","id":1.5}'],
      ['an id that is text', '{"type":"ping","id":"1"}'],
      ['an id that is too large', '{"type":"ping","id":9007199254740993}'],
      ['a second connect', '{"type":"connect","id":9}'],
    ])('%s', async (_name, frame) => {
      const client = await door.client();
      const place = await door.fresh();
      client.raw.socket.send(frame);
      client.raw.send({ type: 'create', id: 99, path: `${place}/behind` });
      expect((await within('the end', client.raw.closed)).code).toBe(4400);
      const error = client.raw.received.at(-1);
      expect(error).toMatchObject({ type: 'error', problem: { outcome: 'not-applied' } });
      expect((await (await door.client()).children(place)).children).toEqual([]);
    });

    test('bytes that are no UTF-8', async () => {
      const client = await door.client();
      client.raw.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: true });
      expect((await within('the end', client.raw.closed)).code).toBe(4400);
    });

    test.each(['ping', 'create', 'nothing', 'close'])('%s before connect', async (type) => {
      const raw = await openUnconnected(door.url);
      const answer = await raw.ask({ type, path: '/before-connect' });
      expect(answer).toMatchObject({ type: 'error', problem: { code: 'BADARGUMENTS' } });
      expect((await within('the end', raw.closed)).code).toBe(4400);
      await expectRefusal((await door.client()).get('/before-connect'), 'NONODE');
    });
  });

  describe('leaves the connection open', () => {
    test.each([
      ['an unknown type', { type: 'nothing' }, 'UNIMPLEMENTED'],
      ['a type of the server', { type: 'result' }, 'UNIMPLEMENTED'],
      ['an inherited name', { type: 'toString' }, 'UNIMPLEMENTED'],
      ['no type', { type: undefined as never }, 'UNIMPLEMENTED'],
      ['an unknown field', { type: 'ping', path: '/' }, 'BADARGUMENTS'],
      ['a missing field', { type: 'get' }, 'BADARGUMENTS'],
      ['an unknown mode', { type: 'watch', path: '/', mode: 'all' }, 'BADARGUMENTS'],
      ['a field of a read in a write', { type: 'put', path: '/', minZxid: 1 }, 'BADARGUMENTS'],
      ['a field of a write in a read', { type: 'get', path: '/', acks: 1 }, 'BADARGUMENTS'],
      ['a negative zxid', { type: 'get', path: '/', minZxid: -1 }, 'BADARGUMENTS'],
      ['what only a session has', { type: 'ephemerals' }, 'SESSIONREQUIRED'],
    ])('%s', async (_name, message, code) => {
      const client = await door.client();
      await expectRefusal(ask(client.raw, message), code);
      await ask(client.raw, { type: 'ping' });
    });
  });

  test('a connect with bad fields may be said again, rightly', async () => {
    const raw = await openUnconnected(door.url);
    const bad = await raw.ask({ type: 'connect', surprise: true });
    expect(bad).toMatchObject({ type: 'error', problem: { code: 'BADARGUMENTS' } });
    const watches = [{ path: 'nowhere', mode: 'data' }];
    expect((await raw.ask({ type: 'connect', watches })).type).toBe('error');
    expect((await raw.ask({ type: 'connect' })).type).toBe('connected');
    raw.socket.terminate();
  });

  test('binary frames are frames, and an empty array is none', async () => {
    const client = await door.client();
    const place = await door.fresh();
    client.raw.send([]);
    client.raw.socket.send(Buffer.from(JSON.stringify({ type: 'put', id: 77, path: place })));
    await ask(client.raw, { type: 'ping' });
    expect(client.raw.received.some(({ id }) => id === 77)).toBe(true);
    expect((await client.get(place)).stat.version).toBe(1);
  });

  test('ids are the client\u2019s: repeated, negative, in any order', async () => {
    const client = await door.client();
    const sent = [5, 5, -1, 0, 3, 5];
    client.raw.send(sent.map((id) => ({ type: 'whoami', id })));
    await ask(client.raw, { type: 'ping' });
    const answered = client.raw.received.filter((message) => 'identities' in message);
    expect(answered.map(({ id }) => id)).toEqual(sent);
  });
});

describeOverWebSocket(
  'a connection that says nothing',
  (door) => {
    test('is closed with 4408', async () => {
      const raw = await openUnconnected(door.url);
      expect((await within('the end', raw.closed)).code).toBe(4408);
    });
  },
  { limits: { connectTimeoutMs: 100 } },
);

describeOverWebSocket('a handshake', (door) => {
  const attempt = (options: ConnectOptions) =>
    connect(webSocketUrl(door.url), options).then(
      (raw) => {
        const { protocol } = raw.socket;
        raw.socket.terminate();
        return protocol;
      },
      (error: unknown) => {
        if (error instanceof UpgradeRefused) return error.status;
        throw error;
      },
    );

  test('speaks one subprotocol, also when none is asked', async () => {
    expect(await attempt({ protocols: ['zk.v1.json'] })).toBe('zk.v1.json');
    expect(await attempt({ protocols: ['other', 'zk.v1.json'] })).toBe('zk.v1.json');
    expect(await attempt({})).toBe('');
    expect(await attempt({ protocols: ['zk.v2.json'] })).toBe(400);
  });

  test('from a page of another origin, or under a name that is not loopback, is refused', async () => {
    const { port } = door.node;
    const own = `http://127.0.0.1:${port}`;
    const status = (headers: Record<string, string>) => attempt({ socket: { headers } });
    expect(await status({ origin: own })).toBe('');
    expect(await status({ origin: 'http://evil.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ host: 'evil.example' })).toBe(403);
    expect(await status({ host: `evil.example:${port}`, origin: 'http://evil.example' })).toBe(403);
    expect(await status({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).toBe(
      '',
    );
  });

  test('that is refused leaves nothing that a node which stops would wait for', async () => {
    const node = await startInProcess();
    for (const headers of [{ origin: 'http://evil.example' }, { host: 'evil.example' }]) {
      const refused = connect(webSocketUrl(node.url), { socket: { headers } });
      await expect(refused).rejects.toBeInstanceOf(UpgradeRefused);
    }
    await within('the end of the node', node.remove(), 3000);
  });

  test('with a header that proves nothing is refused, with Basic it identifies', async () => {
    const authorization = (value: string) =>
      attempt({ socket: { headers: { authorization: value } } });
    expect(await authorization('Bearer x')).toBe(401);
    expect(await authorization('Basic ?')).toBe(401);
    const raw = await connect(webSocketUrl(door.url), {
      socket: { headers: { authorization: `Basic ${btoa('ann:secret')}` } },
    });
    const { identities } = await ask<{ identities: { id: string }[] }>(raw, { type: 'whoami' });
    expect(identities.some(({ id }) => id.startsWith('ann:'))).toBe(true);
    raw.socket.terminate();
  });
});

describeOverRest('a browser', (door) => {
  const get = (headers: Readonly<Record<string, string>>) =>
    door.http({ target: '/znodes', headers });

  test('may call from the node itself and from loopback names only', async () => {
    const { port } = door.node;
    const allowed = [
      { host: `localhost:${port}` },
      { host: '127.0.0.1' },
      { host: `[::1]:${port}` },
      { host: `LOCALHOST:${port}` },
      { host: `localhost:${port}`, origin: `http://localhost:${port}` },
    ];
    for (const headers of allowed) expect((await get(headers)).status).toBe(200);
    const foreign = await get({ host: 'evil.example' });
    expect([foreign.status, jsonOf(foreign)]).toMatchObject([403, { code: 'FORBIDDENHOST' }]);
    for (const origin of ['http://evil.example', 'null', `http://localhost:1`]) {
      const answer = await get({ host: `localhost:${port}`, origin });
      expect([answer.status, jsonOf(answer)]).toMatchObject([403, { code: 'FORBIDDENORIGIN' }]);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('is refused before a write takes effect', async () => {
    const place = await door.fresh();
    const answer = await door.http({
      ...{ method: 'PUT', target: `/znodes${encodePath(place)}`, body: 'x' },
      headers: { origin: 'http://evil.example' },
    });
    expect(answer.status).toBe(403);
    expect((await (await door.client()).get(place)).stat.version).toBe(0);
  });
});
