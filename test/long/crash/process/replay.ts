/** The state at any zxid that a data directory still reaches back to, worked out beside the node it belongs to. */
import { crc32 } from 'node:zlib';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import type { ZnodePath } from '../../../../src/protocol/model.ts';
import type { TreeResult } from '../../../../src/protocol/operations.ts';
import { loadSnapshot } from '../../../../src/replica/snapshots.ts';
import { StateMachine } from '../../../../src/replica/state-machine.ts';
import { readRecords, recoverLog } from '../../../../src/storage/log-recovery.ts';
import { NodeDisk } from '../../../../src/storage/node-disk.ts';
import { readSnapshotFile } from '../../../../src/storage/snapshot-file.ts';
import { Snapshots, snapshotPath } from '../../../../src/storage/snapshots.ts';
import { readTree } from '../../../../src/tree/index.ts';
import type { Checksum } from '../../../../src/zab/types.ts';

const checksum: Checksum = (bytes, seed) => crc32(bytes, seed);

/** @returns undefined when what is kept begins later */
export async function stateAt(dataDir: string, zxid: number): Promise<StateMachine | undefined> {
  const disk = NodeDisk.existing(dataDir);
  const snapshots = new Snapshots(disk, checksum);
  const { newest } = await snapshots.recover();
  const log = await recoverLog(disk, newest, checksum);
  const state = new StateMachine({ limits: defaultLimits });
  const snapshot = snapshots.list().findLast((kept) => kept.zxid <= zxid);
  if (snapshot !== undefined) {
    const path = snapshotPath(snapshot.zxid);
    await loadSnapshot(state, readSnapshotFile(disk, { path }, checksum));
    state.restoredAt({ epoch: 0, zxid: snapshot.zxid }, 0);
  }
  let last = snapshot?.zxid ?? 0;
  for await (const records of readRecords(
    disk,
    { segments: log.segments, until: log.end.position },
    checksum,
  )) {
    for (const record of records) {
      if (record.zxid <= last || record.zxid > zxid) continue;
      if (record.zxid !== last + 1) return undefined;
      state.apply(record, undefined);
      last = record.zxid;
    }
  }
  return last === zxid ? state : undefined;
}

/** What `GET /tree/` tells of that state. */
export function listing({ tree }: StateMachine): TreeResult['nodes'] {
  const limit = defaultLimits.pageEntriesMax;
  const reader = { identities: [], limits: defaultLimits, superIdentity: undefined };
  return readTree(tree, { type: 'tree', path: '/' as ZnodePath, limit }, reader).nodes;
}
