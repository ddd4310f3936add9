import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { httpClient, responseTo, send } from '../../../support/http-client.ts';
import type { Http, HttpAnswer } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

let node: MemoryNode;
let http: Http;

beforeAll(async () => {
  node = await startMemoryNode({ limits: { streamsMax: 3, longPollMaxMs: 20_000 } });
  http = httpClient(node.url);
});

afterEach(async () => {
  // Whatever ends a long poll, nothing of it stays in the node.
  await expect.poll(() => node.parts.router.streamCount).toBe(0);
  expect(node.replica.metrics().watches).toBe(0);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

let count = 0;
const fresh = (): string => `p${(count += 1)}`;

async function etagOf(path: string, accept = '*/*'): Promise<string> {
  return String((await http('GET', path, { headers: { Accept: accept } })).headers.etag);
}

/** Sends a long poll and resolves when it waits. */
async function waiting(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ readonly answer: Promise<HttpAnswer>; readonly settled: () => boolean }> {
  let isSettled = false;
  const before = node.replica.metrics().watches;
  const answer = http('GET', path, { headers }).finally(() => (isSettled = true));
  await expect.poll(() => node.replica.metrics().watches).toBe(before + 1);
  return { answer, settled: () => isSettled };
}

describe('waiting for another entity tag', () => {
  it('ends at once where it is another already', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`, { body: 'x' });
    const headers = { 'If-None-Match': '"9.9"' };
    expect(await http('GET', `/znodes/${name}?wait=20s`, { headers })).toMatchObject({
      ...{ status: 200, text: 'x' },
    });
  });

  it('ends with the change', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`, { body: 'old' });
    const poll = await waiting(`/znodes/${name}?wait=20s`, {
      'If-None-Match': await etagOf(`/znodes/${name}`),
    });
    const written = await http('PUT', `/znodes/${name}`, { body: 'new' });
    const answer = await poll.answer;
    expect(answer).toMatchObject({ status: 200, text: 'new' });
    expect(answer.headers.etag).toBe(written.headers.etag);
    expect(Number(answer.headers['zk-zxid'])).toBeGreaterThanOrEqual(
      Number(written.headers['zk-zxid']),
    );
  });

  it('is 304 at the end', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const etag = await etagOf(`/znodes/${name}`);
    const begun = performance.now();
    const answer = await http('GET', `/znodes/${name}?wait=100ms`, {
      headers: { 'If-None-Match': etag },
    });
    expect(answer).toMatchObject({ status: 304, text: '' });
    expect(answer.headers.etag).toBe(etag);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(95);
  });

  it('is clamped to what the node grants', async () => {
    const other = await startMemoryNode({ limits: { longPollMaxMs: 400 } });
    try {
      const begun = performance.now();
      const path = '/znodes/none?wait=1h&until=exists';
      const answer = await httpClient(other.url)('GET', path);
      expect(answer.status).toBe(404);
      expect(performance.now() - begun).toBeGreaterThanOrEqual(395);
    } finally {
      await other.close();
    }
  });

  it('of no time is an ordinary conditional read', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const headers = { 'If-None-Match': await etagOf(`/znodes/${name}`) };
    expect((await http('GET', `/znodes/${name}?wait=0s`, { headers })).status).toBe(304);
  });

  it('is 404 when the znode goes', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const poll = await waiting(`/znodes/${name}?wait=20s`, { 'If-None-Match': '*' });
    await http('DELETE', `/znodes/${name}`);
    expect((await poll.answer).problem()).toMatchObject({ status: 404, code: 'NONODE' });
  });

  it('is 403 when READ is lost', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const poll = await waiting(`/znodes/${name}?wait=20s`, { 'If-None-Match': '*' });
    const body = [{ scheme: 'ip', id: '10.0.0.1', perms: 'cdrwa' }];
    expect((await http('PUT', `/acl/${name}`, { body })).status).toBe(200);
    expect((await poll.answer).problem()).toMatchObject({ status: 403, code: 'NOAUTH' });
  });

  it('of the data sleeps through changes of the children and of other znodes', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const headers = { 'If-None-Match': await etagOf(`/znodes/${name}`) };
    const poll = await waiting(`/znodes/${name}?wait=3s`, headers);
    await http('PUT', `/znodes/${name}/child`);
    await http('PUT', `/znodes/${fresh()}`);
    expect((await poll.answer).status).toBe(304);
  });

  it('of the stat ends with a new child', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const headers = { 'If-None-Match': await etagOf(`/stat/${name}`) };
    const poll = await waiting(`/stat/${name}?wait=20s`, headers);
    await http('PUT', `/znodes/${name}/child`);
    expect((await poll.answer).json()).toMatchObject({ stat: { numChildren: 1 } });
  });

  it('of the stat ends with a new ACL', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const headers = { 'If-None-Match': await etagOf(`/stat/${name}`) };
    const poll = await waiting(`/stat/${name}?wait=20s`, headers);
    await http('PUT', `/acl/${name}`, { body: [{ scheme: 'world', id: 'anyone', perms: 'r' }] });
    expect((await poll.answer).json()).toMatchObject({ stat: { aversion: 1 } });
  });

  it('of the children ends with a new child and not with new data', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const headers = { 'If-None-Match': await etagOf(`/children/${name}`) };
    const poll = await waiting(`/children/${name}?wait=20s`, headers);
    await http('PUT', `/znodes/${name}`, { body: 'x' });
    expect(poll.settled()).toBe(false);
    await http('PUT', `/znodes/${name}/child`);
    expect((await poll.answer).json()).toMatchObject({ children: ['child'] });
  });

  it('sees a znode that was re-created meanwhile', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`, { body: 'one' });
    const headers = { 'If-None-Match': await etagOf(`/znodes/${name}`) };
    const poll = await waiting(`/znodes/${name}?wait=20s`, headers);
    const operations = [
      { op: 'delete', path: `/${name}` },
      { op: 'create', path: `/${name}`, data: 'two' },
    ];
    await http('POST', '/multi', { body: { operations } });
    expect(await poll.answer).toMatchObject({ status: 200, text: 'two' });
  });
});

describe('waiting for existence', () => {
  it('ends with the creation', async () => {
    const name = fresh();
    const poll = await waiting(`/znodes/${name}?wait=20s&until=exists`);
    await http('PUT', `/znodes/${name}`, { body: 'x' });
    expect(await poll.answer).toMatchObject({ status: 200, text: 'x' });
  });

  it('ends at once where the znode is there', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    expect((await http('GET', `/stat/${name}?wait=20s&until=exists`)).status).toBe(200);
  });

  it('is 404 at the end', async () => {
    const answer = await http('GET', `/znodes/${fresh()}?wait=50ms&until=exists`);
    expect(answer.problem()).toMatchObject({ status: 404, code: 'NONODE' });
  });
});

describe('waiting for absence', () => {
  it('ends with the deletion', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`);
    const poll = await waiting(`/znodes/${name}?wait=20s&until=absent`);
    const gone = await http('DELETE', `/znodes/${name}`);
    const answer = await poll.answer;
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers['zk-zxid']).toBe(gone.headers['zk-zxid']);
  });

  it('ends at once where nothing is', async () => {
    expect((await http('GET', `/znodes/${fresh()}?wait=20s&until=absent`)).status).toBe(204);
  });

  it('is the znode at the end', async () => {
    const name = fresh();
    await http('PUT', `/znodes/${name}`, { body: 'still' });
    const answer = await http('GET', `/znodes/${name}?wait=50ms&until=absent`);
    expect(answer).toMatchObject({ status: 200, text: 'still' });
  });
});

describe('a long poll', () => {
  it.each([
    ['/znodes/a?wait=1s', {}],
    ['/znodes/a?until=exists', {}],
    ['/znodes/a?wait=1s&until=exists', { 'If-None-Match': '"1"' }],
    ['/znodes/a?wait=1s&until=gone', {}],
    ['/acl/a?wait=1s', { 'If-None-Match': '"1"' }],
    ['/tree/a?wait=1s', {}],
  ])('%s with %j has nothing to wait for', async (path, headers) => {
    const answer = await http('GET', path, { headers });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });

  it('may be a HEAD', async () => {
    const name = fresh();
    const answer = http('HEAD', `/znodes/${name}?wait=20s&until=exists`);
    await expect.poll(() => node.replica.metrics().watches).toBe(1);
    await http('PUT', `/znodes/${name}`, { body: 'four' });
    expect(await answer).toMatchObject({ status: 200, text: '' });
  });

  it('ends in the node when its client goes away', async () => {
    const outgoing = send(node.url, 'GET', `/znodes/${fresh()}?wait=20s&until=exists`);
    const failed = responseTo(outgoing).catch((error: unknown) => error);
    await expect.poll(() => node.replica.metrics().watches).toBe(1);
    outgoing.destroy();
    // Sooner than the poll would end by itself.
    await expect.poll(() => node.replica.metrics().watches, { timeout: 10_000 }).toBe(0);
    expect(await failed).toBeInstanceOf(Error);
  });

  it('keeps its session alive when it comes and when it is answered', async () => {
    const { token } = (await http('POST', '/sessions')).json() as { token: string };
    const answer = await http('GET', `/znodes/${fresh()}?wait=100ms&until=exists`, {
      headers: { 'Zk-Session': token },
    });
    expect(answer.status).toBe(404);
    expect(Number(answer.headers['zk-session-expires-in'])).toBeGreaterThan(9900);
    const left = await http('GET', `/znodes?wait=50ms`, {
      headers: { 'Zk-Session': token, 'If-None-Match': '*' },
    });
    expect(left.status).toBe(304);
    expect(Number(left.headers['zk-session-expires-in'])).toBeGreaterThan(9900);
  });

  it('is refused beyond as many as the node takes', async () => {
    const name = fresh();
    const path = `/znodes/${name}?wait=20s&until=exists`;
    const polls = [await waiting(path), await waiting(path), await waiting(path)];
    const fourth = await http('GET', path);
    expect(fourth.problem()).toMatchObject({ status: 429, code: 'THROTTLEDOP' });
    expect(fourth.headers['retry-after']).toBe('1');
    await http('PUT', `/znodes/${name}`);
    for (const { answer } of polls) expect((await answer).status).toBe(200);
  });

  it('is ended by a shutdown with 503', async () => {
    const closing = await startMemoryNode();
    const answer = httpClient(closing.url)('GET', '/znodes/a?wait=5m&until=exists');
    await expect.poll(() => closing.replica.metrics().watches).toBe(1);
    await closing.close();
    expect((await answer).problem()).toMatchObject({ status: 503, code: 'CONNECTIONLOSS' });
  });
});
