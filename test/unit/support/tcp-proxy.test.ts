/** The network of the ensemble tests does what it is told to do, and nothing else. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TcpProxy } from '../../support/tcp-proxy.ts';

let server: Server;
let proxy: TcpProxy;
let isUp: boolean;
const clients: Socket[] = [];
const served: Socket[] = [];

beforeEach(async () => {
  isUp = true;
  server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => undefined);
    // An echo, so that both directions can be seen.
    socket.on('data', (bytes) => socket.write(bytes));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  proxy = await TcpProxy.start(() => (isUp ? { host: '127.0.0.1', port } : undefined));
});

afterEach(async () => {
  for (const socket of [...clients.splice(0), ...served.splice(0)]) socket.destroy();
  await proxy.stop();
  server.close();
});

interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  /** Resolves when so much has come. */
  readonly has: (length: number) => Promise<string>;
  readonly gone: Promise<unknown>;
}

async function dial(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  const gone = once(socket, 'close').catch(() => undefined);
  await once(socket, 'connect');
  const has = async (length: number): Promise<string> => {
    while (text.length < length) await once(socket, 'data');
    return text;
  };
  return { socket, text: () => text, has, gone };
}

/** As long as bytes need that are not held up: a round trip through an untouched echo. */
const moment = (ms = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('carries bytes both ways, in order, and the end', async () => {
  const client = await dial();
  const big = 'abcdefghij'.repeat(200_000);
  client.socket.write(big);
  expect(await client.has(big.length)).toBe(big);
  client.socket.end();
  await client.gone;
  expect(client.text()).toBe(big);
});

test('a cut in one direction swallows that direction alone, and the gap is never delivered', async () => {
  const client = await dial();
  client.socket.write('one.');
  await client.has(4);
  proxy.set('back', { cut: true });
  client.socket.write('two.');
  await moment();
  expect(client.text()).toBe('one.');
  proxy.set('back', {});
  await client.gone;
  expect(client.text()).toBe('one.');
  const next = await dial();
  next.socket.write('three');
  expect(await next.has(5)).toBe('three');
});

test('a cut that nothing crossed leaves the connection whole', async () => {
  const client = await dial();
  client.socket.write('one.');
  await client.has(4);
  proxy.set('out', { cut: true });
  proxy.set('out', {});
  client.socket.write('two.');
  expect(await client.has(8)).toBe('one.two.');
});

test('nobody learns through a cut that the other end has gone', async () => {
  const client = await dial();
  client.socket.write('one.');
  await client.has(4);
  proxy.set('out', { cut: true });
  proxy.set('back', { cut: true });
  for (const socket of served) socket.resetAndDestroy();
  let isGone = false;
  void client.gone.then(() => (isGone = true));
  await moment();
  expect(isGone).toBe(false);
  proxy.set('back', {});
  await client.gone;
});

test('a stall keeps everything for later', async () => {
  const client = await dial();
  proxy.set('out', { stall: true });
  client.socket.write('kept');
  await moment();
  expect(client.text()).toBe('');
  proxy.set('out', {});
  expect(await client.has(4)).toBe('kept');
});

test('a delay makes each piece late, and none of them overtakes another', async () => {
  proxy.set('out', { delayMs: 80 });
  const client = await dial();
  const sentMs = performance.now();
  client.socket.write('a');
  await moment(10);
  client.socket.write('b');
  expect(await client.has(2)).toBe('ab');
  expect(performance.now() - sentMs).toBeGreaterThanOrEqual(85);
});

test('a narrow link takes its time', async () => {
  proxy.set('back', { bytesPerSecond: 1_000_000 });
  const client = await dial();
  const sentMs = performance.now();
  client.socket.write('x'.repeat(200_000));
  await client.has(200_000);
  expect(performance.now() - sentMs).toBeGreaterThanOrEqual(190);
});

test('a reset ends both ends, and a new connection works', async () => {
  const client = await dial();
  client.socket.write('one.');
  await client.has(4);
  const [theirs] = served;
  const theirEnd = once(theirs ?? server, 'close').catch(() => undefined);
  proxy.reset();
  await Promise.all([client.gone, theirEnd]);
  expect(proxy.connections).toBe(0);
  const next = await dial();
  next.socket.write('two');
  expect(await next.has(3)).toBe('two');
});

test('a target that is not there refuses', async () => {
  isUp = false;
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});
