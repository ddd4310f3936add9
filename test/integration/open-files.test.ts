/** Sockets of clients and the files that a process may open: the log gets its next file all the same. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startServer } from '../support/server-process.ts';

const files = 200;
const segmentBytes = 1024 * 1024;

/** One request on a connection that is kept. @returns the status */
async function put(socket: Socket, body: Buffer): Promise<number> {
  socket.write(
    `PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer.toString())?.[1]);
}

it('idle sockets beyond the files of the process are refused, and the log goes on', async () => {
  const node = await startServer({
    descriptors: files,
    args: ['--segment-size', String(segmentBytes)],
  });
  const first = connect(node.port, '127.0.0.1');
  expect(await put(first, Buffer.from('x'))).toBe(201);
  const sockets = Array.from({ length: files + 50 }, () => connect(node.port, '127.0.0.1'));
  let refused = 0;
  const over = sockets.map(async (socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
    refused++;
  });
  // What is let in stays open; three quarters of the connections are one client's.
  const admitted = Math.ceil((files - 96) * (3 / 4)) - 1;
  await expect.poll(() => refused, { timeout: 20_000 }).toBe(sockets.length - admitted);
  // Several segments of the log, each a new file.
  const body = Buffer.alloc(200_000, 'A');
  for (let count = 0; count < 20; count++) expect(await put(first, body)).toBe(200);
  for (const socket of [first, ...sockets]) socket.destroy();
  await Promise.all(over);
  expect(node.stdout()).toContain(`the process may open ${files} files`);
  expect((await node.stop()).code).toBe(0);
});
