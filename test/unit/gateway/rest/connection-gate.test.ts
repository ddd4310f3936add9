/** Connections: how many a node and one client may have, and what becomes of one more. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { Limits } from '../../../../src/protocol/limits.ts';
import { httpClient } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

let node: MemoryNode | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await node?.close();
  node = undefined;
});

async function start(limits: Partial<Limits>): Promise<MemoryNode> {
  node = await startMemoryNode({ limits });
  return node;
}

/** Connects from an address of this machine, and asks something. */
async function open(
  { url }: MemoryNode,
  { from = '127.0.0.1', target = '/whoami' } = {},
): Promise<{ readonly socket: Socket; readonly answer: string }> {
  const port = Number(new URL(url).port);
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return { socket, answer: answer.toString() };
}

function expectTooMany(answer: string, detail: string): void {
  expect(answer).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
  expect(answer).toContain('\r\nRetry-After: 1\r\n');
  expect(answer).toContain(detail);
}

describe('a connection too many', () => {
  it('of one client is told so and closed, and others are let in', async () => {
    const running = await start({ connectionsPerClientMax: 2 });
    const first = await open(running);
    await open(running);
    const { socket, answer } = await open(running, { target: '/znodes/a' });
    expectTooMany(answer, '127.0.0.1 has 2 connections, the limit of one client is 2');
    await once(socket, 'close');
    expect((await open(running, { from: '127.0.0.2' })).answer).toContain('200 OK');
    // A place is free when a connection has ended, however it did.
    first.socket.resetAndDestroy();
    await expect
      .poll(async () => (await httpClient(running.url)('GET', '/whoami')).status)
      .toBe(200);
  });

  it('of the node is told so, also where one address stands for all', async () => {
    const running = await start({ connectionsMax: 2 });
    await open(running);
    await open(running, { from: '127.0.0.2' });
    const { answer } = await open(running, { from: '127.0.0.3' });
    expectTooMany(answer, 'this node has 2 connections, the limit is 2');
  });

  it('takes no place of others, however many come and whatever they do then', async () => {
    const running = await start({ connectionsMax: 10, connectionsPerClientMax: 5 });
    const port = Number(new URL(running.url).port);
    const ended: Promise<unknown>[] = [];
    const pushy = Array.from({ length: 60 }, () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      sockets.push(socket);
      ended.push(new Promise((resolve) => socket.once('end', resolve).once('error', resolve)));
      return socket;
    });
    // Five are let in, and 55 are at their end, read or not: in the node they are refused by then.
    for (const socket of pushy) socket.resume();
    let ends = 0;
    for (const end of ended) void end.then(() => ends++);
    await expect.poll(() => ends).toBe(55);
    for (let count = 0; count < 5; count++) {
      expect((await open(running, { from: '127.0.0.2' })).answer).toContain('200 OK');
    }
  });

  it('never has its requests executed', async () => {
    const running = await start({ connectionsPerClientMax: 1 });
    const kept = await open(running);
    const { socket } = await open(running);
    socket.write('PUT /znodes/refused HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    await once(socket, 'close');
    kept.socket.write('GET /znodes/refused HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(kept.socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404/);
  });
});
