/**
 * A stream that lags gets the events of its past from the ring. What it asks meanwhile stands behind them:
 * a watch that it leaves is not used up by a change that came before.
 */
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import type { Limits } from '../../../src/protocol/limits.ts';
import type { WatchMode } from '../../../src/protocol/model.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const watched = parsePath('/watched');
const busy = parsePath('/busy');
const reader = 1;
const writer = 2;

let nextId = 1;

function ask(node: ManualReplica, stream: number, operation: Operation): number {
  const id = nextId++;
  node.submit({ type: 'request', stream, id, operation });
  return id;
}

async function write(node: ManualReplica, path = busy): Promise<void> {
  ask(node, writer, { type: 'put', path, data: new Uint8Array(0) });
  await node.settle();
}

async function writeMany(node: ManualReplica, count: number): Promise<void> {
  const operation = { type: 'put', path: busy, data: new Uint8Array(0) } as const;
  for (let index = 0; index < count; index++) ask(node, writer, operation);
  await node.settle();
}

/** What the reader was told: the numbers of its requests, and the paths of its events with their zxid. */
function told(answers: readonly CoordinatorAnswer[]): (number | string)[] {
  return answers
    .filter(({ stream }) => stream === reader)
    .flatMap((answer): (number | string)[] => {
      if (answer.type === 'events') {
        return answer.events.map(({ type, path }) => `${type} ${path} ${String(answer.zxid)}`);
      }
      return 'id' in answer ? [answer.id] : [answer.type];
    });
}

/** A reader with a persistent watch that has stopped reading, and a change of `/watched` it does not know. */
async function start(limits: Partial<Limits> = {}): Promise<ManualReplica> {
  const node = await ManualReplica.start({ limits });
  node.submit({ type: 'open', stream: reader, identities: [] });
  node.submit({ type: 'open', stream: writer, identities: [] });
  await write(node);
  await write(node, watched);
  ask(node, reader, { type: 'watch', path: busy, mode: 'persistent' });
  node.submit({ type: 'flow', stream: reader, ready: false });
  await write(node);
  await write(node, watched);
  node.take();
  return node;
}

const leaving: readonly Operation[] = [
  { type: 'get', path: watched, watch: true },
  { type: 'exists', path: watched, watch: true },
  { type: 'watch', path: watched, mode: 'data' },
  { type: 'watch', path: watched, mode: 'persistent' },
];

describe('a watch that a lagging stream leaves', () => {
  it.each(leaving)(
    'by %o fires for what comes after, and for nothing before',
    async (operation) => {
      const node = await start();
      const before = node.replica.status().appliedZxid;
      const id = ask(node, reader, operation);
      await write(node, watched);
      node.submit({ type: 'flow', stream: reader, ready: true });
      await node.settle();
      expect(told(node.take())).toEqual([
        `NodeDataChanged /busy ${String(before - 1)}`,
        id,
        `NodeDataChanged /watched ${String(before + 1)}`,
      ]);
    },
  );

  it.each([undefined, 'data'] as const)('can be taken back with mode %o', async (mode) => {
    const node = await start();
    ask(node, reader, { type: 'get', path: watched, watch: true });
    const unwatch = { type: 'unwatch', path: watched } as const;
    ask(node, reader, mode === undefined ? unwatch : { ...unwatch, mode });
    const other: WatchMode = 'children';
    const none = ask(node, reader, { type: 'unwatch', path: watched, mode: other });
    await write(node, watched);
    node.submit({ type: 'flow', stream: reader, ready: true });
    await node.settle();
    const answers = node.take().filter(({ stream }) => stream === reader);
    expect(answers.map(({ type }) => type)).toEqual(['events', 'result', 'result', 'error']);
    expect(answers.at(-1)).toMatchObject({ id: none, error: { code: 'NOWATCHER' } });
  });
});

describe('a watch that a lagging stream takes back', () => {
  it('is told of what came before, and of nothing after', async () => {
    const node = await start();
    const missed = node.replica.status().appliedZxid - 1;
    const id = ask(node, reader, { type: 'unwatch', path: busy });
    await write(node);
    node.submit({ type: 'flow', stream: reader, ready: true });
    await node.settle();
    expect(told(node.take())).toEqual([`NodeDataChanged /busy ${String(missed)}`, id]);
  });

  it('is not there when what came before has used it up', async () => {
    const node = await start();
    ask(node, reader, { type: 'get', path: watched, watch: true });
    await write(node, watched);
    ask(node, reader, { type: 'unwatch', path: watched });
    node.submit({ type: 'flow', stream: reader, ready: true });
    await node.settle();
    const answers = node.take().filter(({ stream }) => stream === reader);
    expect(answers.at(-1)).toMatchObject({ type: 'error', error: { code: 'NOWATCHER' } });
  });
});

describe('the answers that wait behind the events of a lagging stream', () => {
  it('are so many bytes at most, of watches taken back too, and more end the stream', async () => {
    const node = await start({ unreadAnswerBytesMax: 2000 });
    for (let count = 1; count <= 10; count += 1) ask(node, reader, { type: 'unwatch', path: busy });
    await node.settle();
    const first = node.take().find(({ type }) => type === 'error');
    expect(first).toMatchObject({
      ...{ stream: reader, id: 0, ends: true },
      error: {
        code: 'THROTTLEDOP',
        detail:
          'unread answers of one connection exceed, in bytes, the limit of 2000 (limit unreadAnswerBytesMax); read the answers as they come',
      },
    });
  });

  it('are lost with the stream, and nothing overtakes them', async () => {
    const node = await ManualReplica.start({ limits: { streamRequestsMax: 1 } });
    node.submit({ type: 'open', stream: reader, identities: [] });
    node.submit({ type: 'open', stream: writer, identities: [] });
    await write(node);
    ask(node, reader, { type: 'watch', path: busy, mode: 'persistent' });
    node.submit({ type: 'flow', stream: reader, ready: false });
    await write(node);
    node.take();
    ask(node, reader, { type: 'get', path: busy });
    ask(node, reader, { type: 'put', path: busy, data: new Uint8Array(0) });
    ask(node, reader, { type: 'get', path: busy });
    await node.settle();
    const answers = node.take().filter(({ stream }) => stream === reader);
    expect(answers).toMatchObject([{ type: 'error', id: 0, error: { code: 'THROTTLEDOP' } }]);
    expect(answers).toMatchObject([{ ends: true }]);
  });

  it('no longer count as unread once they have been sent', async () => {
    const node = await ManualReplica.start({ limits: { unreadAnswerBytesMax: 1000 } });
    node.submit({ type: 'open', stream: reader, identities: [] });
    node.submit({ type: 'open', stream: writer, identities: [] });
    await write(node);
    ask(node, reader, { type: 'watch', path: busy, mode: 'persistent' });
    node.submit({ type: 'flow', stream: reader, ready: false });
    await writeMany(node, 300);
    const asked: number[] = [];
    for (let round = 0; round < 5; round++) {
      asked.push(ask(node, reader, { type: 'get', path: watched }));
      await writeMany(node, 256);
      // It reads one step of the replay, which brings it nearer but not up to where the writer is.
      node.submit({ type: 'flow', stream: reader, ready: true });
      node.submit({ type: 'flow', stream: reader, ready: false });
    }
    node.submit({ type: 'flow', stream: reader, ready: true });
    await node.settle();
    expect(told(node.take()).filter((item) => asked.includes(Number(item)))).toEqual(asked);
  });
});
