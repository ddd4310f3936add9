import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../../../../src/gateway/app.ts';
import { answerMalformed } from '../../../../src/gateway/rest/fallback.ts';
import { CoordinationError } from '../../../../src/protocol/errors.ts';
import type { ErrorFields } from '../../../../src/protocol/errors.ts';
import { FakeCoordinator } from '../../../support/fake-coordinator.ts';
import { testSettings } from '../../../support/gateway-settings.ts';
import { httpClient } from '../../../support/http-client.ts';
import type { Http } from '../../../support/http-client.ts';

const coordinator = new FakeCoordinator();
const errors: object[] = [];
let app: FastifyInstance;
let port: number;
let http: Http;

beforeAll(async () => {
  app = await buildApp({
    coordinator,
    settings: { ...testSettings, serverId: 7, allowedOrigins: ['https://app.example'] },
    logger: { error: (fields) => errors.push(fields), warn: () => undefined },
    version: '0.0.0-test',
    extraRoutes: (server) => {
      server.get('/broken', () => {
        throw new TypeError('the secret is 42');
      });
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = app.server.address() as AddressInfo);
  http = httpClient(`http://127.0.0.1:${port}`);
});

afterAll(() => app.close());

function urlOf(server: FastifyInstance): string {
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
}

/** What comes back for bytes that need not be HTTP. */
function exchange(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.write(text);
  });
}

/** The body of a raw answer, after checking that it is a problem. */
function problemIn(answer: string): Record<string, unknown> {
  expect(answer).toContain('Content-Type: application/problem+json\r\n');
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
}

describe('refusals of the coordinator', () => {
  it.each<[string, ConstructorParameters<typeof CoordinationError>[0], ErrorFields, object]>([
    ['no quorum', 'CONNECTIONLOSS', {}, { status: 503, outcome: 'not-applied', retryable: true }],
    [
      'leader lost in flight',
      'CONNECTIONLOSS',
      { outcome: 'unknown' },
      { status: 504, outcome: 'unknown' },
    ],
    ['no answer in time', 'OPERATIONTIMEOUT', {}, { status: 504, outcome: 'unknown' }],
    ['not confirmed', 'ACKSTIMEOUT', {}, { status: 504, outcome: 'applied' }],
    ['behind', 'BEHIND', {}, { status: 503, outcome: 'not-applied' }],
    ['read-only', 'NOTREADONLY', {}, { status: 503 }],
    ['throttled', 'THROTTLEDOP', {}, { status: 429 }],
    ['full', 'QUOTAEXCEEDED', {}, { status: 507 }],
    ['another request', 'IDEMPOTENCYCONFLICT', {}, { status: 422, zkCode: null }],
    ['expired', 'SESSIONEXPIRED', {}, { status: 410 }],
    ['denied', 'NOAUTH', { path: '/a' }, { status: 403, path: '/a' }],
    ['unauthenticated', 'AUTHFAILED', {}, { status: 401 }],
  ])('%s', async (_name, code, fields, expected) => {
    coordinator.zxid = 99;
    coordinator.script = () => new CoordinationError(code, 'for a reason', fields);
    const answer = await http('PUT', '/znodes/a', { body: 'x' });
    expect(answer.problem()).toMatchObject({
      ...{ type: `urn:zoogate:error:${code}`, code, detail: 'for a reason', zxid: 99 },
      ...{ instance: '/znodes/a' },
      ...expected,
    });
    expect(answer.headers).toMatchObject({
      ...{ 'zk-zxid': '99', 'zk-server': '7', 'cache-control': 'no-store' },
      'x-content-type-options': 'nosniff',
    });
    const { status } = answer;
    expect('retry-after' in answer.headers).toBe(status === 503 || status === 429);
    expect('www-authenticate' in answer.headers).toBe(status === 401);
  });

  it('say when to try again, in whole seconds', async () => {
    coordinator.script = () => new CoordinationError('THROTTLEDOP', '', { retryAfterMs: 2100 });
    expect((await http('GET', '/znodes/a')).headers['retry-after']).toBe('3');
  });

  it('tell the session how long it lives on', async () => {
    coordinator.script = () => undefined;
    const pending = http('GET', '/znodes/a', { headers: { 'Zk-Session': '5:secret' } });
    await expect
      .poll(() => coordinator.request.caller?.session)
      .toEqual({ id: 5, secret: 'secret' });
    coordinator.answer({
      ...{ type: 'error', stream: 0, id: coordinator.request.id, zxid: 1, expiresInMs: 1234.9 },
      error: { code: 'NONODE', detail: 'missing' },
    });
    expect((await pending).headers['zk-session-expires-in']).toBe('1234');
  });

  it('a failed multi has the status of its operation and the codes of all', async () => {
    const results = [
      { op: 'create', path: '/a', code: 'OK' },
      { op: 'delete', path: '/b', code: 'NONODE' },
      { op: 'check', path: '/c', code: 'RUNTIMEINCONSISTENCY' },
    ] as const;
    coordinator.script = () =>
      new CoordinationError('NONODE', 'missing', { path: '/b', failedIndex: 1, results });
    const answer = await http('POST', '/multi', { body: { operations: [] } });
    expect(answer.problem()).toMatchObject({ status: 404, path: '/b', failedIndex: 1, results });
  });
});

describe('what no route answers', () => {
  it('an unknown route', async () => {
    for (const path of ['/', '/nope', '/znodesx', '/health/nope', '/sessions/1/nope']) {
      const answer = await http('GET', `${path}?secret=1`);
      expect(answer.problem()).toMatchObject({ status: 404, code: 'NOTFOUND', instance: path });
    }
  });

  it.each([
    ['PATCH', '/znodes/a', 'DELETE, GET, HEAD, POST, PUT, OPTIONS'],
    ['POST', '/stat/a', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/multi', 'POST, OPTIONS'],
    ['GET', '/sessions', 'POST, OPTIONS'],
    ['PUT', '/sessions/5', 'DELETE, GET, HEAD, OPTIONS'],
    ['GET', '/sessions/5/heartbeat', 'POST, OPTIONS'],
    ['PROPFIND', '/whoami', 'GET, HEAD, OPTIONS'],
    ['TRACE', '/znodes', 'DELETE, GET, HEAD, POST, PUT, OPTIONS'],
    ['POST', '/docs', 'GET, HEAD, OPTIONS'],
    ['POST', '/watch/a', 'GET, HEAD, OPTIONS'],
  ])('%s %s is not allowed', async (method, path, allow) => {
    const answer = await http(method, path, { body: 'x' });
    expect(answer.problem()).toMatchObject({ status: 405, code: 'METHODNOTALLOWED' });
    expect(answer.headers.allow).toBe(allow);
    const options = await http('OPTIONS', path);
    expect(options).toMatchObject({ status: 204, text: '' });
    expect(options.headers.allow).toBe(allow);
  });

  it('OPTIONS of everything and of nothing', async () => {
    expect((await http('OPTIONS', '*')).headers.allow).toBe(
      'DELETE, GET, HEAD, POST, PUT, OPTIONS',
    );
    expect((await http('OPTIONS', '/nope')).problem().status).toBe(404);
  });

  it('every GET has its HEAD', async () => {
    coordinator.script = () => new CoordinationError('NONODE', 'missing');
    for (const path of ['/openapi.json', '/asyncapi.json', '/ensemble', '/docs/', '/docs/json']) {
      const get = await http('GET', path);
      const head = await http('HEAD', path);
      expect(head).toMatchObject({ status: 200, text: '' });
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    }
  });

  it('a plain GET of the WebSocket', async () => {
    const answer = await http('GET', '/ws');
    expect(answer.problem()).toMatchObject({ status: 426, code: 'UPGRADEREQUIRED' });
    expect(answer.headers.upgrade).toBe('websocket');
  });

  it('a failure inside tells nothing and is logged', async () => {
    errors.length = 0;
    const answer = await http('GET', '/broken?secret=1');
    expect(answer.problem()).toMatchObject({
      status: 500,
      code: 'SYSTEMERROR',
      outcome: 'unknown',
    });
    expect(answer.text).not.toContain('42');
    expect(errors).toMatchObject([{ err: { message: 'the secret is 42' }, url: '/broken' }]);
  });
});

describe('text that is no readable HTTP', () => {
  it.each(['nonsense\r\n\r\n', 'GET /znodes HTTP/9.9\r\n\r\n', '\u0016\u0003\u0001\r\n\r\n'])(
    '%j',
    async (text) => {
      const answer = await exchange(text);
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(problemIn(answer)).toMatchObject({ status: 400, code: 'MARSHALLINGERROR' });
    },
  );

  it('headers beyond the limit', async () => {
    const answer = await exchange(
      `GET /znodes HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(problemIn(answer)).toMatchObject({ status: 431, code: 'HEADERSTOOLARGE', zkCode: null });
  });

  it('two lengths of one body', async () => {
    const answer = await exchange(
      'PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
    );
    expect(problemIn(answer)).toMatchObject({ status: 400, code: 'MARSHALLINGERROR' });
  });

  it('no Host', async () => {
    const answer = await exchange('GET /znodes HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(problemIn(answer)).toMatchObject({ status: 400, code: 'MARSHALLINGERROR' });
  });

  it('a fragment, which would make it a request for another znode', async () => {
    const answer = await http('PUT', '/znodes/a#b');
    expect(answer.problem()).toMatchObject({ status: 400, code: 'MARSHALLINGERROR' });
  });

  it('a coding of the body that nobody undoes', async () => {
    const answer = await exchange(
      'PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    );
    expect(problemIn(answer)).toMatchObject({ status: 415, code: 'UNSUPPORTEDMEDIATYPE' });
  });

  it('a body that breaks off is answered, since it is that of the request', async () => {
    const answer = await exchange(
      'PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    );
    expect(problemIn(answer)).toMatchObject({ status: 400, code: 'MARSHALLINGERROR' });
  });

  it('an expectation that nobody has heard of is nobody’s', async () => {
    coordinator.script = () => ({ identities: [] });
    const answer = await exchange(
      'GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: miracles\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('a request that does not arrive in time', () => {
    const socket = new PassThrough();
    const error = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    answerMalformed(error, socket);
    const answer = String(socket.read());
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('Connection: close');
    expect(problemIn(answer)).toMatchObject({ status: 408, retryable: false });
    expect(problemIn(answer)).toMatchObject({
      detail: expect.stringContaining('within 120000 ms, which no setting changes') as unknown,
    });
  });

  it('an escape that is none', async () => {
    const answer = await http('GET', '/znodes/%ff');
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.headers['zk-server']).toBe('7');
  });
});

describe('text that is no UTF-8', () => {
  it.each(['?after=%ff', '?after=a%', '?%ff=1'])('in a query is refused: %s', async (query) => {
    const answer = await http('GET', `/children/a${query}`);
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.problem().detail).toContain('no UTF-8');
  });

  // Beside a body of bytes, the client sends each character of a header as the byte of its number.
  const body = Buffer.from('x');

  it.each(['Zk-Acl', 'Idempotency-Key'])('in %s is refused', async (name) => {
    const headers = { [name]: 'digest:m\u00fcller:hash:r' };
    const answer = await http('PUT', '/znodes/a', { body, headers });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.problem().detail).toContain(`${name.toLowerCase()}: is not UTF-8`);
  });

  it('is not made of the UTF-8 in Zk-Acl', async () => {
    coordinator.script = () => new CoordinationError('NONODE', 'missing');
    const headers = { 'Zk-Acl': Buffer.from('digest:müller:hash:r').toString('latin1') };
    await http('PUT', '/znodes/a', { body, headers });
    const acl = [{ scheme: 'digest', id: 'müller:hash', perms: 1 }];
    expect(coordinator.requests.at(-1)?.operation).toMatchObject({ acl });
  });
});

describe('JSON bodies', () => {
  it.each([
    [undefined, 'no Content-Type'],
    ['text/plain', '"text/plain"'],
    ['application/x-www-form-urlencoded', 'curl -d sends that by default'],
    ['nonsense', '"nonsense"'],
  ])('of type %s are refused, with a word on what to do', async (type, detail) => {
    for (const path of ['/multi', '/multi-read', '/sessions', '/znodes/a']) {
      const headers = type === undefined ? {} : { 'Content-Type': type };
      const answer = await http('POST', path, { body: '{}', headers });
      expect(answer.problem()).toMatchObject({ status: 415, code: 'UNSUPPORTEDMEDIATYPE' });
      expect(answer.problem().detail).toContain('application/json');
      expect(answer.problem().detail).toContain(detail);
    }
  });

  it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/vnd.x+json'])(
    'of type %s are read',
    async (type) => {
      coordinator.script = () => ({ results: [] });
      const headers = { 'Content-Type': type };
      const answer = await http('POST', '/multi', { body: '{"operations": []}', headers });
      expect(answer.status).toBe(200);
    },
  );

  it.each([
    ['{', 'body: no valid JSON'],
    ['', 'body: must be an object, not nothing'],
    ['[]', 'body: must be an object, not an array'],
    ['{}', 'operations: is required'],
    ['{"operations": {}}', 'operations: must be an array, not an object'],
    ['{"operations": [], "more": 1}', 'more: unknown field'],
  ])('%s is refused', async (body, detail) => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http('POST', '/multi', { body, headers });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.problem().detail).toContain(detail);
  });

  it.each(['/multi', '/multi-read', '/sessions', '/znodes/a'])(
    'that are no UTF-8 are refused by POST %s, with the place',
    async (path) => {
      const body = Buffer.from('{"data": "München"}', 'latin1');
      const headers = { 'Content-Type': 'application/json' };
      const answer = await http('POST', path, { body, headers });
      expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
      expect(answer.problem().detail).toContain('byte 0xfc at offset 11');
    },
  );

  it('of another charset are refused, not read as UTF-8', async () => {
    const headers = { 'Content-Type': 'application/json; charset=ISO-8859-1' };
    const answer = await http('POST', '/multi', { body: '{"operations": []}', headers });
    expect(answer.problem()).toMatchObject({ status: 415, code: 'UNSUPPORTEDMEDIATYPE' });
    expect(answer.problem().detail).toContain('"ISO-8859-1"');
  });

  it('may begin with a byte order mark', async () => {
    coordinator.script = () => ({ results: [] });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http('POST', '/multi', { body: '\ufeff{"operations": []}', headers });
    expect(answer.status).toBe(200);
  });

  it('that nest too deep are refused with the limit', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const body = '['.repeat(65) + ']'.repeat(65);
    const answer = await http('POST', '/multi', { body, headers });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.problem().detail).toContain('the limit of 64 (limit jsonDepthMax)');
  });

  it.each([
    ['/znodes/a', true],
    ['/multi', false],
  ])(
    'of a form, as curl -d sends it to %s, is told of PUT where that helps',
    async (path, helps) => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const { detail } = (await http('POST', path, { body: 'x', headers })).problem();
      expect(detail).toContain('(curl -d sends that by default)');
      expect(detail.includes('use PUT (curl -X PUT -d)')).toBe(helps);
    },
  );

  it('have a limit, and its answer reaches a client that sends more', async () => {
    const body = JSON.stringify({ operations: [], x: 'x'.repeat(17 * 1024 * 1024) });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http('POST', '/multi', { body, headers });
    expect(answer.problem()).toMatchObject({ status: 413, code: 'TOOLARGE' });
    expect(answer.problem().detail).toContain(
      `a body of ${body.length} bytes exceeds the 16777216 bytes of JSON that go with the limit of 8388608 (limit transactionBytesMax)`,
    );
  });
});

describe('the page of the API', () => {
  it('has our name', async () => {
    const answer = await http('GET', '/docs/');
    expect(answer.text).toContain('<title>Zoogate: the API</title>');
  });
});

describe('browsers', () => {
  const own = () => `http://127.0.0.1:${port}`;

  it('a foreign Host on loopback is refused before anything else', async () => {
    const headers = { Host: 'evil.example' };
    for (const path of ['/znodes/a', '/nope', '/ws', '/docs', '/openapi.json', '/watch/a']) {
      const answer = await http('GET', path, { headers });
      expect(answer.problem()).toMatchObject({ status: 403, code: 'FORBIDDENHOST' });
    }
  });

  it('a foreign Origin is refused, the own one is not', async () => {
    const evil = await http('GET', '/openapi.json', {
      headers: { Origin: 'https://evil.example' },
    });
    expect(evil.problem()).toMatchObject({ status: 403, code: 'FORBIDDENORIGIN' });
    expect(evil.headers).not.toHaveProperty('access-control-allow-origin');
    const same = await http('GET', '/openapi.json', { headers: { Origin: own() } });
    expect(same.status).toBe(200);
    expect(same.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('an allowed Origin may read answers and their headers, failures included', async () => {
    const headers = { Origin: 'https://app.example', Accept: 'application/json' };
    coordinator.script = () => new CoordinationError('NONODE', 'missing');
    for (const path of ['/openapi.json', '/znodes/a', '/nope']) {
      const answer = await http('GET', path, { headers });
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example',
        vary: 'Origin',
      });
      const exposed = String(answer.headers['access-control-expose-headers']);
      for (const name of ['ETag', 'Location', 'Zk-Zxid', 'Zk-Session-Expires-In', 'Retry-After']) {
        expect(exposed).toContain(name);
      }
    }
  });

  it('a preflight is told what it may send', async () => {
    const headers = {
      Origin: 'https://app.example',
      'Access-Control-Request-Method': 'PUT',
      'Access-Control-Request-Headers': 'zk-session',
    };
    const answer = await http('OPTIONS', '/znodes/a', { headers });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-methods']).toContain('PUT');
    const allowed = String(answer.headers['access-control-allow-headers']);
    for (const name of ['Zk-Session', 'If-Match', 'Idempotency-Key', 'Authorization']) {
      expect(allowed).toContain(name);
    }
    const evil = await http('OPTIONS', '/znodes/a', {
      headers: { ...headers, Origin: 'https://evil.example' },
    });
    expect(evil.problem().status).toBe(403);
  });

  it('the page of the documents loads nothing from elsewhere', async () => {
    const page = await http('GET', '/docs/');
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|unsafe-eval|upgrade-insecure/);
    const script = await http('GET', '/docs/static/swagger-initializer.js');
    expect(script.text).toContain('"validatorUrl":null');
    // All but the description, before which the page says what to do first.
    const { info: _shown, ...shown } = (await http('GET', '/docs/json')).json();
    const { info: _served, ...served } = (await http('GET', '/openapi.json')).json();
    expect(shown).toEqual(served);
  });
});

describe('closing', () => {
  it('ends what waits with a refusal', async () => {
    const silent = new FakeCoordinator(() => undefined);
    const closing = await buildApp({
      coordinator: silent,
      settings: testSettings,
      logger: { error: () => undefined, warn: () => undefined },
      version: '0.0.0-test',
    });
    await closing.listen({ host: '127.0.0.1', port: 0 });
    const waiting = httpClient(urlOf(closing))('GET', '/watch/a');
    await expect.poll(() => silent.requests.length).toBe(1);
    await closing.close();
    const answer = await waiting;
    expect(answer.problem()).toMatchObject({ status: 503, code: 'CONNECTIONLOSS' });
    expect(silent.messages.at(-1)).toEqual({ type: 'close', stream: 1 });
  });
});
