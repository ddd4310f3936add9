/** What a node has acknowledged is there after it has been stopped, or has stopped by itself. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { startInProcess } from '../support/in-process.ts';
import type { InProcessNode } from '../support/in-process.ts';
import { line } from './checklist.ts';
import type { Client, ClientOptions } from './client.ts';
import { eventually, within } from './deadline.ts';
import { openEventStream } from './event-stream.ts';
import { expectRefusal } from './refusal.ts';
import { RestClient } from './rest-client.ts';
import { connectTo, eventsIn, WebSocketClient } from './websocket-client.ts';

const longMs = 60_000;

const options = {
  settings: { tickMs: 50, minSessionTimeout: 100, containerCheckMs: 50 },
  limits: { bookmarkIntervalMs: 500 },
};

const doors: readonly (readonly [string, (url: string, who?: ClientOptions) => Promise<Client>])[] =
  [
    ['REST', (url, who) => RestClient.open(url, who)],
    ['WebSocket', (url, who) => WebSocketClient.open(url, who)],
  ];

const running: InProcessNode[] = [];
const directories: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.remove()));
  for (const directory of directories.splice(0)) {
    await rm(directory, { recursive: true, force: true });
  }
});

async function start(more: Parameters<typeof startInProcess>[0] = {}): Promise<InProcessNode> {
  const settings = { ...options.settings, ...more.settings };
  const limits = { ...options.limits, ...more.limits };
  const node = await startInProcess({ ...more, settings, limits });
  running.push(node);
  return node;
}

async function restart(node: InProcessNode): Promise<InProcessNode> {
  const next = await node.restart();
  // The directory is the next one's from now on.
  running.splice(running.indexOf(node), 1, next);
  expect(next.complaints).toEqual([]);
  return next;
}

/** Another node on a copy of what the disk holds while the first one still runs: as after its sudden end. */
async function afterSuddenEnd(node: InProcessNode): Promise<InProcessNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'zoogate-test-'));
  directories.push(dataDir);
  await cp(node.dataDir, dataDir, { recursive: true, filter: isNoLock });
  return start({ dataDir });
}

/** The lock of a directory belongs to who runs on it. */
function isNoLock(path: string): boolean {
  return !basename(path).startsWith('lock');
}

/** All that can be read of a tree, except for the reserved part. */
async function everything(client: Client): Promise<object[]> {
  const { nodes } = await client.tree('/');
  const readable = nodes.filter(({ path }) => !path.startsWith('/zookeeper'));
  return Promise.all(
    readable.map(async ({ path, stat }) => {
      const { data } = await client.get(path);
      const { acl } = await client.acl(path);
      return { path, stat, data, acl };
    }),
  );
}

describe.each(doors)('a restart, over %s', (_name, open) => {
  test(line(40, 'the whole tree'), async () => {
    const node = await start();
    const client = await open(node.url, { session: 'new', timeoutMs: longMs });
    await client.create('/a/b/c', { parents: true, data: 'deep' });
    await client.create('/sequences');
    for (let index = 0; index < 3; index++) {
      await client.create('/sequences/n-', { sequential: true });
    }
    await client.delete('/sequences/n-0000000001');
    await client.set('/a', 'once');
    await client.set('/a', 'twice');
    await client.setAcl('/a/b', [{ scheme: 'ip', id: '127.0.0.0/8', perms: 'cdrwa' }]);
    await client.create('/ephemeral', { ephemeral: true });
    await client.create('/box', { container: true });
    await client.create('/box/child');
    await client.create('/brief', { ttlMs: longMs });
    await client.multi([
      {
        op: 'create',
        path: '/m',
        data: Buffer.from([0, 255]).toString('base64'),
        encoding: 'base64',
      },
      { op: 'set', path: '/m', data: 'now' },
      { op: 'delete', path: '/a/b/c' },
    ]);
    const before = await everything(client);
    const { digest, appliedZxid } = node.replica.metrics();
    const copied = await afterSuddenEnd(node);
    client.leave();
    const after = await restart(node);
    for (const next of [copied, after]) {
      const metrics = next.replica.metrics();
      expect(metrics.digest).toBe(digest);
      expect(metrics.appliedZxid).toBeGreaterThan(appliedZxid);
      const again = await open(next.url, { session: client.session?.token ?? '' });
      expect(await everything(again)).toEqual(before);
      expect((await again.create('/sequences/n-', { sequential: true })).sequence).toBe(3);
      expect(await again.ephemerals()).toEqual(['/ephemeral']);
      await again.delete('/box/child');
      await eventually('the end of the container', async () => {
        const { children } = await again.children('/');
        return children.includes('box') ? undefined : true;
      });
      again.leave();
    }
  });

  test('sessions live on with a full timeout, and end if nobody comes back', async () => {
    const node = await start();
    const kept = await open(node.url, { session: 'new', timeoutMs: longMs });
    const left = await open(node.url, { session: 'new', timeoutMs: 300 });
    const ended = await open(node.url, { session: 'new', timeoutMs: longMs });
    await kept.create('/kept', { ephemeral: true });
    await left.create('/left', { ephemeral: true });
    await ended.endSession();
    for (const client of [kept, left]) client.leave();
    const next = await restart(node);
    const startedAt = performance.now();
    const again = await open(next.url, { session: kept.session?.token ?? '' });
    expect(await again.ephemerals()).toEqual(['/kept']);
    const watcher = await again.watch('/left', 'exists');
    expect((await within('the end of the other', watcher.next())).type).toBe('NodeDeleted');
    expect(performance.now() - startedAt).toBeGreaterThan(100);
    for (const client of [left, ended]) {
      await expectRefusal(
        open(next.url, { session: client.session?.token ?? '' }),
        'SESSIONEXPIRED',
      );
    }
    const secret = `${kept.session?.id ?? 0}:${'A'.repeat(22)}`;
    await expectRefusal(open(next.url, { session: secret }), 'AUTHFAILED');
    again.leave();
  });

  test('watches resume from before it, nothing lost and nothing twice', async () => {
    const node = await start();
    const client = await open(node.url);
    await client.create('/a');
    const { zxid: from } = await client.set('/a', 'seen');
    const missed = [(await client.set('/a', 'missed')).zxid];
    missed.push((await client.create('/a/b')).zxid);
    client.leave();
    const next = await restart(node);
    const again = await open(next.url);
    const watcher = await again.watch('/a', 'persistent-recursive', { from });
    const { zxid } = await again.delete('/a/b');
    expect(await watcher.upTo(zxid)).toEqual([
      { type: 'NodeDataChanged', path: '/a', zxid: missed[0] },
      { type: 'NodeCreated', path: '/a/b', zxid: missed[1] },
      { type: 'NodeDeleted', path: '/a/b', zxid },
    ]);
    again.leave();
  });

  test('an idempotency key is still known', async () => {
    const node = await start();
    const client = await open(node.url);
    const idempotencyKey = 'first';
    const first = await client.create('/n-', { sequential: true, idempotencyKey });
    client.leave();
    const next = await restart(node);
    const again = await open(next.url);
    expect(await again.create('/n-', { sequential: true, idempotencyKey })).toEqual(first);
    await expectRefusal(again.create('/other', { idempotencyKey }), 'IDEMPOTENCYCONFLICT');
    again.leave();
  });

  test('a zxid is never given twice', async () => {
    let node = await start();
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const client = await open(node.url);
      const { zxid } = await client.put('/a', String(round));
      expect(zxid).toBeGreaterThan(last);
      last = zxid;
      client.leave();
      node = await restart(node);
    }
  });
});

describe('a snapshot', () => {
  test(line(40, 'out of snapshots that were written under load'), async () => {
    const settings = { snapshotEvery: 40, snapshotsRetained: 2 };
    let node = await start({ settings });
    for (let round = 0; round < 3; round++) {
      const client = await WebSocketClient.open(node.url, { session: 'new', timeoutMs: longMs });
      const writes = Array.from({ length: 300 }, (_, index) => {
        const path = `/${index % 17}`;
        switch (index % 7) {
          case 0:
            return { type: 'delete', path };
          case 1:
            return { type: 'create', path: `/e-`, sequential: true, ephemeral: true };
          case 2:
            return {
              type: 'setAcl',
              path,
              acl: [
                { scheme: 'ip', id: `10.0.0.${index % 9}`, perms: 'cdrwa' },
                { scheme: 'world', id: 'anyone', perms: 'cdrwa' },
              ],
            };
          default:
            return { type: 'put', path, data: `${round}.${index}`.repeat(index) };
        }
      });
      for (let next = 0; next < writes.length; next += 10) {
        await client.raw.requests(writes.slice(next, next + 10));
      }
      const before = await everything(client);
      const { digest, snapshotsTaken } = node.replica.metrics();
      expect(snapshotsTaken).toBeGreaterThan(0);
      client.leave();
      node = await restart(node);
      expect(node.replica.metrics().digest).toBe(digest);
      const again = await WebSocketClient.open(node.url);
      expect(await everything(again)).toEqual(before);
      again.leave();
    }
  });
});

describe('a node that is stopped', () => {
  test('tells its streams to go elsewhere, and answers what is under way', async () => {
    const node = await start();
    const raw = await connectTo(node.url);
    const stream = await openEventStream(node.url, { target: '/watch/' });
    const poll = RestClient.open(node.url).then((client) =>
      client.call({ target: '/znodes/missing', query: { wait: '30s', until: 'exists' } }),
    );
    const refusal = expectRefusal(poll, 'CONNECTIONLOSS');
    await RestClient.open(node.url).then((client) => client.put('/a', 'x'));
    const written = raw.requests([
      { type: 'put', path: '/b' },
      { type: 'get', path: '/b' },
    ]);
    await written;
    await node.stop();
    expect((await raw.closed).code).toBe(1012);
    expect(raw.received.at(-1)).toMatchObject({ type: 'goaway', reason: 'restart' });
    await within('the end of the stream', stream.end());
    expect((await refusal).problem.status).toBe(503);
    const next = await restart(node);
    const resumed = await connectTo(next.url, {
      watches: [{ path: '/', mode: 'persistent-recursive' }],
      resumeFrom: 0,
    });
    const seen = eventsIn(await within('the first event', resumed.nextEvents()));
    expect(seen).toMatchObject([{ type: 'NodeCreated', path: '/a' }]);
    resumed.socket.terminate();
  });
});
