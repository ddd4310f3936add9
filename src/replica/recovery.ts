/** From what the disk holds to a running replica. */
import { crc32 } from 'node:zlib';
import type { Recovered, Storage } from '../storage/index.ts';
import { decodeEpochRecord, noPosition, recordOfFrame, Zab } from '../zab/index.ts';
import type { LogRecord } from '../zab/index.ts';
import type { Clock, ReplicaLog, ReplicaSettings, Scheduler } from './host.ts';
import { Replica } from './replica.ts';
import { EventRing } from './ring.ts';
import { loadSnapshot } from './snapshots.ts';
import { StateMachine } from './state-machine.ts';

export interface ReplicaOptions {
  readonly settings: ReplicaSettings;
  readonly storage: Storage;
  readonly recovered: Recovered;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: ReplicaLog;
  readonly randomBytes: (count: number) => Uint8Array;
  /** The disk has failed or an invariant is broken: the process must end at once. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Loads the snapshot, fills the ring with the records before it, keeps those behind it for the new epoch
 * to commit, and starts the broadcast core. Resolves when the node serves.
 * @throws Error when what the disk holds contradicts itself; the text says where
 */
export async function createReplica(options: ReplicaOptions): Promise<Replica> {
  const { settings, storage, recovered } = options;
  const state = new StateMachine(settings);
  const snapshotZxid = await loadState(state, recovered);
  const { ring, unapplied, clusterId } = await readLog(options, snapshotZxid);
  const zab = new Zab({
    self: settings.self,
    voters: settings.voters,
    incarnation: recovered.identity.incarnation,
    // A crash right after the birth may have left the id in the log alone.
    clusterId: recovered.identity.clusterId ?? clusterId,
    newClusterId: () => Buffer.from(options.randomBytes(16)).toString('hex'),
    checksum: (bytes, seed) => crc32(bytes, seed),
    log: {
      last: recovered.last.position,
      lastChain: recovered.last.chain,
      epochStarts: recovered.epochStarts,
    },
    committed: state.applied,
    promise: recovered.promise,
    limits: settings.limits,
  });
  const replica = new Replica({ ...options, state, ring, zab, unapplied });
  await replica.serving();
  if (recovered.identity.clusterId === undefined && zab.clusterId !== undefined) {
    await storage.setClusterId(zab.clusterId);
  }
  return replica;
}

async function loadState(state: StateMachine, recovered: Recovered): Promise<number> {
  const { snapshot } = recovered;
  if (snapshot === undefined) {
    state.restoredAt(noPosition, 0);
    return 0;
  }
  await loadSnapshot(state, snapshot.chunks());
  state.restoredAt(snapshot.position, snapshot.chain);
  return snapshot.position.zxid;
}

async function readLog(
  options: ReplicaOptions,
  snapshotZxid: number,
): Promise<{
  ring: EventRing;
  unapplied: readonly LogRecord[];
  /** As the last epoch in the log has it. */
  clusterId: string | undefined;
}> {
  const { settings, recovered } = options;
  let ring: EventRing | undefined;
  let clusterId: string | undefined;
  const unapplied: LogRecord[] = [];
  for await (const batch of recovered.records()) {
    for (const record of batch) {
      if (record.kind === 'epoch') ({ clusterId } = decodeEpochRecord(record.payload));
      const kept = recordOfFrame(record.bytes.slice());
      if (record.zxid > snapshotZxid) {
        unapplied.push(kept);
        continue;
      }
      ring ??= new EventRing(settings.limits, record.zxid);
      ring.push(kept);
    }
  }
  ring ??= new EventRing(settings.limits, snapshotZxid + 1);
  if (ring.lastZxid !== snapshotZxid) {
    throw new Error(
      `log: it ends at ${String(ring.lastZxid)}, before the snapshot at ${String(snapshotZxid)}`,
    );
  }
  return { ring, unapplied, clusterId };
}
