/** Sessions that end at the same time with very many ephemerals: a part of them a turn, not all in one. */
import { expect, it } from 'vitest';
import type { SessionCredential } from '../../../src/protocol/coordination.ts';
import type { MultiOperation, SessionResult } from '../../../src/protocol/operations.ts';
import { ManualReplica } from './manual-replica.ts';

const EACH = 5001;
const PER_MULTI = 1000;

async function session(node: ManualReplica): Promise<SessionCredential> {
  const caller = { identities: [] };
  const operation = { type: 'newSession', timeoutMs: 10_000 } as const;
  node.submit({ type: 'request', stream: 0, id: 1, operation, caller });
  await node.settle();
  const [answer] = node.take();
  if (answer?.type !== 'result') throw new Error('no session');
  return answer.result as SessionResult;
}

async function fill(node: ManualReplica, owner: SessionCredential): Promise<void> {
  for (let first = 0; first < EACH; first += PER_MULTI) {
    const operations = Array.from({ length: Math.min(PER_MULTI, EACH - first) }, (_, index) => ({
      ...({ type: 'create', kind: 'ephemeral', sequential: false } as const),
      path: `/e${String(owner.id)}-${String(first + index)}`,
      data: new Uint8Array(0),
    }));
    const operation: MultiOperation = { type: 'multi', operations };
    const caller = { identities: [], session: owner };
    node.submit({ type: 'request', stream: 0, id: 1, operation, caller });
    await node.settle();
    expect(node.take().map(({ type }) => type)).toEqual(['result']);
  }
}

it('ends some in each turn, and all in the end', async () => {
  const node = await ManualReplica.start();
  for (let count = 0; count < 3; count++) await fill(node, await session(node));
  const { znodes } = node.replica.metrics();
  await node.pass(1900);
  for (let left = 12_000; node.replica.metrics().sessions === 3 && left > 0; left -= 1900) {
    await node.pass(1900);
  }
  expect(node.replica.metrics()).toMatchObject({ sessions: 1, znodes: znodes - 2 * EACH });
  await node.pass(1);
  expect(node.replica.metrics()).toMatchObject({ sessions: 0, znodes: znodes - 3 * EACH });
});
