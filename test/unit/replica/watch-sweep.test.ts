/** The end of a stream with very many watches: over at once, paid for in slices, between which others are served. */
import { expect, it } from 'vitest';
import { parsePath } from '../../../src/protocol/path.ts';
import { WATCHES_PER_SLICE } from '../../../src/replica/watch-sweep.ts';
import { ManualReplica } from './manual-replica.ts';

const path = (index: number) => parsePath(`/w${String(index)}`);

async function watching(
  count: number,
  limits: object = {},
): Promise<{ node: ManualReplica; watch: (stream: number, index: number) => void }> {
  const node = await ManualReplica.start({ limits });
  const watch = (stream: number, index: number): void => {
    const operation = { type: 'watch', path: path(index), mode: 'persistent' } as const;
    node.submit({ type: 'request', stream, id: index + 1, operation });
  };
  node.submit({ type: 'open', stream: 1, identities: [] });
  node.submit({ type: 'open', stream: 2, identities: [] });
  for (let index = 0; index < count; index++) {
    watch(1, index);
    if (index % 1000 === 0) await node.settle();
  }
  await node.settle();
  node.take();
  return { node, watch };
}

it('others are answered between the slices, and nothing is told to the stream', async () => {
  const slices = 5;
  const { node, watch } = await watching(slices * WATCHES_PER_SLICE);
  watch(2, 0);
  const before = node.replica.metrics().watches;
  node.submit({ type: 'close', stream: 1 });
  expect(node.replica.metrics().watches).toBe(1);
  expect(before).toBe(slices * WATCHES_PER_SLICE + 1);
  const caller = { identities: [] };
  const data = new Uint8Array(0);
  for (const at of [0, 1, slices * WATCHES_PER_SLICE - 1]) {
    const operation = { type: 'put', path: path(at), data } as const;
    node.submit({ type: 'request', stream: 0, id: at + 1, operation, caller });
  }
  const get = { type: 'exists', path: path(0) } as const;
  node.submit({ type: 'request', stream: 2, id: 99_999, operation: get });
  node.turn();
  expect(node.take().map(({ type }) => type)).toContain('result');
  await node.settle();
  const events = node.take().filter(({ type }) => type === 'events');
  expect(events.map(({ stream }) => stream)).toEqual([2]);
});

it('whoever needs the room of what has ended gets it', async () => {
  const count = 2 * WATCHES_PER_SLICE;
  const { node, watch } = await watching(count, { watchesMax: count });
  node.submit({ type: 'close', stream: 1 });
  for (let index = 0; index < count; index++) watch(2, index);
  await node.settle();
  expect(node.replica.metrics().watches).toBe(count);
  watch(2, count);
  await node.settle();
  expect(node.take().at(-1)).toMatchObject({ type: 'error', error: { code: 'QUOTAEXCEEDED' } });
});

it('a node stops in the middle of it', async () => {
  const { node } = await watching(3 * WATCHES_PER_SLICE);
  node.submit({ type: 'close', stream: 1 });
  await node.replica.stop();
  await node.settle();
  expect(node.fatal).toBeUndefined();
});
