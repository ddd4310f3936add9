import { describe, expect, it } from 'vitest';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const caller = { identities: [] };

/** Takes a snapshot while the test turns the world. */
async function snapshotOf(node: ManualReplica): Promise<{ zxid: number; bytes: number }> {
  const taking = node.replica.takeSnapshot();
  const state = { done: false };
  const mark = (): void => {
    state.done = true;
  };
  taking.then(mark, mark);
  for (let turn = 0; turn < 100 && !state.done; turn++) await node.settle();
  return taking;
}

describe('snapshots on request', () => {
  it('may be asked for again and again, also when nothing was written between', async () => {
    const node = await ManualReplica.start();
    const first = await snapshotOf(node);
    expect(await snapshotOf(node)).toMatchObject({ zxid: first.zxid });
    expect(await snapshotOf(node)).toMatchObject({ zxid: first.zxid });
    const operation = { type: 'put', path: parsePath('/a'), data: new Uint8Array(0) } as const;
    node.submit({ type: 'request', stream: 0, id: 1, operation, caller });
    await node.settle();
    expect(await snapshotOf(node)).toMatchObject({ zxid: first.zxid + 1 });
    expect(node.fatal).toBeUndefined();
  });

  it('are joined by those who ask while one is taken', async () => {
    const node = await ManualReplica.start();
    const [one, other] = [node.replica.takeSnapshot(), node.replica.takeSnapshot()];
    expect(one).toBe(other);
    await node.settle();
    await one;
  });
});

describe('a replica', () => {
  it('may be stopped twice at once', async () => {
    const node = await ManualReplica.start();
    await Promise.all([node.replica.stop(), node.replica.stop()]);
    expect(node.fatal).toBeUndefined();
    expect(node.replica.status().notReady).toBe('stopping');
  });
});
