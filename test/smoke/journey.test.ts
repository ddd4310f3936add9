/** One walk past everything that a node offers, on the real executable, with a crash in the middle. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../support/http-client.ts';
import type { Http } from '../support/http-client.ts';
import { startServer } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect } from '../support/websocket-client.ts';

let server: ServerProcess;
let http: Http;
beforeAll(async () => {
  server = await startServer();
  http = httpClient(server.url);
});
afterAll(async () => {
  await server.stop();
});

describe('a walk', () => {
  it('writes, reads, refuses and lists', async () => {
    const created = await http('PUT', '/znodes/app/db?parents', { body: 'port=5432' });
    expect(created.status).toBe(201);
    const read = await http('GET', '/znodes/app/db');
    expect(read.text).toBe('port=5432');
    const refused = await http('PUT', '/znodes/app/db', {
      headers: { 'If-Match': '"7"' },
      body: 'x',
    });
    expect(refused).toMatchObject({ status: 412 });
    expect(refused.problem()).toMatchObject({ code: 'BADVERSION', zkCode: -103 });
    expect((await http('GET', '/children/app')).json()).toMatchObject({ children: ['db'] });
  });

  it('is told of a change by a long poll', async () => {
    const { headers } = await http('GET', '/znodes/app/db');
    const poll = http('GET', '/znodes/app/db?wait=30s', {
      headers: { 'If-None-Match': headers.etag },
    });
    await http('PUT', '/znodes/app/db', { body: 'port=5433' });
    expect(await poll).toMatchObject({ status: 200, text: 'port=5433' });
  });

  it('does several things at once, or none', async () => {
    const operations = [
      { op: 'create', path: '/q' },
      { op: 'create', path: '/q/n-', sequential: true },
    ];
    const done = await http('POST', '/multi', { body: { operations } });
    expect(done.json()).toMatchObject({ results: [{ path: '/q' }, { path: '/q/n-0000000000' }] });
    const failed = await http('POST', '/multi', {
      body: { operations: [{ op: 'create', path: '/none' }, ...operations] },
    });
    expect(failed.problem()).toMatchObject({ status: 409, code: 'NODEEXISTS', failedIndex: 1 });
    expect((await http('GET', '/znodes/none')).status).toBe(404);
  });

  it('holds an ephemeral as long as its session, and tells who watches', async () => {
    const watcher = await connect(server.wsUrl);
    await watcher.request({ type: 'watch', path: '/', mode: 'persistent-recursive' });
    const { token, id } = (await http('POST', '/sessions')).json();
    const headers = { 'Zk-Session': String(token) };
    await http('PUT', '/znodes/lock?ephemeral', { headers, body: 'me' });
    await http('DELETE', `/sessions/${String(id)}`, { headers });
    const seen = [await watcher.nextEvents(), await watcher.nextEvents()].flatMap(
      (message) => message['events'],
    );
    expect(seen).toEqual([
      { type: 'NodeCreated', path: '/lock' },
      { type: 'NodeDeleted', path: '/lock' },
    ]);
    await watcher.close();
  });

  it('finds all of it again after a crash', async () => {
    const { dataDir } = server;
    const before = Number((await http('POST', '/sync')).json()['zxid']);
    await server.kill('SIGKILL');
    server = await startServer({ dataDir });
    http = httpClient(server.url);
    expect((await http('GET', '/health/ready')).status).toBe(200);
    const read = await http('GET', '/znodes/app/db');
    expect(read.text).toBe('port=5433');
    expect(Number(read.headers['zk-zxid'])).toBeGreaterThan(before);
    expect((await http('GET', '/children/q')).json()).toMatchObject({ children: ['n-0000000000'] });
    // Events from before the crash as well: the ring is rebuilt from the log.
    const again = await connect(server.wsUrl, {
      connect: { watches: [{ path: '/lock', mode: 'persistent' }], resumeFrom: 1 },
    });
    const events = [await again.nextEvents(), await again.nextEvents()].flatMap(
      (message) => message['events'],
    );
    expect(events).toEqual([
      { type: 'NodeCreated', path: '/lock' },
      { type: 'NodeDeleted', path: '/lock' },
    ]);
    await again.close();
  });

  it('shows its documents and measurements', async () => {
    for (const path of ['/openapi.json', '/asyncapi.json', '/docs', '/metrics', '/ensemble']) {
      expect((await http('GET', path)).status, path).toBeLessThan(400);
    }
  });
});
