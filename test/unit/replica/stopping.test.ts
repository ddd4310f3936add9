/** What those are told who wait for a node that stops. */
import { describe, expect, it } from 'vitest';
import { rootPath } from '../../../src/protocol/path.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

/** A disk that stops completing anything, until it is let go. */
function stallingDisk(): { readonly disk: MemoryDisk; stall(): void; go(): void } {
  let waiting: (() => void)[] | undefined;
  const schedule = (complete: () => void): void => {
    if (waiting === undefined) complete();
    else waiting.push(complete);
  };
  return {
    disk: new MemoryDisk({ schedule }),
    stall: () => {
      waiting = [];
    },
    go: () => {
      const all = waiting ?? [];
      waiting = undefined;
      for (const complete of all) complete();
    },
  };
}

describe('a node that stops', () => {
  it('refuses at once who waits for a leader, though a snapshot waits for the disk', async () => {
    const { disk, stall, go } = stallingDisk();
    const node = await ManualReplica.start({ disk, voters: [1, 2, 3] });
    await node.settle();
    stall();
    const snapshot = node.replica.takeSnapshot();
    snapshot.catch(() => undefined);
    const operation = { type: 'get', path: rootPath } as const;
    node.submit({ type: 'request', stream: 0, id: 1, operation, caller: { identities: [] } });
    await node.settle();
    expect(node.take(), 'a leader may still be found').toEqual([]);

    const stopped = node.replica.stop();
    await node.settle();
    expect(node.take()).toMatchObject([{ id: 1, error: { code: 'CONNECTIONLOSS' } }]);

    go();
    await node.settle();
    await expect(snapshot).rejects.toThrow('the node is stopping');
    await stopped;
    expect(node.fatal).toBeUndefined();
  });
});
