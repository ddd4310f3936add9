/** Sockets of clients and the files that a process may open: the log gets its next file all the same. */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startServer } from '../support/server-process.ts';

const files = 200;
const segmentBytes = 1024 * 1024;

/** One request on a connection that is kept. @returns the status; 0 where the connection ends instead */
async function put(socket: Socket, body: Buffer): Promise<number> {
  socket.write(
    `PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  const over = new AbortController();
  const { signal } = over;
  const ended = once(socket, 'close', { signal }).then(
    () => [],
    () => [],
  );
  const [answer = ''] = await Promise.race([once(socket, 'data', { signal }), ended]);
  over.abort();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1] ?? 0);
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

it('a node that cannot open the next file of its log ends, and names the limit', async () => {
  const args = ['--segment-size', String(segmentBytes)];
  const node = await startServer({ args });
  const socket = connect(node.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const body = Buffer.alloc(200_000, 'A');
  expect(await put(socket, body)).toBe(201);
  // It has more open than that: what it has it keeps, and it gets nothing more.
  execFileSync('prlimit', ['--pid', String(node.pid), '--nofile=8']);
  let written = 1;
  while (written < 20 && (await put(socket, body)) === 200) written++;
  expect(written).toBeLessThan(20);
  expect((await node.exited).code).toBe(70);
  const last = JSON.parse(node.stdout().trim().split('\n').at(-1) ?? '') as {
    err: { message: string };
  };
  expect(last.err.message).toMatch(
    /^the data directory .* cannot be written to \(EMFILE: .*\); this process may open no more files: raise the limit of open files \(ulimit -n; LimitNOFILE in systemd\), .* Nothing has been acknowledged/,
  );
  const again = await startServer({ args, dataDir: node.dataDir });
  const stat = await fetch(`${again.url}/stat/a`);
  expect(
    ((await stat.json()) as { stat: { version: number } }).stat.version,
  ).toBeGreaterThanOrEqual(written - 1);
  expect((await again.stop()).code).toBe(0);
});
