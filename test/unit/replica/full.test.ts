/** A node with as much outstanding as it may have refuses more, whatever is asked of it. */
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, RequestMessage } from '../../../src/protocol/coordination.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

function alone(id: number, operation: Operation): RequestMessage {
  return { type: 'request', stream: 0, id, operation, caller: { identities: [] } };
}

function create(name: string): Operation {
  const path = parsePath(name);
  return {
    type: 'create',
    path,
    data: new Uint8Array(0),
    kind: 'persistent',
    sequential: false,
  };
}

function codes(answers: readonly CoordinatorAnswer[]): string[] {
  return answers.map((answer) => (answer.type === 'error' ? answer.error.code : answer.type));
}

function idOf(answer: CoordinatorAnswer): number {
  return 'id' in answer ? answer.id : 0;
}

const limits = { outstandingTransactionsMax: 2 };

describe('a node with as many outstanding transactions as it may have', () => {
  it('refuses a new session as it refuses a write', async () => {
    const node = await ManualReplica.start({ limits });
    node.submit(alone(1, create('/a')), alone(2, create('/b')));
    node.submit(alone(3, { type: 'newSession' }), alone(4, create('/c')));
    expect(codes(node.take())).toEqual(['THROTTLEDOP', 'THROTTLEDOP']);
    await node.settle();
    expect(codes(node.take())).toEqual(['result', 'result']);
  });

  it('refuses a new session that has waited for its zxid, behind another that takes the room', async () => {
    const node = await ManualReplica.start({ limits: { outstandingTransactionsMax: 1 } });
    const minZxid = node.replica.status().appliedZxid + 1;
    const operation = { type: 'newSession' } as const;
    node.submit({ ...alone(1, operation), minZxid }, { ...alone(2, operation), minZxid });
    node.submit(alone(3, create('/a')));
    await node.settle();
    const answers = node.take().sort((one, other) => idOf(one) - idOf(other));
    expect(codes(answers)).toEqual(['result', 'THROTTLEDOP', 'result']);
    expect(node.fatal).toBeUndefined();
  });
});
