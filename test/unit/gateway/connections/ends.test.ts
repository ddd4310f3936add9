/** How connections end: half-closed, with bytes that are no request, and when the node stops. */
import { METHODS } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';
import { openRaw, requestText, statusesIn } from '../../../support/raw-client.ts';
import { httpClient } from '../../../support/http-client.ts';
import { until } from '../../../support/waiting.ts';

const put = (path: string) => requestText(`PUT /znodes${path}`, [], 'x');

let node: MemoryNode;

beforeEach(async () => {
  node = await startMemoryNode({ limits: { halfClosedWaitMs: 50, closingNoticeMs: 60_000 } });
});

afterEach(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

const noStreams = () =>
  until('no streams', () => (node.parts.router.streamCount === 0 ? true : undefined));

/** Sends, closes the sending side, and reads all answers. */
async function halfClosed(text: string): Promise<readonly number[]> {
  const client = await openRaw(node.url, text);
  client.socket.end();
  return statusesIn(await client.closed);
}

describe('a client that closes its sending side', () => {
  it.each([
    ['a read', requestText('GET /znodes/'), [200]],
    ['HTTP/1.0', 'GET /whoami HTTP/1.0\r\n\r\n', [200]],
    ['a write', put('/a'), [201]],
    ['two writes', put('/a') + put('/b'), [201, 201]],
    ['a request that waits', requestText('GET /znodes/?wait=60s&until=absent'), [200]],
    [
      'requests behind one that waits',
      requestText('GET /znodes/a?wait=60s&until=exists') + put('/b'),
      [404, 201],
    ],
    ['half a request', put('/a').slice(0, -1), [400]],
    ['half a request behind a whole one', put('/a') + put('/b').slice(0, -1), [201, 400]],
    ['nothing', '', []],
  ])('gets the answer of %s', async (_what, text, statuses) => {
    expect(await halfClosed(text)).toEqual(statuses);
    await noStreams();
  });

  it('goes on reading its event stream', async () => {
    const client = await openRaw(node.url, requestText('GET /watch/a'));
    client.socket.end();
    // A sign of life, at the pace in which the end of a client is noticed.
    await client.receives(/\n:\n\n[^]*\n:\n\n/);
    await httpClient(node.url)('PUT', '/znodes/a');
    await client.receives(/event: NodeCreated/);
    client.socket.destroy();
    await noStreams();
  });
});

describe('a wait for a zxid', () => {
  const behind = requestText('GET /znodes/?wait=60s', ['Zk-Min-Zxid: 1000000']);
  const write = requestText('PUT /znodes/a?wait=60s', ['Zk-Min-Zxid: 1000000'], 'x');
  const watch = requestText('GET /watch/a?wait=60s', ['Zk-Min-Zxid: 1000000']);

  it.each([behind, write, watch])('ends with its connection: %j', async (text) => {
    const one = await startMemoryNode({ limits: { zxidWaitsMax: 1 } });
    const http = httpClient(one.url);
    const ask = async (): Promise<string | undefined> => {
      const headers = { 'Zk-Min-Zxid': '1000000' };
      return (await http('GET', '/znodes/?wait=1ms', { headers })).problem().code;
    };
    const client = await openRaw(one.url, text);
    await expect.poll(ask).toBe('THROTTLEDOP');
    client.socket.destroy();
    await expect.poll(ask).toBe('BEHIND');
    await one.close();
  });

  it('of a client that may be gone is answered soon', async () => {
    for (const text of [behind, write, watch]) expect(await halfClosed(text)).toEqual([503]);
    expect((await httpClient(node.url)('GET', '/znodes/a')).status).toBe(404);
  });
});

describe('bytes that are no request', () => {
  const broken = ['x', '{"a":1}', 'nonsense\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\u0000\u0001'];

  it.each(broken)('behind a request leave it its answer: %j', async (rest) => {
    const http = httpClient(node.url);
    await http('PUT', '/znodes/a');
    const head = (line: string) => `${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    for (const [line, status] of [
      ['GET /znodes/a', 200],
      ['GET /znodes/b?wait=50ms&until=exists', 404],
      ['PUT /znodes/c', 201],
      ['DELETE /znodes/a', 204],
    ] as const) {
      const client = await openRaw(node.url, head(line) + rest);
      client.socket.end();
      const statuses = statusesIn(await client.closed);
      expect([line, statuses[0]]).toEqual([line, status]);
      await http('DELETE', '/znodes/c');
    }
  });

  it('in a body that nothing reads leave the request its answer', async () => {
    await httpClient(node.url)('PUT', '/znodes/a');
    const text = requestText('DELETE /znodes/a', ['Transfer-Encoding: chunked']);
    const client = await openRaw(node.url, `${text}zz\r\n`);
    expect(statusesIn(await client.closed)).toEqual([204]);
  });

  it('in a body that is being received are the answer: nothing was begun', async () => {
    const text = requestText('PUT /znodes/a', ['Transfer-Encoding: chunked']);
    const client = await openRaw(node.url, `${text}1\r\nx\r\nzz\r\n`);
    expect(statusesIn(await client.closed)).toEqual([400]);
    expect(client.received).toContain('"outcome":"not-applied"');
    expect((await httpClient(node.url)('GET', '/znodes/a')).status).toBe(404);
  });
});

describe('a refusal before the body has come', () => {
  it.each([
    ['PUT /znodes/a', [], 413],
    ['PUT /nowhere', [], 404],
    ['PUT /znodes/a', ['If-Match: x'], 400],
    ['DELETE /znodes/a', [], 404],
    ['POST /multi', [], 413],
  ] as const)(
    'reaches a client that sends all of it first: %s %j',
    async (line, headers, status) => {
      const body = 'x'.repeat(20_000_000);
      const client = await openRaw(node.url);
      client.socket.pause();
      const request = requestText(line, ['Connection: close', ...headers], body);
      await new Promise((resolve) => client.socket.write(request, 'latin1', resolve));
      client.socket.resume();
      expect(statusesIn(await client.closed)).toEqual([status]);
      expect(client.received).toMatch(/\}$/);
    },
  );
});

describe('what stands in the header', () => {
  const answerTo = async (line: string, headers: readonly string[], body = '') => {
    const all = ['Connection: close', ...headers];
    const client = await openRaw(node.url, requestText(line, all, body));
    return (await client.closed).replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, '');
  };
  const statusOf = async (...request: Parameters<typeof answerTo>) =>
    statusesIn(await answerTo(...request))[0];

  it('is seen however far down', async () => {
    await httpClient(node.url)('PUT', '/znodes/a');
    for (const count of [999, 1000, 2001, 9000]) {
      const lines = Array.from({ length: count }, (_, index) => `x${index % 10}: `);
      expect(await statusOf('PUT /znodes/a', [...lines, 'If-Match: "7"'], 'x')).toBe(412);
      expect(await statusOf('GET /znodes/a', [...lines, 'Zk-Session: none'])).toBe(401);
    }
    const beyond = Array.from({ length: 20_000 }, () => 'x: yyyy');
    expect(await statusOf('PUT /znodes/a', [...beyond, 'If-Match: "7"'], 'x')).toBe(431);
  });

  it('is never dropped since it is there twice', async () => {
    await httpClient(node.url)('PUT', '/znodes/a');
    const basic = `Authorization: Basic ${Buffer.from('a:b').toString('base64')}`;
    const twice = (line: string) => [line, line];
    for (const [headers, status] of [
      [twice(basic), 401],
      [['Zk-Session: 1:00', 'Zk-Session: 2:00'], 401],
      [['Idempotency-Key: a', 'Idempotency-Key: b'], 400],
      [['If-Match: "7"', 'If-Match: "8"'], 412],
      [['Host: localhost'], 400],
      [['Zk-Min-Zxid: 1', 'Zk-Min-Zxid: 2'], 400],
    ] as const) {
      expect([headers, await statusOf('PUT /znodes/a', headers, 'x')]).toEqual([headers, status]);
    }
    const types = ['Content-Type: application/json', 'Content-Type: text/plain'];
    expect(await statusOf('POST /multi', types, '{"operations":[]}')).toBe(415);
  });

  it('is not looked for behind the body', async () => {
    const head = requestText('PUT /znodes/a', ['Connection: close', 'Transfer-Encoding: chunked']);
    const send = async (trailer: string) => {
      const client = await openRaw(node.url, `${head}1\r\nx\r\n0\r\n${trailer}\r\n\r\n`);
      return statusesIn(await client.closed);
    };
    expect(await send('If-None-Match: *')).toEqual([400]);
    expect(await send('Checksum: 7')).toEqual([201]);
  });

  it('names one server', async () => {
    const { host } = new URL(node.url);
    const line = (target: string, hosts: string) =>
      `GET ${target} HTTP/1.1\r\n${hosts}\r\nConnection: close\r\n\r\n`;
    const ask = async (target: string, hosts: string) => {
      const client = await openRaw(node.url, line(target, hosts));
      return statusesIn(await client.closed)[0];
    };
    expect(await ask('http://localhost/whoami', 'Host: localhost')).toBe(200);
    expect(await ask('http://LOCALHOST:80/whoami?', 'Host: localhost')).toBe(200);
    expect(await ask(`http://${host}/znodes`, `Host: ${host}`)).toBe(200);
    expect(await ask('http://other.example/whoami', 'Host: localhost')).toBe(400);
    expect(await ask('http://localhost:1/whoami', 'Host: localhost')).toBe(400);
    expect(await ask('/whoami', 'Host: localhost\r\nHost: other.example')).toBe(400);
    expect(await ask('/whoami', 'Host: localhost\r\nHost: localhost')).toBe(400);
  });
});

describe('a method that no route knows', () => {
  it.each(METHODS.filter((method) => method !== 'CONNECT'))(
    '%s is 405, with Allow',
    async (method) => {
      const routes = { '/znodes/a': ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'], '/multi': ['POST'] };
      for (const [target, known] of Object.entries(routes)) {
        if (known.includes(method) || method === 'OPTIONS') continue;
        const headers = ['Connection: close', 'Content-Type: what ever'];
        const client = await openRaw(node.url, requestText(`${method} ${target}`, headers, '{'));
        const text = await client.closed;
        expect([target, ...statusesIn(text)]).toEqual([target, 405]);
        expect(text).toMatch(/\r\nAllow: /i);
      }
    },
  );
});

it('a path that leaves the documentation, or a range beyond it, is the fault of the client', async () => {
  for (const [target, headers, status] of [
    ['/docs/static/../../../../package.json', [], 404],
    ['/docs/static/..%2f..%2fpackage.json', [], 404],
    ['/docs/static/index.css', ['Range: bytes=99999999-'], 416],
  ] as const) {
    const client = await openRaw(
      node.url,
      requestText(`GET ${target}`, ['Connection: close', ...headers]),
    );
    const [answered] = statusesIn(await client.closed);
    expect([400, status]).toContain(answered);
  }
});

describe('a node that stops', () => {
  it('tells who keeps a connection with the next request, and begins it no more', async () => {
    const kept = await openRaw(node.url, put('/a'));
    await kept.receives(/ 201 /);
    const waits = await openRaw(
      node.url,
      requestText('GET /znodes/b?wait=60s&until=exists') + put('/c'),
    );
    await until('a long poll', () => (node.parts.router.streamCount === 1 ? true : undefined));
    const { znodes } = node.replica.metrics();
    const stopped = node.app.close();
    expect(statusesIn(await waits.closed)).toEqual([503]);
    expect(waits.received).toMatch(/\r\nConnection: close\r\n/i);
    kept.socket.write(put('/d'));
    expect(statusesIn(await kept.closed)).toEqual([201, 503]);
    expect(kept.received).toMatch(/\r\nConnection: close\r\n[^]*"outcome":"not-applied"/i);
    await stopped;
    expect(node.replica.metrics().znodes).toBe(znodes);
  });
});
