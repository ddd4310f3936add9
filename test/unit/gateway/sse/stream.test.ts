import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../../../support/http-client.ts';
import type { Http } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';
import { SseClient } from '../../../support/sse-client.ts';

let node: MemoryNode;
let http: Http;

beforeAll(async () => {
  node = await startMemoryNode({
    limits: { bookmarkIntervalMs: 200, ringTransactionsMax: 300, socketHighWaterBytes: 1024 },
  });
  http = httpClient(node.url);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

let count = 0;
const fresh = (): string => `s${(count += 1)}`;

async function watch(path: string, headers: Record<string, string> = {}): Promise<SseClient> {
  return SseClient.open(node.url, `/watch/${path}`, { headers });
}

/** Writes and gives the zxid. */
async function put(path: string, body = ''): Promise<number> {
  const answer = await http('PUT', `/znodes/${path}`, { body });
  return Number(answer.headers['zk-zxid']);
}

describe('an event stream', () => {
  it('is told to everybody on the way to leave it alone', async () => {
    const stream = await watch(fresh());
    expect(stream.status).toBe(200);
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'zk-server': '1',
    });
    expect(stream.response.headers['zk-zxid']).toMatch(/^\d+$/);
    expect(await stream.nextOfAny()).toMatchObject({ event: 'bookmark' });
    expect(stream.retryMs).toBe(1000);
    stream.close();
  });

  it('tells every change below, each with its zxid and place', async () => {
    const name = fresh();
    const stream = await watch(name);
    const [a, b] = [await put(name), await put(`${name}/child`)];
    const c = await put(`${name}/child`, 'x');
    await http('DELETE', `/znodes/${name}/child`);
    const events = [await stream.next(), await stream.next(), await stream.next()];
    expect(events).toEqual([
      event('NodeCreated', `/${name}`, a),
      event('NodeCreated', `/${name}/child`, b),
      event('NodeDataChanged', `/${name}/child`, c),
    ]);
    expect(await stream.next()).toMatchObject({ event: 'NodeDeleted' });
    stream.close();
  });

  it('numbers the events of one transaction', async () => {
    const name = fresh();
    const stream = await watch(name);
    const operations = ['', '/a', '/b'].map((path) => ({ op: 'create', path: `/${name}${path}` }));
    const answer = await http('POST', '/multi', { body: { operations } });
    const zxid = Number(answer.headers['zk-zxid']);
    const ids = [await stream.next(), await stream.next(), await stream.next()].map((m) => m?.id);
    expect(ids).toEqual([`${zxid}.0`, `${zxid}.1`, `${zxid}.2`]);
    stream.close();
  });

  it('of mode persistent tells of children and not of what is below them', async () => {
    const name = fresh();
    await put(name);
    const stream = await watch(`${name}?mode=persistent`);
    await put(`${name}/a`);
    await put(`${name}/a/b`);
    await put(name, 'x');
    expect(await stream.next()).toMatchObject({ event: 'NodeChildrenChanged' });
    expect(await stream.next()).toMatchObject({ event: 'NodeDataChanged' });
    stream.close();
  });

  it('adds stat and data as of the event where they are asked', async () => {
    const name = fresh();
    const data = await watch(`${name}?with=data`);
    const bytes = await watch(`${name}?with=data&encoding=base64`);
    const stat = await watch(`${name}?with=stat`);
    const zxid = await put(name, 'one');
    await put(name, 'two');
    const shown = { type: 'NodeCreated', path: `/${name}`, zxid };
    const as = { stat: { version: 0, czxid: zxid, dataLength: 3 } };
    expect((await data.next())?.data).toMatchObject({
      ...shown,
      ...as,
      data: 'one',
      encoding: 'utf8',
    });
    expect((await bytes.next())?.data).toMatchObject({ data: 'b25l', encoding: 'base64' });
    const { data: told } = (await stat.next()) ?? {};
    expect(told).toMatchObject({ ...shown, ...as });
    expect(told).not.toHaveProperty('data');
    [data, bytes, stat].forEach((stream) => stream.close());
  });

  it('begins with the present state where that is asked', async () => {
    const name = fresh();
    const zxid = await put(name, 'x');
    const there = await watch(`${name}?initial&with=data`);
    const state = await there.next();
    expect(state).toMatchObject({
      event: 'state',
      data: { path: `/${name}`, exists: true, stat: { czxid: zxid }, data: 'x', encoding: 'utf8' },
    });
    expect(state?.id).toBe(String(state?.data['zxid']));
    const plain = await watch(`${name}?initial`);
    expect((await plain.next())?.data).not.toHaveProperty('data');
    const missing = await watch(`${fresh()}?initial`);
    expect((await missing.next())?.data).toMatchObject({ exists: false });
    [there, plain, missing].forEach((stream) => stream.close());
  });

  it('sends bookmarks while nothing happens', async () => {
    const stream = await watch(fresh());
    const first = await stream.nextOfAny();
    const second = await stream.nextOfAny();
    for (const bookmark of [first, second]) {
      expect(bookmark).toMatchObject({ event: 'bookmark' });
      expect(bookmark?.id).toBe(String(bookmark?.data['zxid']));
    }
    stream.close();
  });

  it('is closed in the node when its reader goes away', async () => {
    await expect.poll(() => node.parts.router.streamCount).toBe(0);
    const stream = await watch(fresh());
    expect(node.parts.router.streamCount).toBe(1);
    stream.close();
    await expect.poll(() => node.parts.router.streamCount).toBe(0);
  });

  it('of a HEAD has its head alone', async () => {
    const answer = await http('HEAD', `/watch/${fresh()}`);
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(answer.headers['content-type']).toBe('text/event-stream');
  });
});

describe('resuming', () => {
  it('from a zxid sends everything after it', async () => {
    const name = fresh();
    const [first, second, third] = [await put(name), await put(name), await put(name)];
    const stream = await watch(`${name}?from=${first}`);
    expect((await stream.next())?.id).toBe(`${second}.0`);
    expect((await stream.next())?.id).toBe(`${third}.0`);
    const fourth = await put(name);
    expect((await stream.next())?.id).toBe(`${fourth}.0`);
    stream.close();
  });

  it('behind an event in the midst of a transaction sends its rest', async () => {
    const name = fresh();
    const operations = ['', '/a', '/b', '/c'].map((path) => ({
      op: 'create',
      path: `/${name}${path}`,
    }));
    const answer = await http('POST', '/multi', { body: { operations } });
    const zxid = Number(answer.headers['zk-zxid']);
    const stream = await watch(name, { 'Last-Event-ID': `${zxid}.1` });
    expect((await stream.next())?.id).toBe(`${zxid}.2`);
    expect((await stream.next())?.id).toBe(`${zxid}.3`);
    const next = await put(name, 'x');
    expect((await stream.next())?.id).toBe(`${next}.0`);
    stream.close();
  });

  it('behind a bookmark; Last-Event-ID wins over from and suppresses initial', async () => {
    const name = fresh();
    const [first, second] = [await put(name), await put(name)];
    const stream = await watch(`${name}?from=1&initial`, { 'Last-Event-ID': String(first) });
    expect(await stream.next()).toMatchObject({ id: `${second}.0`, event: 'NodeDataChanged' });
    stream.close();
  });

  it('an empty Last-Event-ID is none', async () => {
    const stream = await watch(`${fresh()}?initial`, { 'Last-Event-ID': '' });
    expect(await stream.next()).toMatchObject({ event: 'state' });
    stream.close();
  });

  it('with initial and from sends the state first, and can be resumed before it', async () => {
    const name = fresh();
    const [first, second] = [await put(name, 'a'), await put(name, 'b')];
    const stream = await watch(`${name}?from=${first}&initial`);
    expect(await stream.next()).toMatchObject({ event: 'state', id: String(first) });
    expect((await stream.next())?.id).toBe(`${second}.0`);
    stream.close();
  });

  it.each(['x', '1.2.3', '-1', '1.', '99999999999999999'])(
    'from the id %s is refused',
    async (id) => {
      const answer = await http('GET', '/watch/a', { headers: { 'Last-Event-ID': id } });
      expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    },
  );

  it('from a state that this node has not reached waits, then refuses', async () => {
    const zxid = await put(fresh());
    const answer = await http('GET', `/watch/a?from=${zxid + 1000}&wait=50ms`);
    expect(answer.problem()).toMatchObject({ status: 503, code: 'BEHIND' });
  });

  it('from what is no longer kept is told so', async () => {
    const zxid = await put(fresh());
    const body = { operations: [] };
    await http('POST', '/multi', { body });
    const name = fresh();
    for (let index = 0; index < 320; index++) await put(name);
    const answer = await http('GET', `/watch/a?from=${zxid}`);
    expect(answer.problem()).toMatchObject({ status: 410, code: 'EVENTSGONE' });
    const { oldestZxid = 0, currentZxid = 0 } = answer.problem();
    expect(oldestZxid).toBeGreaterThan(zxid);
    expect(currentZxid).toBeGreaterThan(oldestZxid);
    const stream = await watch(`${name}?from=${oldestZxid}`);
    expect(await stream.next()).toMatchObject({ event: 'NodeDataChanged' });
    stream.close();
  });
});

describe('one-shot modes', () => {
  it.each([
    ['data', 'NodeDataChanged'],
    ['exists', 'NodeDataChanged'],
  ])('%s ends after one event, and a reconnect gets 204', async (mode, type) => {
    const name = fresh();
    await put(name);
    const stream = await watch(`${name}?mode=${mode}`);
    expect(await stream.nextOfAny()).toMatchObject({ event: 'bookmark' });
    const zxid = await put(name, 'x');
    expect(await stream.rest()).toEqual([event(type, `/${name}`, zxid)]);
    const headers = { 'Last-Event-ID': `${zxid}.0` };
    const again = await http('GET', `/watch/${name}?mode=${mode}`, { headers });
    expect(again).toMatchObject({ status: 204, text: '' });
    expect(again.headers['zk-zxid']).toBeDefined();
  });

  it('children', async () => {
    const name = fresh();
    await put(name);
    const stream = await watch(`${name}?mode=children`);
    await put(`${name}/a`);
    expect(await stream.rest()).toMatchObject([{ event: 'NodeChildrenChanged' }]);
  });

  it('exists waits for creation, the others need a znode', async () => {
    const name = fresh();
    for (const mode of ['data', 'children']) {
      const answer = await http('GET', `/watch/${name}?mode=${mode}`);
      expect(answer.problem()).toMatchObject({ status: 404, code: 'NONODE' });
    }
    const stream = await watch(`${name}?mode=exists`);
    const zxid = await put(name);
    expect(await stream.rest()).toEqual([event('NodeCreated', `/${name}`, zxid)]);
  });

  it('from a zxid get the first event after it, a deletion included', async () => {
    const name = fresh();
    const zxid = await put(name);
    await http('DELETE', `/znodes/${name}`);
    const stream = await watch(`${name}?mode=data&from=${zxid}`);
    expect(await stream.rest()).toMatchObject([{ event: 'NodeDeleted' }]);
  });

  it('need READ, as the read does that leaves such a watch', async () => {
    const name = fresh();
    const headers = { 'Zk-Acl': 'digest:ann:nGLc7VUmLqIWoUD0FS85yzCvoEE=:cdrwa' };
    expect((await http('PUT', `/znodes/${name}`, { headers })).status).toBe(201);
    for (const mode of ['data', 'exists', 'children']) {
      const answer = await http('GET', `/watch/${name}?mode=${mode}`);
      expect(answer.problem()).toMatchObject({ status: 403, code: 'NOAUTH' });
    }
  });
});

describe('who may see what', () => {
  it('an event without READ is withheld', async () => {
    const name = fresh();
    await put(name);
    const stream = await watch(name);
    await http('PUT', `/znodes/${name}/private`, {
      headers: { 'Zk-Acl': 'digest:ann:nGLc7VUmLqIWoUD0FS85yzCvoEE=:cdrwa' },
    });
    const zxid = await put(`${name}/public`);
    expect(await stream.next()).toEqual(event('NodeCreated', `/${name}/public`, zxid));
    stream.close();
  });

  it('a session is judged at the start', async () => {
    const { token } = (await http('POST', '/sessions')).json() as { token: string };
    const stream = await watch('a', { 'Zk-Session': token });
    expect(Number(stream.response.headers['zk-session-expires-in'])).toBeGreaterThan(0);
    stream.close();
    const bad = await http('GET', '/watch/a', { headers: { 'Zk-Session': `${token}x` } });
    expect(bad.problem().status).toBe(401);
  });
});

describe('a slow reader', () => {
  it('gets everything at its own pace, in order', async () => {
    const name = fresh();
    await put(name);
    const stream = await watch(`${name}?with=data`);
    stream.response.pause();
    const zxids: number[] = [];
    const body = 'x'.repeat(100_000);
    for (let index = 0; index < 100; index++) zxids.push(await put(name, body));
    // The stream of a test before may still be on its way out.
    await expect.poll(() => node.replica.metrics().streamsLagging).toBe(1);
    const ids: (string | undefined)[] = [];
    while (ids.length < zxids.length) ids.push((await stream.next())?.id);
    expect(ids).toEqual(zxids.map((zxid) => `${zxid}.0`));
    await expect.poll(() => node.replica.metrics().streamsLagging).toBe(0);
    stream.close();
  });

  it('that falls off the ring is told gone, with what it has lost', async () => {
    const name = fresh();
    await put(name);
    const stream = await watch(`${name}?with=data`);
    stream.response.pause();
    const body = 'x'.repeat(100_000);
    for (let index = 0; index < 400; index++) await put(name, body);
    const messages = await stream.rest();
    const last = messages.at(-1);
    expect(last).toMatchObject({ event: 'gone' });
    expect(last?.id).toBe(String(last?.data['currentZxid']));
    expect(Number(last?.data['oldestZxid'])).toBeGreaterThan(0);
    expect(Number(last?.data['currentZxid'])).toBeGreaterThan(Number(last?.data['oldestZxid']));
    // A client that has not seen that message is told again.
    const headers = { 'Last-Event-ID': String(messages.at(-2)?.id) };
    const again = await watch(name, headers);
    expect(await again.next()).toMatchObject({ event: 'gone' });
    again.close();
  });
});

describe('closing the node', () => {
  it('ends the streams', async () => {
    const closing = await startMemoryNode();
    const stream = await SseClient.open(closing.url, '/watch/a');
    await stream.nextOfAny();
    await closing.close();
    expect(await stream.rest()).toEqual([]);
  });
});

function event(type: string, path: string, zxid: number) {
  return { id: `${zxid}.0`, event: type, data: { type, path, zxid } };
}
