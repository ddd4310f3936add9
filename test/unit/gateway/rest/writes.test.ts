import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stat } from '../../../../src/protocol/model.ts';
import { httpClient } from '../../../support/http-client.ts';
import type { Http, HttpRequestOptions } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

let node: MemoryNode;
let http: Http;

beforeAll(async () => {
  node = await startMemoryNode({ limits: { znodeDataBytesMax: 1000, childrenUnpagedMax: 5 } });
  http = httpClient(node.url);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

let count = 0;
/** A name that no other test has. */
const fresh = (): string => `n${(count += 1)}`;

async function put(path: string, body = '', options: HttpRequestOptions = {}): Promise<Stat> {
  const answer = await http('PUT', `/znodes/${path}`, { body, ...options });
  expect(answer.status).toBeLessThan(202);
  return answer.json()['stat'] as Stat;
}

describe('PUT /znodes', () => {
  it('creates, then replaces', async () => {
    const name = fresh();
    const created = await http('PUT', `/znodes/${name}`, { body: 'one' });
    expect(created.status).toBe(201);
    expect(created.headers.location).toBe(`/znodes/${name}`);
    expect(created.json()).toMatchObject({ path: `/${name}`, name, created: true });
    const replaced = await http('PUT', `/znodes/${name}`, { body: 'two' });
    expect(replaced.status).toBe(200);
    expect(replaced.headers).not.toHaveProperty('location');
    expect(replaced.headers['zk-version']).toBe('1');
    const body = replaced.json() as { zxid: number; stat: Stat };
    expect(body).toMatchObject({ created: false, stat: { version: 1, dataLength: 3 } });
    expect(replaced.headers['zk-zxid']).toBe(String(body.zxid));
    expect(body.stat.mzxid).toBe(body.zxid);
  });

  it('takes any content type, or none, or one that is none', async () => {
    const name = fresh();
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'nonsense;;=']) {
      const headers = { 'Content-Type': type };
      await http('PUT', `/znodes/${name}`, { body: '{"not json', headers });
      expect((await http('GET', `/znodes/${name}`)).text).toBe('{"not json');
    }
    await http('PUT', `/znodes/${name}`);
    expect((await http('GET', `/znodes/${name}`)).text).toBe('');
  });

  it('takes as many bytes as the limit allows and tells both numbers', async () => {
    const name = fresh();
    await put(name, 'x'.repeat(1000));
    const more = await http('PUT', `/znodes/${name}`, { body: 'x'.repeat(1001) });
    expect(more.problem()).toMatchObject({
      ...{ status: 413, code: 'TOOLARGE' },
      detail:
        'a body of 1001 bytes exceeds the limit of 1000 (limit znodeDataBytesMax); divide it among several znodes',
    });
    const chunked = await http('PUT', `/znodes/${name}`, {
      body: 'x'.repeat(1001),
      headers: { 'Transfer-Encoding': 'chunked' },
    });
    expect(chunked.problem().detail).toMatch(/at least 1001 bytes exceeds the limit of 1000/);
  });

  it('takes no encoded body', async () => {
    const headers = { 'Content-Encoding': 'gzip' };
    const answer = await http('PUT', `/znodes/${fresh()}`, { body: 'x', headers });
    expect(answer.problem()).toMatchObject({ status: 415, code: 'UNSUPPORTEDMEDIATYPE' });
  });

  it('with If-Match only replaces, at that version', async () => {
    const name = fresh();
    const { czxid } = await put(name);
    const attempt = (tag: string) =>
      http('PUT', `/znodes/${name}`, { headers: { 'If-Match': tag } }).then(({ status }) => status);
    expect(await attempt(`"0.${czxid}"`)).toBe(200);
    expect(await attempt(`"0.${czxid}"`)).toBe(412);
    expect(await attempt('"1"')).toBe(200);
    expect(await attempt('2')).toBe(200);
    expect(await attempt('"9", "3"')).toBe(200);
    expect(await attempt('*')).toBe(200);
    expect(await attempt(`"5.${czxid};0.0"`)).toBe(200);
    expect(await attempt(`"6.${czxid - 1}"`)).toBe(412);
    expect(await attempt('W/"6"')).toBe(400);
    expect(await attempt('"-1"')).toBe(200);
    expect(await attempt('rubbish')).toBe(400);
  });

  it('a failed If-Match tells the present entity tag', async () => {
    const name = fresh();
    const { czxid } = await put(name);
    const answer = await http('PUT', `/znodes/${name}`, { headers: { 'If-Match': '"7"' } });
    expect(answer.problem()).toMatchObject({ status: 412, code: 'BADVERSION' });
    expect(answer.headers.etag).toBe(`"0.${czxid}"`);
  });

  it('with If-Match on a missing znode is a failed precondition', async () => {
    for (const path of [fresh(), `${fresh()}/child`]) {
      const answer = await http('PUT', `/znodes/${path}`, { headers: { 'If-Match': '*' } });
      expect(answer.problem()).toMatchObject({ status: 412, code: 'NONODE' });
    }
  });

  it('version is If-Match in the query', async () => {
    const name = fresh();
    await put(name);
    expect((await http('PUT', `/znodes/${name}?version=0`)).status).toBe(200);
    expect((await http('PUT', `/znodes/${name}?version=0`)).status).toBe(412);
    expect((await http('PUT', `/znodes/${name}?version=-1`)).status).toBe(200);
    expect((await http('PUT', `/znodes/${fresh()}?version=-1`)).status).toBe(412);
  });

  it('with If-None-Match: * only creates', async () => {
    const name = fresh();
    const headers = { 'If-None-Match': '*' };
    expect((await http('PUT', `/znodes/${name}`, { headers })).status).toBe(201);
    const again = await http('PUT', `/znodes/${name}`, { headers });
    expect(again.problem()).toMatchObject({ status: 412, code: 'NODEEXISTS', path: `/${name}` });
    expect(again.headers.etag).toBe((await http('GET', `/znodes/${name}`)).headers.etag);
  });

  it('with If-None-Match: * tells the tag of what is there to those who may read it', async () => {
    const name = fresh();
    await put(name, '', { headers: { 'Zk-Acl': 'world:anyone:cdwa' } });
    const again = await http('PUT', `/znodes/${name}`, { headers: { 'If-None-Match': '*' } });
    expect(again.status).toBe(412);
    expect(again.headers).not.toHaveProperty('etag');
  });

  it.each([
    ['?version=1', { 'If-Match': '"1"' }],
    ['?version=1', { 'If-None-Match': '*' }],
    ['', { 'If-Match': '"1"', 'If-None-Match': '*' }],
    ['', { 'If-None-Match': '"1"' }],
    ['?sequential', { 'If-Match': '*' }],
    ['?ttl=60s&version=1', {}],
    ['?container', { 'If-Match': '*' }],
    ['?container&sequential', {}],
    ['?container&ttl=60s', {}],
    ['?ttl=0s', {}],
    ['?ttl=60', {}],
    ['?seqential', {}],
    ['?sequential&sequential', {}],
    ['?sequential=yes', {}],
    ['?acks=2', {}],
    ['?acks=0', {}],
    ['?wait=5s', {}],
    ['', { 'Zk-Min-Zxid': 'x' }],
    ['', { 'If-Match': '*', 'Zk-Acl': 'world:anyone:r' }],
    ['', { 'Idempotency-Key': 'k'.repeat(256) }],
  ])('PUT %s with %j contradicts itself or says nothing', async (query, headers) => {
    const answer = await http('PUT', `/znodes/${fresh()}${query}`, { headers });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it('with options only creates', async () => {
    const name = fresh();
    const kinds = {
      'container=1': 'container',
      'ttl=60s': 'ttl',
      'sequential=false': 'persistent',
    };
    for (const [query, kind] of Object.entries(kinds)) {
      const answer = await http('PUT', `/znodes/${name}-${kind}?${query}`);
      expect(answer.json()).toMatchObject({ created: true, stat: { kind } });
    }
    const again = await http('PUT', `/znodes/${name}-ttl?ttl=60s`);
    expect(again.problem()).toMatchObject({ status: 409, code: 'NODEEXISTS' });
    const headers = { 'If-None-Match': '*' };
    expect((await http('PUT', `/znodes/${name}-ttl?ttl=60s`, { headers })).status).toBe(412);
    const ttl = await http('GET', `/znodes/${name}-ttl`);
    expect(ttl.headers['zk-stat']).toMatch(/kind=ttl, ttl=60000$/);
  });

  it('sequential names come back with their number', async () => {
    const name = fresh();
    await put(name);
    const first = await http('PUT', `/znodes/${name}/task-?sequential=true`);
    expect(first.status).toBe(201);
    expect(first.headers.location).toBe(`/znodes/${name}/task-0000000000`);
    expect(first.json()).toMatchObject({
      ...{ path: `/${name}/task-0000000000`, name: 'task-0000000000', sequence: 0, created: true },
    });
    const second = await http('PUT', `/znodes/${name}/?sequential`);
    expect(second.json()).toMatchObject({ path: `/${name}/0000000001`, sequence: 1 });
  });

  it('a missing parent is a conflict that names it, unless parents are made', async () => {
    const name = fresh();
    const answer = await http('PUT', `/znodes/${name}/b/c`);
    expect(answer.problem()).toMatchObject({ status: 409, code: 'NONODE', path: `/${name}/b` });
    const made = await http('PUT', `/znodes/${name}/b/c?parents`, { body: 'x' });
    expect(made.status).toBe(201);
    expect((await http('PUT', `/znodes/${name}/b/c?parents`)).status).toBe(200);
  });

  it('ephemeral needs a session', async () => {
    const answer = await http('PUT', `/znodes/${fresh()}?ephemeral`);
    expect(answer.problem()).toMatchObject({ status: 400, code: 'SESSIONREQUIRED' });
  });

  it('an ACL is for a new znode only', async () => {
    const name = fresh();
    const headers = { 'Zk-Acl': 'world:anyone:r, ip:127.0.0.1:cdrwa' };
    expect((await http('PUT', `/znodes/${name}`, { headers })).status).toBe(201);
    const acl = await http('GET', `/acl/${name}`);
    expect(acl.json()).toMatchObject({
      acl: [
        { scheme: 'world', id: 'anyone', perms: 'r' },
        { scheme: 'ip', id: '127.0.0.1', perms: 'cdrwa' },
      ],
    });
    const again = await http('PUT', `/znodes/${name}`, { headers });
    expect(again.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    const bad = await http('PUT', `/znodes/${fresh()}`, { headers: { 'Zk-Acl': 'auth::r' } });
    expect(bad.problem()).toMatchObject({ status: 400, code: 'INVALIDACL' });
  });

  it('Prefer: return=minimal leaves the body out', async () => {
    const name = fresh();
    const headers = { Prefer: 'respond-async, return=minimal' };
    const answer = await http('PUT', `/znodes/${name}`, { body: 'x', headers });
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers).toMatchObject({
      'preference-applied': 'return=minimal',
      location: `/znodes/${name}`,
    });
    const other = await http('PUT', `/znodes/${name}`, { headers: { Prefer: 'handling=strict' } });
    expect(other.headers).not.toHaveProperty('preference-applied');
  });

  it('waits for as many voters as asked', async () => {
    for (const acks of ['1', 'all']) {
      expect((await http('PUT', `/znodes/${fresh()}?acks=${acks}`)).status).toBe(201);
    }
  });
});

describe('POST /znodes', () => {
  const post = (path: string, body?: object) =>
    http('POST', `/znodes/${path}`, body === undefined ? {} : { body });

  it('creates with everything in the body, and only creates', async () => {
    const name = fresh();
    const acl = [{ scheme: 'ip', id: '127.0.0.1', perms: 'cdrwa' }];
    const body = { data: 'aGk=', encoding: 'base64', ttlMs: 60_000, parents: true, acl };
    const created = await post(`${name}/a`, body);
    expect(created.status).toBe(201);
    expect(created.headers.location).toBe(`/znodes/${name}/a`);
    expect(created.json()).toMatchObject({ stat: { kind: 'ttl', ttlMs: 60_000, dataLength: 2 } });
    expect((await post(`${name}/a`, body)).problem()).toMatchObject({
      ...{ status: 409, code: 'NODEEXISTS' },
    });
  });

  it('needs no body', async () => {
    expect((await post(fresh())).status).toBe(201);
  });

  it('sequential', async () => {
    const name = fresh();
    await put(name);
    const answer = await post(`${name}/`, { sequential: true });
    expect(answer.json()).toMatchObject({ path: `/${name}/0000000000`, sequence: 0 });
  });

  it('If-None-Match: * makes the conflict a failed precondition', async () => {
    const name = fresh();
    await put(name);
    const answer = await http('POST', `/znodes/${name}`, { headers: { 'If-None-Match': '*' } });
    expect(answer.problem()).toMatchObject({ status: 412, code: 'NODEEXISTS' });
    const match = await http('POST', `/znodes/${name}`, { headers: { 'If-Match': '*' } });
    expect(match.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it.each([
    [
      { date: 'x' },
      'date: unknown field, known are data, encoding, ephemeral, sequential, container, ttlMs, acl, inheritAcl, parents',
    ],
    [{ data: 5 }, 'data: must be a string, not 5'],
    [{ encoding: 'hex' }, 'encoding: must be one of "utf8", "base64", not "hex"'],
    [{ data: '!', encoding: 'base64' }, 'data: not valid base64'],
    [{ ephemeral: 'yes' }, 'ephemeral: must be a boolean, not "yes"'],
    [{ ttlMs: 1.5 }, 'ttlMs: must be an integer, not 1.5'],
    [{ acl: [{ scheme: 'world', id: 'anyone' }] }, 'acl[0].perms: is required'],
    [[], 'body: must be an object, not an array'],
  ])('%j is refused and named', async (body, detail) => {
    const answer = await post(fresh(), body);
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS', detail });
  });

  it('null is a body, and no object', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http('POST', `/znodes/${fresh()}`, { headers, body: 'null' });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it('more data than the limit is refused, though the body may be longer', async () => {
    const name = fresh();
    const fits = await http('POST', `/znodes/${name}`, {
      headers: { 'Content-Type': 'application/json' },
      body: `{"data": "${'\\u0061'.repeat(1000)}"}`,
    });
    expect(fits.status).toBe(201);
    const answer = await post(fresh(), { data: 'a'.repeat(1001) });
    expect(answer.problem()).toMatchObject({
      ...{
        status: 413,
        detail:
          'data: 1001 bytes exceed the limit of 1000 (limit znodeDataBytesMax); divide it among several znodes',
      },
    });
  });
});

describe('DELETE /znodes', () => {
  it('deletes, once', async () => {
    const name = fresh();
    await put(name);
    const gone = await http('DELETE', `/znodes/${name}`);
    expect(gone).toMatchObject({ status: 204, text: '' });
    expect(Number(gone.headers['zk-zxid'])).toBeGreaterThan(0);
    for (const headers of [{}, { 'If-Match': '*' }]) {
      const again = await http('DELETE', `/znodes/${name}`, { headers });
      expect(again.problem()).toMatchObject({ status: 404, code: 'NONODE' });
    }
  });

  it('under a condition', async () => {
    const name = fresh();
    await put(name);
    const wrong = await http('DELETE', `/znodes/${name}`, { headers: { 'If-Match': '"5"' } });
    expect(wrong.problem()).toMatchObject({ status: 412, code: 'BADVERSION' });
    expect((await http('DELETE', `/znodes/${name}?version=0`)).status).toBe(204);
  });

  it('a znode with children only as a whole', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}/a/b?parents`);
    const kept = await http('DELETE', `/znodes/${name}`);
    expect(kept.problem()).toMatchObject({ status: 409, code: 'NOTEMPTY' });
    expect((await http('DELETE', `/znodes/${name}?recursive`)).status).toBe(204);
    expect((await http('GET', `/stat/${name}`)).status).toBe(404);
  });

  it('what exists from the start stays', async () => {
    const answer = await http('DELETE', '/znodes');
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it('takes no If-None-Match', async () => {
    const answer = await http('DELETE', '/znodes/a', { headers: { 'If-None-Match': '*' } });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });
});

describe('ACL', () => {
  it('is read and replaced, under a condition on its own version', async () => {
    const name = fresh();
    const { czxid } = await put(name);
    const before = await http('GET', `/acl/${name}`);
    expect(before.headers.etag).toBe(`"0.${czxid}"`);
    const body = [{ scheme: 'world', id: 'anyone', perms: 'ra' }];
    const set = await http('PUT', `/acl/${name}`, { body, headers: { 'If-Match': '"0"' } });
    expect(set.status).toBe(200);
    expect(set.headers.etag).toBe(`"1.${czxid}"`);
    expect(set.json()).toMatchObject({ path: `/${name}`, stat: { aversion: 1, version: 0 } });
    const again = await http('PUT', `/acl/${name}`, { body, headers: { 'If-Match': '"0"' } });
    expect(again.problem()).toMatchObject({ status: 412, code: 'BADVERSION' });
    const after = await http('GET', `/acl/${name}`);
    expect(after.json()).toMatchObject({ acl: body });
    const headers = { 'If-None-Match': String(after.headers.etag) };
    expect((await http('GET', `/acl/${name}`, { headers })).status).toBe(304);
  });

  it.each([
    [[], 400, 'INVALIDACL'],
    [[{ scheme: 'world', id: 'anyone', perms: 'x' }], 400, 'INVALIDACL'],
    [[{ scheme: 'nope', id: 'x', perms: 'r' }], 400, 'INVALIDACL'],
    [{}, 400, 'BADARGUMENTS'],
  ])('%j is refused with %i %s', async (body, status, code) => {
    const name = fresh();
    await put(name);
    expect((await http('PUT', `/acl/${name}`, { body })).problem()).toMatchObject({ status, code });
  });

  it('of nothing is no ACL', async () => {
    const name = fresh();
    await put(name);
    expect((await http('PUT', `/acl/${name}`)).problem()).toMatchObject({ status: 400 });
  });
});
