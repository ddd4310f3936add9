/**
 * Requests with something wrong in them, down to bytes that are no request at all: every answer is whole, is
 * declared, and a failure has the one form; and the node lives on.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { httpClient } from '../support/http-client.ts';
import { startMemoryNode } from '../support/memory-node.ts';
import type { MemoryNode } from '../support/memory-node.ts';
import { HttpContract } from './http-contract.ts';

let node: MemoryNode;
let contract: HttpContract;

beforeAll(async () => {
  node = await startMemoryNode({
    limits: { longPollMaxMs: 20, requestTimeoutMs: 50, znodeDataBytesMax: 4000 },
  });
  contract = await HttpContract.of(node.url);
});

afterAll(async () => {
  expect((await httpClient(node.url)('GET', '/znodes/')).status).toBe(200);
  expect(node.errors).toEqual([]);
  await node.close();
});

it('any spoilt request is answered as the document says', async () => {
  await contract.checkRequests({ numRuns: 500, seed: 1 });
  const statuses = [200, 201, 204, 400, 401, 403, 404, 405, 409, 412, 413, 415, 431];
  expect([...contract.statuses.keys()]).toEqual(expect.arrayContaining(statuses));
}, 60_000);

it('and so is any other, of a seed that is new each time', async () => {
  await contract.checkRequests({ numRuns: 300 });
}, 60_000);

it('any bytes are answered in whole or not at all', async () => {
  await contract.checkBytes({ numRuns: 150, seed: 1 });
  await contract.checkBytes({ numRuns: 50 });
}, 60_000);
