import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import { buildApp } from '../../../../src/gateway/app.ts';
import { CoordinationError } from '../../../../src/protocol/errors.ts';
import type { Stat } from '../../../../src/protocol/model.ts';
import type { Operation, Result } from '../../../../src/protocol/operations.ts';
import { FakeCoordinator, at } from '../../../support/fake-coordinator.ts';
import { testSettings } from '../../../support/gateway-settings.ts';
import { httpClient } from '../../../support/http-client.ts';
import type { Http, HttpRequestOptions } from '../../../support/http-client.ts';

const coordinator = new FakeCoordinator();
const errors: object[] = [];
let app: FastifyInstance;
let http: Http;

beforeAll(async () => {
  app = await buildApp({
    coordinator,
    settings: { ...testSettings, restConsistencyDefault: 'local' },
    logger: { error: (fields) => errors.push(fields), warn: () => undefined },
    version: '0.0.0-test',
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  http = httpClient(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
});

afterAll(async () => {
  expect(errors).toEqual([]);
  await app.close();
});

beforeEach(() => {
  coordinator.voters = 5;
  coordinator.script = ({ operation }) => resultOf(operation);
});

const stat: Stat = {
  ...{ czxid: 117, mzxid: 120, pzxid: 117, ctime: 1000, mtime: 2000 },
  ...{ version: 3, cversion: 4, aversion: 5, ephemeralOwner: 0 },
  ...{ dataLength: 5, numChildren: 0, kind: 'persistent' },
};

/** Any result of the right form. */
function resultOf(operation: Operation): Result {
  const path = at('/a');
  switch (operation.type) {
    case 'get':
      return { path, stat, data: new Uint8Array(5) };
    case 'children':
      return { path, stat, children: [] };
    case 'tree':
      return operation.count === true
        ? { path, descendants: 0 }
        : { path, nodes: [], truncated: false };
    case 'acl':
      return { path, stat, acl: [] };
    case 'multi':
    case 'multiRead':
      return { results: [] };
    case 'whoami':
      return { identities: [] };
    default:
      return { path, stat, created: true };
  }
}

const none = Buffer.alloc(0);
const x = Buffer.from('x');
const ip = { scheme: 'ip', id: '127.0.0.1' };

describe('the session of a request that reads nothing', () => {
  it.each(['GET /ensemble', 'POST /admin/snapshots', 'HEAD /watch/a'])(
    'is judged as of now by %s, since it may have ended elsewhere',
    async (route) => {
      const [method = '', path = ''] = route.split(' ');
      const asked: unknown[] = [];
      coordinator.script = (message) => {
        asked.push([message.operation.type, message.consistency]);
        return new CoordinationError('SESSIONEXPIRED', 'ended on another node');
      };
      const headers = { 'Zk-Session': '7:AAAAAAAAAAAAAAAAAAAAAA' };
      expect((await http(method, path, { headers })).status).toBe(410);
      expect(asked).toEqual([['whoami', 'linearizable']]);
    },
  );
});

describe('requests become operations', () => {
  it.each<[string, string, HttpRequestOptions, object]>([
    ['GET', '/znodes/a', {}, { type: 'get', path: '/a' }],
    ['HEAD', '/znodes/a', {}, { type: 'exists', path: '/a' }],
    ['GET', '/znodes', {}, { type: 'get', path: '/' }],
    ['GET', '/stat/a', {}, { type: 'exists', path: '/a' }],
    ['GET', '/children/a', {}, { type: 'children', path: '/a' }],
    [
      'GET',
      '/children/a?limit=5&after=b&with=data',
      {},
      { type: 'children', path: '/a', limit: 5, after: 'b', with: 'data' },
    ],
    ['GET', '/tree/a', {}, { type: 'tree', path: '/a' }],
    [
      'GET',
      '/tree?depth=0&limit=7&after=/a/b',
      {},
      { type: 'tree', path: '/', depth: 0, limit: 7, after: '/a/b' },
    ],
    ['GET', '/tree/a?count=1', {}, { type: 'tree', path: '/a', count: true }],
    ['GET', '/acl/a', {}, { type: 'acl', path: '/a' }],
    ['PUT', '/znodes/a', { body: 'x' }, { type: 'put', path: '/a', data: x }],
    ['PUT', '/znodes/a?parents', {}, { type: 'put', path: '/a', data: none, parents: true }],
    [
      'PUT',
      '/znodes/a',
      { headers: { 'Zk-Acl': 'world:anyone:r' } },
      { type: 'put', path: '/a', data: none, acl: [{ scheme: 'world', id: 'anyone', perms: 1 }] },
    ],
    [
      'PUT',
      '/znodes/a',
      { body: 'x', headers: { 'If-Match': '"3.117", 4' } },
      { type: 'set', path: '/a', data: x, condition: [{ version: 3, czxid: 117 }, { version: 4 }] },
    ],
    [
      'PUT',
      '/znodes/a',
      { headers: { 'If-Match': '*' } },
      { type: 'set', path: '/a', data: none, condition: 'exists' },
    ],
    [
      'PUT',
      '/znodes/a?version=3',
      {},
      { type: 'set', path: '/a', data: none, condition: [{ version: 3 }] },
    ],
    [
      'PUT',
      '/znodes/a',
      { headers: { 'If-None-Match': '*' } },
      { type: 'create', path: '/a', data: none, kind: 'persistent', sequential: false },
    ],
    [
      'PUT',
      '/znodes/q/?sequential&parents',
      {},
      {
        ...{ type: 'create', path: '/q/', data: none, kind: 'persistent', sequential: true },
        parents: true,
      },
    ],
    [
      'PUT',
      '/znodes/a?ttl=5m&sequential',
      {},
      { type: 'create', path: '/a', data: none, kind: 'ttl', sequential: true, ttlMs: 300_000 },
    ],
    [
      'POST',
      '/znodes/a',
      { body: { data: 'x', container: true }, headers: { 'Zk-Acl': 'auth::a' } },
      {
        ...{ type: 'create', path: '/a', data: x, kind: 'container', sequential: false },
        acl: [{ scheme: 'auth', id: '', perms: 16 }],
      },
    ],
    ['DELETE', '/znodes/a', {}, { type: 'delete', path: '/a' }],
    [
      'DELETE',
      '/znodes/a?recursive&version=-1',
      {},
      { type: 'delete', path: '/a', condition: 'exists', recursive: true },
    ],
    [
      'PUT',
      '/acl/a',
      {
        body: [{ scheme: 'world', id: 'anyone', perms: 'cd' }],
        headers: { 'If-Match': '"2.117"' },
      },
      {
        ...{ type: 'setAcl', path: '/a', condition: [{ version: 2, czxid: 117 }] },
        acl: [{ scheme: 'world', id: 'anyone', perms: 12 }],
      },
    ],
    ['POST', '/multi', { body: { operations: [] } }, { type: 'multi', operations: [] }],
    ['POST', '/sync', {}, { type: 'sync' }],
    ['GET', '/whoami', {}, { type: 'whoami' }],
  ])('%s %s %j', async (method, path, options, operation) => {
    const answer = await http(method, path, options);
    expect(answer.status).toBeLessThan(300);
    expect(coordinator.request.operation).toEqual(operation);
    expect(coordinator.request).toMatchObject({ stream: 0, caller: { identities: [ip] } });
  });

  it('sessions', async () => {
    const headers = { 'Zk-Session': '5:secret' };
    const caller = { identities: [ip], session: { id: 5, secret: 'secret' } };
    coordinator.script = () => ({ id: 5, timeoutMs: 1, expiresInMs: 1, ephemerals: 0, paths: [] });
    await http('POST', '/sessions', { body: { timeoutMs: 7000 } });
    expect(coordinator.request.operation).toEqual({ type: 'newSession', timeoutMs: 7000 });
    await http('GET', '/sessions/5', { headers });
    expect(coordinator.request).toMatchObject({ operation: { type: 'sessionInfo' }, caller });
    await http('POST', '/sessions/5/heartbeat', { headers });
    expect(coordinator.request).toMatchObject({
      ...{ operation: { type: 'sessionInfo', session: 5, touch: true }, caller },
      consistency: 'linearizable',
    });
    await http('GET', '/sessions/5/ephemerals', { headers });
    expect(coordinator.request.operation).toEqual({ type: 'ephemerals', session: 5 });
    await http('DELETE', '/sessions/5', { headers });
    expect(coordinator.request.operation).toEqual({ type: 'closeSession', session: 5 });
  });
});

describe('how a request wants to be answered', () => {
  it('a read has a consistency, the node default unless it says', async () => {
    await http('GET', '/znodes/a');
    expect(coordinator.request.consistency).toBe('local');
    await http('GET', '/znodes/a?consistency=linearizable');
    expect(coordinator.request.consistency).toBe('linearizable');
    await http('POST', '/multi-read', { body: { operations: [], consistency: 'linearizable' } });
    expect(coordinator.request.consistency).toBe('linearizable');
    await http('POST', '/sync');
    expect(coordinator.request.consistency).toBe('linearizable');
  });

  it.each([
    ['1', 1],
    ['5', 5],
    ['all', 'all'],
  ])('a write waits for %s voters', async (text, acks) => {
    await http('PUT', `/znodes/a?acks=${text}`);
    expect(coordinator.request.acks).toBe(acks);
  });

  it('there are no more voters than there are', async () => {
    const answer = await http('PUT', '/znodes/a?acks=6');
    expect(answer.problem()).toMatchObject({
      ...{ status: 400, code: 'BADARGUMENTS' },
      detail: 'query parameter "acks": "6" must be all or a number from 1 to 5',
    });
  });

  it('waits for a zxid as long as it says, at most as long as the node grants', async () => {
    const headers = { 'Zk-Min-Zxid': '500' };
    await http('GET', '/znodes/a', { headers });
    expect(coordinator.request).toMatchObject({ minZxid: 500 });
    expect(coordinator.request).not.toHaveProperty('minZxidWaitMs');
    await http('PUT', '/znodes/a?wait=2s', { headers });
    expect(coordinator.request).toMatchObject({ minZxid: 500, minZxidWaitMs: 2000 });
    await http('GET', '/znodes/a?wait=1h', { headers });
    expect(coordinator.request).toMatchObject({ minZxid: 500, minZxidWaitMs: 300_000 });
  });
});

describe('the 412 of a write', () => {
  it('shows the present entity tag where the coordinator tells it', async () => {
    const current = { version: 8, czxid: 100 };
    coordinator.script = () => new CoordinationError('BADVERSION', '', { current });
    const answer = await http('PUT', '/znodes/a', { headers: { 'If-Match': '3' } });
    expect(answer.status).toBe(412);
    expect(answer.headers.etag).toBe('"8.100"');
    expect(answer.text).not.toContain('current');
  });
});
