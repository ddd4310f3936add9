/** The members of an ensemble are those of its log: who lists others is told so, and starts nothing. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { createReplica } from '../../../src/replica/index.ts';
import { Storage } from '../../../src/storage/index.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

async function startAmong(
  disk: MemoryDisk,
  list: { readonly voters: readonly number[]; readonly observers?: readonly number[] },
): Promise<void> {
  const { storage, recovered } = await Storage.open({
    ...{ disk, checksum: (bytes, seed) => crc32(bytes, seed), randomId: () => 'id' },
  });
  await createReplica({
    settings: {
      ...{ ...list, self: 1, tickMs: 2000, limits: defaultLimits },
      ...{ sessionTimeoutMinMs: 4000, sessionTimeoutMaxMs: 600_000 },
      ...{ sessionTimeoutDefaultMs: 10_000, containerCheckMs: 60_000 },
      ...{ containerNeverUsedMs: 300_000, snapshotEveryTransactions: 1_000_000 },
    },
    ...{ storage, recovered },
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    scheduler: { defer: () => undefined, every: () => () => undefined },
    log: { info: () => undefined, warn: () => undefined },
    randomBytes: (count) => new Uint8Array(count),
    onFatal: (error) => {
      throw error;
    },
  });
}

describe('a data directory of an ensemble of other members', () => {
  it('is refused, naming both lists and what to do', async () => {
    const disk = new MemoryDisk();
    await ManualReplica.start({ disk });
    const after = (list: Parameters<typeof startAmong>[1]): Promise<void> =>
      startAmong(disk.kill(), list);
    await expect(after({ voters: [3, 1, 2] })).rejects.toThrow(
      'it belongs to an ensemble of the voter 1, and this node is told of the voters 1, 2, 3; ' +
        'the members of an ensemble are fixed at its birth: list them as they were, or give the ' +
        'new ensemble other data directories',
    );
    await expect(after({ voters: [1], observers: [2] })).rejects.toThrow(
      'this node is told of the voter 1 and the observer 2',
    );
    await expect(after({ voters: [1] })).resolves.toBeUndefined();
  });
});
