/** What `test/contract` does in seconds, for minutes: `ZOOGATE_TEST_SCALE=10` makes it ten times as many. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpContract } from '../../contract/http-contract.ts';
import { checkConversations } from '../../contract/websocket-contract.ts';
import { startMemoryNode } from '../../support/memory-node.ts';
import type { MemoryNode } from '../../support/memory-node.ts';

const runs = 8000 * Number(process.env['ZOOGATE_TEST_SCALE'] ?? 1);
const timeoutMs = 1_000_000_000;

let node: MemoryNode;
let contract: HttpContract;

beforeAll(async () => {
  const limits = { longPollMaxMs: 20, requestTimeoutMs: 50, znodeDataBytesMax: 4000 };
  node = await startMemoryNode({ limits, tickMs: 100 });
  contract = await HttpContract.of(node.url);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

it(
  'requests',
  async () => {
    await contract.checkRequests({ numRuns: runs });
    expect(contract.statuses.size).toBeGreaterThan(12);
  },
  timeoutMs,
);

it(
  'bytes',
  async () => {
    await contract.checkBytes({ numRuns: runs });
    expect(contract.statuses.size).toBeGreaterThan(12);
  },
  timeoutMs,
);

it(
  'conversations',
  async () => {
    const seen = await checkConversations(`${node.url.replace('http', 'ws')}/ws`, {
      numRuns: runs,
    });
    expect(seen.get('connected')).toBeGreaterThan(runs / 2);
  },
  timeoutMs,
);
