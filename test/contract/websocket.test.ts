/**
 * Conversations made out of the schemas, well-formed and spoilt: every message of the server is one that the
 * documents declare, every request is answered once and in order, and the node lives on.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMemoryNode } from '../support/memory-node.ts';
import type { MemoryNode } from '../support/memory-node.ts';
import { connect } from '../support/websocket-client.ts';
import { checkConversations } from './websocket-contract.ts';

let node: MemoryNode;
let url: string;

beforeAll(async () => {
  node = await startMemoryNode({ limits: { requestTimeoutMs: 50 }, tickMs: 100 });
  url = `${node.url.replace('http', 'ws')}/ws`;
});

afterAll(async () => {
  const client = await connect(url);
  expect((await client.ask({ type: 'get', path: '/' })).type).toBe('result');
  await client.close();
  expect(node.errors).toEqual([]);
  await node.close();
});

it('any conversation is answered by declared messages', async () => {
  const seen = await checkConversations(url, { numRuns: 400, seed: 1 });
  // Random conversations are no use where they all come to the same.
  const kinds = ['connected', 'result', 'events', 'NONODE', 'BADARGUMENTS', 'UNIMPLEMENTED'];
  expect([...seen.keys()]).toEqual(expect.arrayContaining(kinds));
  expect(seen.get('result')).toBeGreaterThan(300);
}, 60_000);

it('and so is any other, of a seed that is new each time', async () => {
  const seen = await checkConversations(url, { numRuns: 300 });
  expect(seen.get('connected')).toBeGreaterThan(100);
}, 60_000);
