/** From what the disk holds to a running replica. */
import { crc32 } from 'node:zlib';
import type { Recovered, Storage } from '../storage/index.ts';
import { formatProblem } from '../tree/index.ts';
import { decodeEpochRecord, noPosition, recordOfFrame, Zab } from '../zab/index.ts';
import type { LogRecord, ZabStatus } from '../zab/index.ts';
import type { Clock, ReplicaLog, ReplicaSettings, Scheduler } from './host.ts';
import { LogMemory } from './log-memory.ts';
import { Replica } from './replica.ts';
import { EventRing } from './ring.ts';
import { loadSnapshot } from './snapshots.ts';
import { StateMachine } from './state-machine.ts';
import type { StoredEpochRecord } from './state-machine.ts';

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
 * Loads the snapshot, fills the ring with the records before it, and keeps those behind it for a leader to
 * commit. The replica does nothing before its `start`.
 * @throws Error when what the disk holds contradicts itself; the text says where
 */
export async function createReplica(options: ReplicaOptions): Promise<Replica> {
  const { settings, recovered } = options;
  const state = new StateMachine(settings);
  const snapshotZxid = await loadState(state, recovered);
  const { forgottenUntil } = state.formerAcls;
  const found = await readLog(options, { snapshotZxid, judgesAfter: forgottenUntil });
  const memory = new LogMemory(found.ring, recovered.epochStarts);
  for (const record of found.unapplied) {
    memory.push({ record, transaction: undefined, pending: undefined });
  }
  const epochRecords = withStored(found.epochRecords, state);
  const lastEpoch = epochRecords.at(-1);
  const clusterId = lastEpoch && decodeEpochRecord(lastEpoch.payload).clusterId;
  const zab = new Zab({
    self: settings.self,
    voters: settings.voters,
    observers: settings.observers ?? [],
    incarnation: recovered.identity.incarnation,
    // A crash right after the birth may have left the id in the log alone.
    clusterId: recovered.identity.clusterId ?? clusterId,
    newClusterId: () => Buffer.from(options.randomBytes(16)).toString('hex'),
    checksum: (bytes, seed) => crc32(bytes, seed),
    log: {
      last: recovered.last.position,
      lastChain: recovered.last.chain,
      epochStarts: recovered.epochStarts,
      epochRecords,
      committedChain: state.chain,
    },
    committed: state.applied,
    promise: recovered.promise,
    recovering: recovered.recovering,
    limits: settings.limits,
    timeouts: settings.peerTimeouts ?? {},
    records: memory,
    random: (bound) => Math.floor(((options.randomBytes(1)[0] ?? 0) / 256) * bound),
  });
  requireListed(zab.status.members, settings);
  return new Replica({ ...options, state, memory, zab });
}

/**
 * The members are fixed at the birth of an ensemble, and the log knows them. A list that says otherwise
 * would promise what is not so: more votes, or another majority.
 */
function requireListed(members: ZabStatus['members'], settings: ReplicaSettings): void {
  const { voters, observers = [] } = settings;
  const known = rolesText(
    members.filter(({ role }) => role === 'voter').map(({ id }) => id),
    members.filter(({ role }) => role === 'observer').map(({ id }) => id),
  );
  const listed = rolesText(voters, observers);
  if (known === listed) return;
  throw new Error(
    `it belongs to an ensemble of ${known}, and this node is told of ${listed}; the members of an ` +
      'ensemble are fixed at its birth: list them as they were, or give the new ensemble other data directories',
  );
}

function rolesText(voters: readonly number[], observers: readonly number[]): string {
  const inOrder = (ids: readonly number[]): string => [...ids].sort((a, b) => a - b).join(', ');
  const voting = `${voters.length === 1 ? 'the voter' : 'the voters'} ${inOrder(voters)}`;
  if (observers.length === 0) return voting;
  return `${voting} and the ${observers.length === 1 ? 'observer' : 'observers'} ${inOrder(observers)}`;
}

/** The last epoch record before the log begins is known from the snapshot alone. */
function withStored(
  inLog: readonly StoredEpochRecord[],
  { epochRecord }: StateMachine,
): readonly StoredEpochRecord[] {
  if (epochRecord === undefined) return inLog;
  return [epochRecord, ...inLog.filter(({ zxid }) => zxid > epochRecord.zxid)];
}

/** Said at the start: what cannot be applied is found before anything is added to it. */
function requireKnown({ zxid, payload }: LogRecord): void {
  const problem = formatProblem(payload);
  if (problem !== undefined) throw new Error(`log: the transaction at ${String(zxid)}: ${problem}`);
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
  { snapshotZxid, judgesAfter }: { snapshotZxid: number; judgesAfter: number },
): Promise<{
  ring: EventRing;
  unapplied: readonly LogRecord[];
  epochRecords: readonly StoredEpochRecord[];
}> {
  const { settings, recovered } = options;
  let ring: EventRing | undefined;
  const epochRecords: StoredEpochRecord[] = [];
  const unapplied: LogRecord[] = [];
  for await (const batch of recovered.records()) {
    for (const record of batch) {
      const kept = recordOfFrame(record.bytes.slice());
      if (kept.kind === 'epoch') epochRecords.push({ zxid: kept.zxid, payload: kept.payload });
      else requireKnown(kept);
      if (record.zxid > snapshotZxid) {
        unapplied.push(kept);
        continue;
      }
      // Its events cannot be judged: the snapshot does not say what its ACLs were.
      if (record.zxid <= judgesAfter) continue;
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
  return { ring, unapplied, epochRecords };
}
