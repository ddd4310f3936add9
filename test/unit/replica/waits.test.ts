/** Requests that wait for a zxid: how long they and what follows may take, and how many there may be. */
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, RequestMessage } from '../../../src/protocol/coordination.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const data = new Uint8Array(0);

function put(name: string): Operation {
  return { type: 'put', path: parsePath(name), data };
}

function alone(id: number, operation: Operation, fields: Partial<RequestMessage> = {}) {
  const caller = { identities: [] };
  return { type: 'request', stream: 0, id, operation, caller, ...fields } as const;
}

function codes(answers: readonly CoordinatorAnswer[]): (string | number)[][] {
  return answers.map((answer) => {
    if (answer.type === 'error') return [answer.id, answer.error.code];
    return [answer.type === 'result' ? answer.id : 0, answer.type];
  });
}

describe('a write that has waited for its zxid', () => {
  it('has the time of a write from then on, however short its wait was to be', async () => {
    const node = await ManualReplica.start();
    const minZxid = node.replica.status().appliedZxid + 1;
    node.submit(alone(1, put('/a'), { minZxid, minZxidWaitMs: 50 }));
    await node.pass(49);
    node.submit(alone(2, put('/b')));
    while (node.answers.length === 0) {
      node.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    // What it waited for is applied, its own transaction is not, and the wait would be over now.
    await node.pass(2);
    expect(codes(node.take())).toEqual([
      [2, 'result'],
      [1, 'result'],
    ]);
  });
});

describe('requests that wait for a zxid', () => {
  it('are refused where there are too many of them', async () => {
    const node = await ManualReplica.start({ limits: { zxidWaitsMax: 2 } });
    const far = { minZxid: 1_000_000, minZxidWaitMs: 1000 };
    node.submit(alone(1, put('/a'), far), alone(2, put('/a'), far), alone(3, put('/a'), far));
    await node.settle();
    expect(codes(node.take())).toEqual([[3, 'THROTTLEDOP']]);
    await node.pass(1000);
    expect(codes(node.take())).toEqual([
      [1, 'BEHIND'],
      [2, 'BEHIND'],
    ]);
  });

  it('are refused as soon as their client is gone, and nothing of them is done', async () => {
    const node = await ManualReplica.start({ limits: { zxidWaitsMax: 1 } });
    const minZxid = node.replica.status().appliedZxid + 2;
    node.submit(alone(1, put('/a'), { minZxid, minZxidWaitMs: 300_000 }));
    node.submit({ type: 'cancel', id: 1 }, { type: 'cancel', id: 1 }, { type: 'cancel', id: 7 });
    expect(codes(node.take())).toEqual([[1, 'BEHIND']]);
    await node.pass(100);
    node.submit(alone(2, put('/b')), alone(3, put('/c')), alone(4, put('/d'), { minZxid }));
    await node.settle();
    expect(codes(node.take())).toEqual([2, 3, 4].map((id) => [id, 'result']));
    node.submit(alone(5, { type: 'get', path: parsePath('/a') }));
    await node.settle();
    expect(codes(node.take())).toEqual([[5, 'NONODE']]);
  });

  it('take their way once they have been begun, whether their client is gone or not', async () => {
    const node = await ManualReplica.start();
    const minZxid = node.replica.status().appliedZxid + 1;
    node.submit(alone(1, put('/a'), { minZxid, minZxidWaitMs: 50 }), alone(2, put('/b')));
    while (node.answers.length === 0) {
      node.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    node.submit({ type: 'cancel', id: 1 });
    await node.settle();
    expect(codes(node.take())).toEqual([
      [2, 'result'],
      [1, 'result'],
    ]);
  });

  it('no longer count once their stream has ended', async () => {
    const node = await ManualReplica.start({ limits: { zxidWaitsMax: 1 } });
    const far = { minZxid: 1_000_000, minZxidWaitMs: 100_000 };
    const path = parsePath('/a');
    node.submit({ type: 'open', stream: 1, identities: [] });
    node.submit({ type: 'request', stream: 1, id: 1, operation: { type: 'get', path }, ...far });
    node.submit({ type: 'close', stream: 1 });
    await node.pass(100);
    node.submit(alone(2, put('/a'), { minZxid: 1_000_000, minZxidWaitMs: 10 }));
    await node.pass(100);
    expect(codes(node.take())).toEqual([[2, 'BEHIND']]);
  });
});
