import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stat } from '../../../../src/protocol/model.ts';
import { httpClient } from '../../../support/http-client.ts';
import type { Http, HttpRequestOptions } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

let node: MemoryNode;
let http: Http;

beforeAll(async () => {
  node = await startMemoryNode();
  http = httpClient(node.url);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

let count = 0;
const fresh = (): string => `t${(count += 1)}`;
const multi = (...operations: object[]) => http('POST', '/multi', { body: { operations } });

describe('POST /multi', () => {
  it('applies all at one zxid', async () => {
    const name = fresh();
    const answer = await multi(
      { op: 'create', path: `/${name}` },
      { op: 'create', path: `/${name}/n-`, sequential: true, data: 'a' },
      { op: 'set', path: `/${name}`, data: 'b', version: 0 },
      { op: 'check', path: `/${name}/none`, exists: false },
      { op: 'delete', path: `/${name}/n-0000000000` },
    );
    expect(answer.status).toBe(200);
    const { zxid, results } = answer.json() as { zxid: number; results: { stat?: Stat }[] };
    expect(answer.headers['zk-zxid']).toBe(String(zxid));
    expect(results).toMatchObject([
      { op: 'create', path: `/${name}`, code: 'OK', stat: { czxid: zxid } },
      { op: 'create', path: `/${name}/n-0000000000`, code: 'OK', sequence: 0 },
      { op: 'set', path: `/${name}`, code: 'OK', stat: { version: 1, mzxid: zxid } },
      { op: 'check', path: `/${name}/none`, code: 'OK' },
      { op: 'delete', path: `/${name}/n-0000000000`, code: 'OK' },
    ]);
  });

  it('applies nothing where one fails, and tells which', async () => {
    const name = fresh();
    const answer = await multi(
      { op: 'create', path: `/${name}` },
      { op: 'set', path: `/${name}`, version: 5 },
      { op: 'delete', path: `/${name}` },
    );
    expect(answer.problem()).toMatchObject({
      ...{ status: 412, code: 'BADVERSION', failedIndex: 1, outcome: 'not-applied' },
      results: [
        { op: 'create', path: `/${name}`, code: 'OK' },
        { op: 'set', path: `/${name}`, code: 'BADVERSION' },
        { op: 'delete', path: `/${name}`, code: 'RUNTIMEINCONSISTENCY' },
      ],
    });
    expect((await http('GET', `/znodes/${name}`)).status).toBe(404);
  });

  it('of nothing is a success', async () => {
    const answer = await multi();
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ results: [] });
  });

  it('ephemeral znodes need a session', async () => {
    const answer = await multi({ op: 'create', path: `/${fresh()}`, ephemeral: true });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'SESSIONREQUIRED' });
  });

  it('a fault is found before anything is done', async () => {
    const name = fresh();
    const answer = await multi({ op: 'create', path: `/${name}` }, { op: 'erase', path: '/' });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect(answer.problem().detail).toContain('operations[1].op');
  });
});

describe('POST /multi-read', () => {
  it('answers each with a code of its own, all at one zxid', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}/child?parents`, { body: 'x' });
    const answer = await http('POST', '/multi-read', {
      body: {
        operations: [
          { op: 'get', path: `/${name}/child` },
          { op: 'get', path: `/${name}/child`, encoding: 'base64' },
          { op: 'children', path: `/${name}` },
          { op: 'exists', path: `/${name}` },
          { op: 'acl', path: `/${name}` },
          { op: 'get', path: '/missing' },
        ],
        consistency: 'local',
      },
    });
    expect(answer.json()).toMatchObject({
      zxid: Number(answer.headers['zk-zxid']),
      results: [
        { op: 'get', code: 'OK', path: `/${name}/child`, data: 'x', encoding: 'utf8' },
        { op: 'get', code: 'OK', path: `/${name}/child`, data: 'eA==', encoding: 'base64' },
        { op: 'children', code: 'OK', path: `/${name}`, children: ['child'] },
        { op: 'exists', code: 'OK', path: `/${name}`, stat: { numChildren: 1 } },
        { op: 'acl', code: 'OK', acl: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }] },
        { op: 'get', code: 'NONODE', path: '/missing' },
      ],
    });
  });

  it('takes its consistency once', async () => {
    const body = { operations: [], consistency: 'local' };
    const answer = await http('POST', '/multi-read?consistency=local', { body });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    expect((await http('POST', '/multi-read', { body })).json()).toMatchObject({ results: [] });
  });
});

describe('POST /sync', () => {
  it('tells a state at or after everything that was committed', async () => {
    const written = await http('PUT', `/znodes/${fresh()}`);
    const answer = await http('POST', '/sync');
    expect(answer.status).toBe(200);
    const { zxid } = answer.json() as { zxid: number };
    expect(zxid).toBeGreaterThanOrEqual(Number(written.headers['zk-zxid']));
    expect(answer.headers['zk-zxid']).toBe(String(zxid));
  });
});

describe('Zk-Min-Zxid', () => {
  it('is answered at or after it, or not at all', async () => {
    const written = await http('PUT', `/znodes/${fresh()}`);
    const zxid = Number(written.headers['zk-zxid']);
    const reached = await http('GET', '/znodes', { headers: { 'Zk-Min-Zxid': String(zxid) } });
    expect(Number(reached.headers['zk-zxid'])).toBeGreaterThanOrEqual(zxid);
    const headers = { 'Zk-Min-Zxid': String(zxid + 1000) };
    const behind = await http('GET', '/znodes?wait=50ms', { headers });
    expect(behind.problem()).toMatchObject({ status: 503, code: 'BEHIND', retryable: true });
    expect(behind.headers['retry-after']).toBeDefined();
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string, more: HttpRequestOptions = {}): HttpRequestOptions => ({
    ...more,
    headers: { 'Idempotency-Key': key, ...more.headers },
  });

  it('a retry gets the first answer and writes nothing', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const attempt = () => http('PUT', `/znodes/${name}/n-?sequential`, keyed('k1', { body: 'x' }));
    const first = await attempt();
    await http('PUT', `/znodes/${fresh()}`);
    const again = await attempt();
    const { date: _first, ...headers } = first.headers;
    expect(again).toMatchObject({ status: first.status, text: first.text, headers });
    expect((await http('GET', `/children/${name}`)).json()).toMatchObject({
      children: ['n-0000000000'],
    });
  });

  it('may be quoted', async () => {
    const name = fresh();
    const first = await http('PUT', `/znodes/${name}`, keyed('"k2"'));
    const again = await http('PUT', `/znodes/${name}`, keyed('k2'));
    expect(again.headers['zk-zxid']).toBe(first.headers['zk-zxid']);
  });

  it('the same flag in another form is the same request', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const first = await http('PUT', `/znodes/${name}/?sequential&ttl=60s`, keyed('k3'));
    const again = await http('PUT', `/znodes/${name}/?ttl=1m&sequential=true`, keyed('k3'));
    expect(again.text).toBe(first.text);
  });

  it.each<[string, string, string, HttpRequestOptions]>([
    ['another body', 'PUT', '/k', { body: 'other' }],
    ['another path', 'PUT', '/l', { body: 'x' }],
    ['another query', 'PUT', '/k?parents', { body: 'x' }],
    ['a condition', 'PUT', '/k', { body: 'x', headers: { 'If-Match': '*' } }],
    ['an ACL', 'PUT', '/k', { body: 'x', headers: { 'Zk-Acl': 'world:anyone:r' } }],
    ['an identity', 'PUT', '/k', { body: 'x', headers: { Authorization: 'Basic YTpi' } }],
    ['another method', 'DELETE', '/k', {}],
  ])('%s under the same key is refused', async (_name, method, path, options) => {
    const [base, key] = [fresh(), fresh()];
    await http('PUT', `/znodes/${base}`);
    await http('PUT', `/znodes/${base}/k`, keyed(key, { body: 'x' }));
    const answer = await http(method, `/znodes/${base}${path}`, keyed(key, options));
    expect(answer.problem()).toMatchObject({ status: 422, code: 'IDEMPOTENCYCONFLICT' });
  });

  it('the same text as an ACL and as data are two requests', async () => {
    const [name, key] = [fresh(), fresh()];
    await http('PUT', `/znodes/${name}`);
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
    const set = await http('PUT', `/acl/${name}`, keyed(key, { body: acl }));
    expect(set.status).toBe(200);
    const put = await http('PUT', `/znodes/${name}`, keyed(key, { body: JSON.stringify(acl) }));
    expect(put.problem()).toMatchObject({ status: 422, code: 'IDEMPOTENCYCONFLICT' });
    expect((await http('GET', `/znodes/${name}`)).text).toBe('');
  });

  it('counts for every write', async () => {
    const name = fresh();
    const writes: [string, string, HttpRequestOptions][] = [
      ['POST', `/znodes/${name}`, { body: { data: 'x' } }],
      ['PUT', `/acl/${name}`, { body: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }] }],
      ['POST', '/multi', { body: { operations: [{ op: 'set', path: `/${name}` }] } }],
      ['DELETE', `/znodes/${name}`, {}],
    ];
    for (const [method, path, options] of writes) {
      const key = fresh();
      const first = await http(method, path, keyed(key, options));
      const again = await http(method, path, keyed(key, options));
      expect(first.status).toBeLessThan(300);
      expect(again).toMatchObject({ status: first.status, text: first.text });
      expect(again.headers['zk-zxid']).toBe(first.headers['zk-zxid']);
    }
  });

  it('a failure is not remembered', async () => {
    const name = fresh();
    const attempt = () => http('PUT', `/znodes/${name}/a`, keyed(name));
    expect((await attempt()).status).toBe(409);
    await http('PUT', `/znodes/${name}`);
    expect((await attempt()).status).toBe(201);
  });
});
