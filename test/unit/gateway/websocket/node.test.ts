/** The door before a real replica: what only both together can promise. */
import { afterEach, describe, expect, it } from 'vitest';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode, MemoryNodeOptions } from '../../../support/memory-node.ts';
import { connect } from '../../../support/websocket-client.ts';
import type { Message, TestClient } from '../../../support/websocket-client.ts';

const nodes: MemoryNode[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

interface Node {
  readonly node: MemoryNode;
  open(fields?: Readonly<Record<string, unknown>> | false): Promise<TestClient>;
}

async function startNode(options: MemoryNodeOptions = {}): Promise<Node> {
  const node = await startMemoryNode(options);
  nodes.push(node);
  const url = `${node.url.replace('http:', 'ws:')}/ws`;
  return { node, open: (fields = {}) => connect(url, { connect: fields }) };
}

const tokenOf = ({ connected }: TestClient) =>
  (connected?.['session'] as { readonly token: string }).token;

const pathsOf = (messages: readonly Message[]) =>
  messages.flatMap(({ events }) => (events as { path: string }[]).map(({ path }) => path));

it('tells how to make a missing parent', async () => {
  const { open } = await startNode();
  const client = await open();
  const { problem } = await client.ask({ type: 'create', path: '/a/b' });
  expect(problem).toMatchObject({
    code: 'NONODE',
    detail: 'the parent /a does not exist; "parents": true makes missing parents too',
  });
});

describe('a session', () => {
  it('owns its ephemerals until it is closed', async () => {
    const { open } = await startNode();
    const [owner, other] = [await open({ session: 'new' }), await open()];
    await owner.request({ type: 'create', path: '/e', ephemeral: true });
    expect(await owner.request({ type: 'ephemerals' })).toMatchObject({ paths: ['/e'] });
    await owner.request({ type: 'close' });
    expect(await owner.closed).toMatchObject({ code: 1000 });
    expect(await other.ask({ type: 'exists', path: '/e' })).toMatchObject({
      problem: { code: 'NONODE', zkCode: -101, status: 404 },
    });
  });

  it('is needed for an ephemeral', async () => {
    const { open } = await startNode();
    const client = await open();
    expect(await client.ask({ type: 'create', path: '/e', ephemeral: true })).toMatchObject({
      problem: { code: 'SESSIONREQUIRED' },
    });
  });

  it('moves to the newest connection; of the older nothing takes effect afterwards', async () => {
    const { open } = await startNode();
    const older = await open({ session: 'new' });
    const newer = await open({ session: tokenOf(older) });
    expect(newer.connected).toMatchObject({ resumed: true, session: { token: tokenOf(older) } });
    expect(await older.closed).toMatchObject({ code: 4409 });
    expect(await newer.request({ type: 'whoami' })).toMatchObject({
      session: (newer.connected?.['session'] as { id: number }).id,
    });
  });

  it('that is gone is never silently a new one', async () => {
    const { open } = await startNode();
    const client = await open({ session: 'new' });
    const token = tokenOf(client);
    await client.request({ type: 'close' });
    const late = await open(false);
    late.send({ type: 'connect', id: 1, session: token });
    expect(await late.closed).toMatchObject({ code: 4410 });
    expect(late.received).toMatchObject([{ type: 'error', problem: { code: 'SESSIONEXPIRED' } }]);
  });

  it('is not given to whoever has the wrong secret, or an id that never was', async () => {
    const { open } = await startNode();
    const client = await open({ session: 'new' });
    const [id] = tokenOf(client).split(':');
    for (const token of [`${id ?? ''}:AAAAAAAAAAAAAAAAAAAAAA`, '999999:AAAAAAAAAAAAAAAAAAAAAA']) {
      const thief = await open(false);
      thief.send({ type: 'connect', id: 1, session: token });
      expect(await thief.closed).toMatchObject({ code: 4401 });
    }
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'result' });
  });

  it('expires when its client falls silent, and the client is told', async () => {
    const { node } = await startNode({ tickMs: 50, sessionTimeoutMinMs: 100 });
    const url = `${node.url.replace('http:', 'ws:')}/ws`;
    const fields = { session: 'new', timeoutMs: 200 };
    // It reads all and would answer, but does not: pongs are what keeps a session alive.
    const client = await connect(url, { connect: fields, socket: { autoPong: false } });
    expect(await client.closed).toMatchObject({ code: 4410 });
    expect(client.received.at(-1)).toEqual({ type: 'session', state: 'expired' });
  });

  it('lives on while its client only answers pings', async () => {
    const { open } = await startNode({ tickMs: 50, sessionTimeoutMinMs: 100 });
    const client = await open({ session: 'new', timeoutMs: 300 });
    for (let count = 0; count < 6; count++) await client.nextMessage('bookmark');
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'result' });
  });
});

describe('events', () => {
  it('precede the answer that shows their change', async () => {
    const { open } = await startNode();
    const client = await open();
    await client.request({ type: 'watch', path: '/', mode: 'persistent-recursive' });
    await client.requests([
      { type: 'create', path: '/a' },
      { type: 'set', path: '/a', data: 'x' },
      { type: 'get', path: '/a' },
    ]);
    expect(client.received.slice(2).map(({ type, zxid }) => [type, zxid])).toEqual([
      ['events', 2],
      ['result', 2],
      ['events', 3],
      ['result', 3],
      ['result', 3],
    ]);
  });

  it('of one transaction are one message', async () => {
    const { open } = await startNode();
    const client = await open();
    await client.request({ type: 'watch', path: '/', mode: 'persistent-recursive' });
    await client.request({
      type: 'multi',
      operations: ['/a', '/a/b', '/a/c'].map((path) => ({ op: 'create', path })),
    });
    expect(pathsOf([await client.nextEvents()])).toEqual(['/a', '/a/b', '/a/c']);
    expect(client.events).toHaveLength(0);
  });

  it('that a client missed are sent again when it resumes, without a gap or a repetition', async () => {
    const { open } = await startNode();
    const watches = [{ path: '/', mode: 'persistent-recursive' }];
    const client = await open({ session: 'new', watches });
    const writer = await open();
    await writer.request({ type: 'create', path: '/before' });
    const { zxid } = await client.nextEvents();
    client.socket.terminate();
    for (const path of ['/m1', '/m2', '/m3']) await writer.request({ type: 'create', path });
    const resumed = await open({ session: tokenOf(client), watches, resumeFrom: zxid });
    await writer.request({ type: 'create', path: '/after' });
    const seen: string[] = [];
    while (!seen.includes('/after')) seen.push(...pathsOf([await resumed.nextEvents()]));
    expect(seen).toEqual(['/m1', '/m2', '/m3', '/after']);
  });

  it('reach a slow reader all and in order, once it reads', async () => {
    const { open, node } = await startNode({
      limits: { socketHighWaterBytes: 32 * 1024, unreadAnswerBytesMax: 512 * 1024 },
    });
    const slow = await open({ watches: [{ path: '/', mode: 'persistent-recursive' }] });
    slow.socket.pause();
    const writer = await open();
    // More than any socket takes, and than may be unread: what is not sent waits in the ring.
    const names = Array.from({ length: 9000 }, (_, index) => `/${'x'.repeat(1000)}-${index}`);
    for (let index = 0; index < names.length; index += 500) {
      const slice = names.slice(index, index + 500);
      await writer.requests(slice.map((path) => ({ type: 'create', path })));
    }
    expect(node.replica.metrics().streamsLagging).toBe(1);
    slow.socket.resume();
    const seen: string[] = [];
    while (seen.length < names.length) seen.push(...pathsOf([await slow.nextEvents()]));
    expect(seen).toEqual(names);
    expect(await slow.request({ type: 'ping' })).toMatchObject({ type: 'result' });
  });

  it('that fell off the ring are told to be gone', async () => {
    const { open } = await startNode({ limits: { ringTransactionsMax: 100 } });
    const writer = await open();
    const { zxid } = await writer.request({ type: 'create', path: '/a' });
    await writer.requests(Array.from({ length: 300 }, () => ({ type: 'set', path: '/a' })));
    const late = await open({
      watches: [{ path: '/a', mode: 'persistent' }],
      resumeFrom: zxid,
    });
    expect(await late.nextMessage('gone')).toMatchObject({
      type: 'gone',
      currentZxid: 302,
      oldestZxid: expect.any(Number) as number,
    });
    await writer.request({ type: 'set', path: '/a' });
    expect(await late.nextEvents()).toMatchObject({ zxid: 303 });
  });
});

describe('pipelined requests', () => {
  it('see one another in order', async () => {
    const { open } = await startNode();
    const client = await open({ batch: true });
    const answers = await client.requests([
      { type: 'create', path: '/a', data: 'one' },
      { type: 'get', path: '/a' },
      { type: 'set', path: '/a', data: 'two', version: 5 },
      { type: 'set', path: '/a', data: 'two', version: 0 },
      { type: 'get', path: '/a' },
      { type: 'delete', path: '/a' },
      { type: 'get', path: '/a' },
    ]);
    expect(
      answers.map(({ data, problem }) => data ?? (problem as { code?: string } | undefined)?.code),
    ).toEqual([undefined, 'one', 'BADVERSION', undefined, 'two', undefined, 'NONODE']);
  });

  it('many at once, on many connections, lose nothing', async () => {
    const { open } = await startNode();
    const clients = await Promise.all(Array.from({ length: 8 }, () => open({ batch: true })));
    const [first] = clients;
    await first?.request({ type: 'create', path: '/q' });
    const answers = await Promise.all(
      clients.map((client) =>
        client.requests(
          Array.from({ length: 500 }, () => ({ type: 'create', path: '/q/n-', sequential: true })),
        ),
      ),
    );
    const sequences = answers.map((list) => list.map(({ sequence }) => sequence as number));
    for (const own of sequences) expect(own).toEqual([...own].sort((a, b) => a - b));
    expect(sequences.flat().sort((a, b) => a - b)).toEqual(
      Array.from({ length: 4000 }, (_, index) => index),
    );
  });

  it('repeated under an idempotency key write once', async () => {
    const { open } = await startNode();
    const client = await open();
    const create = { type: 'create', path: '/n-', sequential: true, idempotencyKey: 'k1' };
    const [one, two] = await client.requests([create, create]);
    const again = await (await open()).request(create);
    expect(one).toMatchObject({ type: 'result', path: '/n-0000000000' });
    expect({ ...two, id: 0 }).toEqual({ ...one, id: 0 });
    expect({ ...again, id: 0 }).toEqual({ ...one, id: 0 });
    expect(await client.ask({ ...create, data: 'x' })).toMatchObject({
      problem: { code: 'IDEMPOTENCYCONFLICT' },
    });
  });
});
