/** Bodies that are being received: how much of them a node holds, whoever sends them and however slowly. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../../../support/http-client.ts';
import type { Http } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

const limits = {
  ...{ znodeDataBytesMax: 1000, transactionBytesMax: 1000, uploadBytesMax: 1000 },
  ...{ uploadReserveBytes: 0, uploadBytesPerClientMax: 1000 },
};

let node: MemoryNode;
let http: Http;
const sockets: Socket[] = [];

beforeAll(async () => {
  node = await startMemoryNode({ limits });
  http = httpClient(node.url);
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

/** Without its length, since one that is seen to be whole at once is not held, and not counted. */
const body = (bytes: number) => ({
  ...{ body: 'x'.repeat(bytes), headers: { 'Transfer-Encoding': 'chunked' } },
});

/** Sends the head and `sent` of 900 bytes, and the rest never. */
async function beginUpload(sent: number): Promise<Socket> {
  const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
  sockets.push(socket);
  socket.write('PUT /znodes/slow HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n');
  socket.write('Content-Length: 900\r\n\r\n');
  // The node says so once it has the head.
  await once(socket, 'data');
  socket.write('x'.repeat(sent));
  return socket;
}

/** Asks until the answer has this status: what a socket has been told arrives in its own time. */
async function untilStatus(status: number, bytes: number): Promise<void> {
  for (;;) {
    const answer = await http('PUT', '/znodes/other', body(bytes));
    if (answer.status === status) return;
    expect([200, 201, 429]).toContain(answer.status);
  }
}

describe('bodies under way', () => {
  it('are bounded, all together', async () => {
    await beginUpload(800);
    await untilStatus(429, 500);
    const refused = await http('PUT', '/znodes/other', body(500));
    expect(refused.problem()).toMatchObject({ code: 'THROTTLEDOP', outcome: 'not-applied' });
    expect(refused.headers['retry-after']).toBe('1');
    expect((await http('PUT', '/znodes/other', body(100))).status).toBeLessThan(202);
  });

  it('no longer count when their connection ends', async () => {
    const socket = await beginUpload(800);
    await untilStatus(429, 500);
    socket.destroy();
    await untilStatus(200, 500);
  });

  it('no longer count when they are refused or complete', async () => {
    for (let round = 0; round < 3; round++) {
      expect((await http('PUT', '/znodes/full', body(900))).status).toBeLessThan(202);
      const refused = await http('PUT', '/znodes/full', body(1001));
      expect(refused.status).toBe(413);
    }
  });

  it('do not keep out what comes whole with one read', async () => {
    await beginUpload(800);
    await untilStatus(429, 500);
    const answer = await http('PUT', '/znodes/other', { body: 'x'.repeat(500) });
    expect(answer.status).toBeLessThan(202);
  });
});

describe('a body that comes too slowly', () => {
  it('is answered 408, and its connection ends', async () => {
    // On a busy machine its one byte comes a moment after its head: then its pace would be the reason.
    const limits = { uploadStallMs: 20, uploadBytesPerSecondMin: 1 };
    const slow = await startMemoryNode({ limits });
    const socket = connect(Number(new URL(slow.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.write('PUT /znodes/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx');
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('Connection: close');
    expect(answer).toContain('the limit of 20 ms (limit uploadStallMs)');
    expect((await httpClient(slow.url)('GET', '/znodes/slow')).status).toBe(404);
    await slow.close();
  });
});
