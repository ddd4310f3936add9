/**
 * Answers come in bursts, so that the door can say in between that the socket is full; but a read is never
 * answered from a state that a later write of its stream has made.
 */
import { expect, it } from 'vitest';
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const path = parsePath('/large');
const stream = 1;
const dataBytes = 1000;
const burstBytes = 10_000;

/** As many reads as a burst takes: the one that exceeds it is still answered. */
const readsInBurst = Math.floor(burstBytes / (dataBytes + 300)) + 1;

const get: Operation = { type: 'get', path };

function put(byte: number): Operation {
  return { type: 'put', path, data: new Uint8Array(dataBytes).fill(byte) };
}

let nextId = 1;

function ask(node: ManualReplica, operations: readonly Operation[]): void {
  node.submit(
    ...operations.map((operation) => ({
      ...{ type: 'request' as const, stream, id: nextId++, operation },
    })),
  );
}

/** The first byte of the data of each read that has been answered since the last call. */
function read(node: ManualReplica): number[] {
  return node.take().flatMap((answer: CoordinatorAnswer) => {
    if (answer.type !== 'result' || !('data' in answer.result)) return [];
    return [answer.result.data[0] ?? 0];
  });
}

async function start(): Promise<ManualReplica> {
  const node = await ManualReplica.start({ limits: { unreadAnswerBytesMax: burstBytes } });
  node.submit({ type: 'open', stream, identities: [] });
  ask(node, [put(1)]);
  await node.settle();
  node.take();
  return node;
}

it('a burst ends when it is large, and the next one comes in the next turn', async () => {
  const node = await start();
  ask(node, Array<Operation>(3 * readsInBurst).fill(get));
  expect(read(node)).toHaveLength(readsInBurst);
  node.turn();
  expect(read(node)).toHaveLength(readsInBurst);
  node.turn();
  expect(read(node)).toHaveLength(readsInBurst);
});

it('a full socket gets one more burst, and the rest when it has room', async () => {
  const node = await start();
  ask(node, Array<Operation>(4 * readsInBurst).fill(get));
  expect(read(node)).toHaveLength(readsInBurst);
  node.submit({ type: 'flow', stream, ready: false });
  await node.settle();
  expect(read(node)).toHaveLength(readsInBurst);
  await node.pass(10_000);
  expect(read(node)).toEqual([]);
  node.submit({ type: 'flow', stream, ready: true });
  await node.settle();
  expect(read(node)).toHaveLength(2 * readsInBurst);
});

it('reads behind a write wait for the reader too', async () => {
  const node = await start();
  ask(node, [put(2), ...Array<Operation>(10 * readsInBurst).fill(get)]);
  node.submit({ type: 'flow', stream, ready: false });
  await node.settle();
  expect(read(node).length).toBeLessThanOrEqual(2 * readsInBurst);
  node.submit({ type: 'flow', stream, ready: true });
  await node.settle();
  expect(node.fatal).toBeUndefined();
});

it('a read before a later write is answered before it, however large the burst', async () => {
  const node = await start();
  const round = (byte: number): Operation[] => [put(byte), ...Array<Operation>(60).fill(get)];
  ask(node, [...round(2), ...round(3), ...round(4), ...round(5)]);
  node.submit({ type: 'flow', stream, ready: false });
  const seen: number[] = [];
  for (let turns = 0; turns < 20; turns++) {
    await node.settle();
    seen.push(...read(node));
    node.submit({ type: 'flow', stream, ready: true });
  }
  expect(seen).toEqual([2, 3, 4, 5].flatMap((byte) => Array<number>(60).fill(byte)));
});
