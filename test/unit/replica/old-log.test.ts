/** A log that this version cannot apply is refused at the start, before anything is added to it. */
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { Storage } from '../../../src/storage/index.ts';
import { encodeRecord } from '../../../src/zab/index.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);

it('refuses the transactions of an earlier version, naming the first', async () => {
  const disk = new MemoryDisk();
  await ManualReplica.start({ disk });
  const before = disk.kill();
  const { storage, recovered } = await Storage.open({
    disk: before,
    checksum,
    randomId: () => 'id',
  });
  const { position, chain } = recovered.last;
  const head = { epoch: position.epoch, zxid: position.zxid + 1, kind: 'txn' as const };
  const old = Uint8Array.of(1, 0, 0, 0, 0);
  storage.append([encodeRecord({ ...head, previousChain: chain }, old, checksum)], {
    asLearner: false,
  });
  await storage.close();
  await expect(ManualReplica.start({ disk: before.kill() })).rejects.toThrow(
    `log: the transaction at ${head.zxid}: format 1 is not known to this version`,
  );
});
