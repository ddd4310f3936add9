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

describe('GET /znodes', () => {
  it('gives raw bytes with what is known of them in headers', async () => {
    const name = fresh();
    const bytes = Uint8Array.from([0, 255, 10, 13]);
    await http('PUT', `/znodes/${name}`, { body: bytes });
    const answer = await http('GET', `/znodes/${name}`);
    expect(answer.status).toBe(200);
    expect([...answer.bytes]).toEqual([...bytes]);
    const { czxid = '' } =
      /czxid=(?<czxid>\d+)/.exec(String(answer.headers['zk-stat']))?.groups ?? {};
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '4',
      etag: `"0.${czxid}"`,
      'zk-version': '0',
      'zk-server': '1',
      'zk-zxid': czxid,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(answer.headers['zk-stat']).toMatch(
      /^czxid=\d+, mzxid=\d+, pzxid=\d+, ctime=\d+, mtime=\d+, version=0, cversion=0, aversion=0, ephemeral-owner=0, data-length=4, num-children=0, kind=persistent$/,
    );
  });

  it.each([
    [undefined, 'application/octet-stream'],
    ['*/*', 'application/octet-stream'],
    ['text/html,*/*;q=0.8', 'application/octet-stream'],
    ['application/json', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    // Equal weights: bytes, unless JSON alone is named.
    ['application/octet-stream, application/json', 'application/octet-stream'],
    ['application/json, application/octet-stream', 'application/octet-stream'],
    ['application/json;q=0.5, application/octet-stream;q=0.5', 'application/octet-stream'],
    ['application/*', 'application/octet-stream'],
    ['application/json;q=0.5, */*', 'application/octet-stream'],
    ['application/json, */*;q=0.5', 'application/json'],
    ['application/octet-stream;q=0.5, application/json', 'application/json'],
    ['application/octet-stream, application/json;q=0.5', 'application/octet-stream'],
    ['application/json;q=0', 'application/octet-stream'],
  ])('Accept %s gets %s', async (accept, type) => {
    const name = fresh();
    await put(name, 'text');
    const headers = accept === undefined ? {} : { Accept: accept };
    const answer = await http('GET', `/znodes/${name}`, { headers });
    expect(answer.headers['content-type']).toBe(type);
  });

  it('as JSON has another entity tag, which children change', async () => {
    const name = fresh();
    const stat = await put(name, 'text');
    const headers = { Accept: 'application/json' };
    const before = await http('GET', `/znodes/${name}`, { headers });
    expect(before.json()).toEqual({ path: `/${name}`, data: 'text', encoding: 'utf8', stat });
    expect(before.headers.vary).toBe('Accept');
    expect(before.headers.etag).toBe(`"0.${stat.czxid};0.0"`);
    await put(`${name}/child`);
    const after = await http('GET', `/znodes/${name}`, { headers });
    expect(after.headers.etag).toBe(`"0.${stat.czxid};1.0"`);
    const raw = await http('GET', `/znodes/${name}`);
    expect(raw.headers.etag).toBe(`"0.${stat.czxid}"`);
  });

  it('shows bytes that are no text, and text on request, as base64', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`, { body: Uint8Array.from([255]) });
    const headers = { Accept: 'application/json' };
    const bytes = await http('GET', `/znodes/${name}`, { headers });
    expect(bytes.json()).toMatchObject({ data: '/w==', encoding: 'base64' });
    await put(name, 'a');
    const text = await http('GET', `/znodes/${name}?encoding=base64`, { headers });
    expect(text.json()).toMatchObject({ data: 'YQ==', encoding: 'base64' });
  });

  it.each(['', 'W/'])('answers 304 to the entity tag it gave (%sweakly)', async (weak) => {
    const name = fresh();
    await put(name, 'text');
    const { headers } = await http('GET', `/znodes/${name}`);
    const etag = String(headers.etag);
    const same = await http('GET', `/znodes/${name}`, {
      headers: { 'If-None-Match': weak + etag },
    });
    expect(same).toMatchObject({ status: 304, text: '' });
    expect(same.headers).toMatchObject({ etag, 'zk-server': '1' });
    expect(same.headers).not.toHaveProperty('content-length');
    await put(name, 'text');
    const other = await http('GET', `/znodes/${name}`, { headers: { 'If-None-Match': etag } });
    expect(other.status).toBe(200);
  });

  it('of a missing znode is 404', async () => {
    const answer = await http('GET', '/znodes/missing');
    expect(answer.status).toBe(404);
    expect(answer.problem()).toMatchObject({
      ...{ code: 'NONODE', zkCode: -101, path: '/missing', outcome: 'not-applied' },
      ...{ instance: '/znodes/missing', retryable: false, status: 404 },
    });
    expect(answer.problem().zxid).toBe(Number(answer.headers['zk-zxid']));
  });

  it('HEAD has the headers and no body, also where it fails', async () => {
    const name = fresh();
    await put(name, 'text');
    for (const accept of ['*/*', 'application/json']) {
      const headers = { Accept: accept };
      const head = await http('HEAD', `/znodes/${name}`, { headers });
      const get = await http('GET', `/znodes/${name}`, { headers });
      const { date: _one, ...of } = head.headers;
      const { date: _other, ...expected } = get.headers;
      expect(head.text).toBe('');
      expect(of).toEqual(expected);
    }
    const missing = await http('HEAD', '/znodes/missing');
    expect(missing).toMatchObject({ status: 404, text: '' });
    expect(missing.headers['content-type']).toBe('application/problem+json');
  });
});

describe('paths', () => {
  it('/znodes and /znodes/ are the root', async () => {
    for (const path of ['/znodes', '/znodes/']) {
      const answer = await http('GET', path, { headers: { Accept: 'application/json' } });
      expect(answer.json()).toMatchObject({ path: '/' });
    }
  });

  it('a slash may be encoded', async () => {
    const name = fresh();
    await put(name);
    await put(`${name}/child`, 'x');
    const answer = await http('GET', `/znodes/${name}%2Fchild`);
    expect(answer.text).toBe('x');
  });

  it('are decoded once, and come back encoded', async () => {
    const name = `${fresh()} grün%25 +;a`;
    const encoded = encodeURIComponent(name);
    const created = await http('PUT', `/znodes/${encoded}`, { body: '' });
    expect(created.headers.location).toBe(`/znodes/${encoded}`);
    expect(created.json()).toMatchObject({ path: `/${name}`, name });
    const again = await http('GET', String(created.headers.location));
    expect(again.status).toBe(200);
  });

  it.each(['/a/', '//a', '/a//b', '/.', '/..', '/a/./b', '/a%00', '/%F0%9F%98%80', '/%EE%80%80'])(
    '%s is refused before anything else',
    async (path) => {
      const answer = await http('GET', `/znodes${path}`, { headers: { 'Zk-Session': 'bad' } });
      expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    },
  );

  it('an escape that is none is refused', async () => {
    const answer = await http('GET', '/znodes/%zz');
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it('a path may be 4096 characters long', async () => {
    const long = 'ä'.repeat(4095);
    const there = await http('GET', `/znodes/${encodeURIComponent(long)}`);
    expect(there.problem().code).toBe('NONODE');
    const longer = await http('GET', `/znodes/${encodeURIComponent(`${long}ä`)}`);
    expect(longer.problem()).toMatchObject({
      ...{ status: 400, code: 'BADARGUMENTS' },
      detail:
        'path: 4097 characters exceed the limit of 4096 (limit pathLengthMax); use shorter names',
    });
  });
});

describe('stat, children, subtree', () => {
  it('GET /stat', async () => {
    const name = fresh();
    const stat = await put(name, 'text');
    const answer = await http('GET', `/stat/${name}`);
    expect(answer.json()).toEqual({ path: `/${name}`, stat });
    expect(answer.headers).toMatchObject({ etag: `"0.${stat.czxid};0.0"`, vary: 'Accept' });
    const headers = { 'If-None-Match': String(answer.headers.etag) };
    expect((await http('GET', `/stat/${name}`, { headers })).status).toBe(304);
    expect((await http('HEAD', `/stat/${name}`)).headers['content-length']).toBe(
      answer.headers['content-length'],
    );
    expect((await http('GET', '/stat/missing')).status).toBe(404);
  });

  it('GET /children', async () => {
    const name = fresh();
    const { czxid } = await put(name);
    for (const child of ['b', 'a', 'ä']) await put(`${name}/${encodeURIComponent(child)}`, child);
    const answer = await http('GET', `/children/${name}`);
    expect(answer.json()).toMatchObject({ path: `/${name}`, children: ['a', 'b', 'ä'] });
    expect(answer.headers.etag).toBe(`"3.${czxid}"`);
    const headers = { 'If-None-Match': `"3.${czxid}"` };
    expect((await http('GET', `/children/${name}`, { headers })).status).toBe(304);
    expect((await http('GET', '/children/missing')).problem().code).toBe('NONODE');
  });

  it('in pages', async () => {
    const name = fresh();
    await put(name);
    for (const child of ['a', 'b', 'c']) await put(`${name}/${child}`);
    const first = await http('GET', `/children/${name}?limit=2`);
    expect(first.json()).toMatchObject({ children: ['a', 'b'], next: 'b' });
    expect(first.headers).not.toHaveProperty('etag');
    const rest = await http('GET', `/children/${name}?limit=2&after=b`);
    expect(rest.json()).toMatchObject({ children: ['c'] });
    expect(rest.json()).not.toHaveProperty('next');
  });

  it('with stat or data', async () => {
    const name = fresh();
    await put(name);
    const stat = await put(`${name}/a`, 'text');
    const withStat = await http('GET', `/children/${name}?with=stat`);
    expect(withStat.json()).toMatchObject({ children: [{ name: 'a', stat }] });
    expect(withStat.headers).not.toHaveProperty('etag');
    const withData = await http('GET', `/children/${name}?with=data&encoding=base64`);
    expect(withData.json()).toMatchObject({
      children: [{ name: 'a', stat, data: 'dGV4dA==', encoding: 'base64' }],
    });
  });

  it('more children than the limit only in pages', async () => {
    const name = fresh();
    await put(name);
    for (let child = 0; child < 6; child++) await put(`${name}/${child}`);
    const answer = await http('GET', `/children/${name}`);
    expect(answer.problem()).toMatchObject({ status: 413, code: 'TOOLARGE' });
    expect((await http('GET', `/children/${name}?limit=6`)).status).toBe(200);
  });

  it('GET /tree', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}/a/b?parents`);
    await http('PUT', `/znodes/${name}/c`);
    const paths = (body: Record<string, unknown>) =>
      (body['nodes'] as { path: string }[]).map(({ path }) => path.slice(name.length + 1));
    const all = await http('GET', `/tree/${name}`);
    expect(paths(all.json())).toEqual(['', '/a', '/a/b', '/c']);
    expect(all.json()).toMatchObject({ path: `/${name}`, truncated: false });
    expect(all.json()['zxid']).toBe(Number(all.headers['zk-zxid']));
    const shallow = await http('GET', `/tree/${name}?depth=1`);
    expect(paths(shallow.json())).toEqual(['', '/a', '/c']);
    const page = await http('GET', `/tree/${name}?limit=2`);
    expect(page.json()).toMatchObject({ next: `/${name}/a`, truncated: true });
    const rest = await http('GET', `/tree/${name}?after=/${name}/a`);
    expect(paths(rest.json())).toEqual(['/a/b', '/c']);
    const counted = await http('GET', `/tree/${name}?count`);
    expect(counted.json()).toEqual({ path: `/${name}`, descendants: 3 });
    for (const query of ['after=x', 'count&depth=1', 'count&limit=5', 'limit=0', 'limit=10001']) {
      const answer = await http('GET', `/tree/${name}?${query}`);
      expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    }
  });
});
