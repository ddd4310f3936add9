/**
 * Reads and judges a data directory before anything is built on it, puts right what a crash has left, and,
 * where an ensemble has it all, sets aside what is damaged.
 *
 * A node that sets its log aside has forgotten what it acknowledged. It says so, durably and before
 * anything is moved, in its identity (`recovering`), so that it never votes or is counted before a leader
 * has given everything back (`Storage.recovered`).
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum, EpochPromise, LogPosition, LogRecord } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { CorruptionError, InconsistentDirectoryError } from './errors.ts';
import { finishInstall } from './install.ts';
import type { LogEnd } from './log-format.ts';
import {
  listSegments,
  logDirectory,
  readRecords,
  recoverLog,
  segmentPath,
} from './log-recovery.ts';
import type { RecoveredLog, Segment } from './log-recovery.ts';
import { eraseTail, secureTail } from './log-tail.ts';
import { rewrittenPath } from './log-truncation.ts';
import { readSnapshotFile } from './snapshot-file.ts';
import { Snapshots, snapshotDirectory, snapshotPath } from './snapshots.ts';
import { sparePath } from './spare-segment.ts';
import { TwinFile, type TwinState } from './twin-file.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface StorageOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** A random text, never the same twice, that nobody can guess. */
  readonly randomId: () => string;
  /** Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Bytes of records in one batch; default 2 MiB. */
  readonly batchBytesMax?: number;
  /** Default 3, at least 1. */
  readonly snapshotsRetained?: number;
  /** Free bytes below which the disk is nearly full; default two segments and the newest snapshot. */
  readonly reserveBytes?: number;
  /**
   * What to do with a damaged or missing log while identity and promise are intact: `refuse` to start (the
   * default), or `set-aside`, for a member of an ensemble of more than one: its files are renamed, and it
   * begins with an empty log and `recovering`.
   */
  readonly onDamage?: 'refuse' | 'set-aside';
}

export interface Identity {
  /** Of this data directory, made at its birth. */
  readonly incarnation: string;
  readonly clusterId?: string;
  /** Something that was acknowledged may be missing here; absent once a leader has given it back. */
  readonly recovering?: true;
  /** It has learned epochs that it never promised, having no vote: its promise may be behind its log. */
  readonly learner?: true;
  /**
   * First zxid of the newest segment, noted before anything in it is reported durable: nothing else knows of it.
   * A later one may be there, after a crash. Absent in what was written by a release that did not note it.
   */
  readonly newestSegment?: number;
  /** A promise has been given: whose files are gone has lost it. */
  readonly promised?: true;
  /** The log and the snapshots are wrong, and are set aside at the next start. */
  readonly condemned?: true;
}

export interface RecoveredSnapshot extends LogEnd {
  readonly path: string;
  /**
   * The memory of a chunk is used again for the next one.
   * @throws SnapshotDamagedError from the iteration, if it has been damaged since it was verified
   */
  chunks(): AsyncIterable<Uint8Array>;
}

export interface Recovered {
  readonly identity: { readonly incarnation: string; readonly clusterId: string | undefined };
  readonly promise: EpochPromise | undefined;
  readonly snapshot: RecoveredSnapshot | undefined;
  /**
   * All that is kept, some records at a time, contiguous, oldest first, up to `last`. The memory of the
   * records is used again for the next ones: who keeps one copies it.
   */
  records(): AsyncIterable<readonly LogRecord[]>;
  /** The end of the log; the chain of the next record is seeded with `chain`. */
  readonly last: LogEnd;
  /**
   * First kept record of each epoch; where the log does not begin with the first record of all, the record
   * before it stands for its own epoch.
   */
  readonly epochStarts: readonly LogPosition[];
  /** True when something that was acknowledged may be missing here: no vote, no count. */
  readonly recovering: boolean;
  /** What an operator should know, whole sentences. */
  readonly alarms: readonly string[];
}

export interface Parts {
  readonly options: Required<Omit<StorageOptions, 'reserveBytes'>> & StorageOptions;
  readonly salt: () => number;
  readonly snapshots: Snapshots;
  readonly identityFile: TwinFile<Identity>;
  readonly promiseFile: TwinFile<EpochPromise>;
}

export interface Found {
  readonly identity: TwinState<Identity>;
  readonly promise: TwinState<EpochPromise>;
  readonly snapshot: Awaited<ReturnType<Snapshots['recover']>>;
  readonly log: RecoveredLog;
  /** What has been done about damage. */
  readonly alarms: readonly string[];
}

export function identityFileOf(disk: Disk, checksum: Checksum): TwinFile<Identity> {
  return new TwinFile(disk, 'identity', checksum);
}

export function partsOf(given: StorageOptions): Parts {
  const options = {
    segmentBytes: 64 * MIB,
    batchBytesMax: 2 * MIB,
    snapshotsRetained: 3,
    onDamage: 'refuse' as const,
    ...given,
  };
  assert(options.segmentBytes >= KIB, 'segmentBytes: at least 1 KiB');
  assert(options.snapshotsRetained >= 1, 'snapshotsRetained: at least 1');
  const { disk, checksum, randomId } = options;
  return {
    options,
    salt: () => checksum(new TextEncoder().encode(randomId()), 0),
    snapshots: new Snapshots(disk, checksum),
    identityFile: identityFileOf(disk, checksum),
    promiseFile: new TwinFile(disk, 'promise', checksum),
  };
}

/** Reads everything; changes only what was decided before, or what is set aside. */
export async function examine(parts: Parts): Promise<Found> {
  const identity = await parts.identityFile.read();
  const promise = await parts.promiseFile.read();
  if (identity.value?.condemned === true) {
    const problem = 'what it held was not what the quorum held';
    return setAside(parts, { identity, promise }, new InconsistentDirectoryError(problem));
  }
  try {
    return await examineLog(parts, { identity, promise });
  } catch (error) {
    if (!isDamage(error) || parts.options.onDamage === 'refuse') throw error;
    return setAside(parts, { identity, promise }, error);
  }
}

type Twins = Pick<Found, 'identity' | 'promise'>;

async function examineLog(parts: Parts, twins: Twins): Promise<Found> {
  const { disk, checksum, segmentBytes } = parts.options;
  await refuseLoneSnapshots(disk, twins);
  await finishInstall({ disk, checksum, segmentBytes, salt: parts.salt });
  checkNewest(twins, await listSegments(disk));
  const snapshot = await parts.snapshots.recover();
  const log = await recoverLog(disk, snapshot.newest, checksum);
  const found = { ...twins, snapshot, log, alarms: [] };
  checkCompleteness(found);
  return found;
}

/**
 * What somebody has put into an empty directory, a backup above all, must not end as a new and empty cluster.
 * @throws Error where there is a snapshot, or what looks like one, and nothing of a node that has written it
 */
async function refuseLoneSnapshots(disk: Disk, { identity, promise }: Twins): Promise<void> {
  if (identity.copies > 0 || promise.copies > 0) return;
  if ((await disk.list(logDirectory)).some((name) => name.endsWith('.log'))) return;
  const [inPlace] = await disk.list(snapshotDirectory);
  const [misplaced] = (await disk.list('')).filter((name) => /snapshot(?:$|\.)/.test(name));
  const file = inPlace === undefined ? misplaced : `${snapshotDirectory}/${inPlace}`;
  if (file === undefined) return;
  throw new Error(
    `it holds ${file}, and nothing of a node that could have written it. A node cannot start from ` +
      'a backup yet; `zoogate snapshot verify FILE` and `print FILE` read one. Move it away to ' +
      'begin with an empty tree',
  );
}

function isDamage(error: unknown): error is CorruptionError | InconsistentDirectoryError {
  return error instanceof CorruptionError || error instanceof InconsistentDirectoryError;
}

/**
 * Renames the log and the snapshots, and begins with nothing. Who cannot say what it promised must not: it
 * may have helped to elect somebody who still counts on it.
 * @throws what was found, for a node whose identity or promise is not intact
 */
async function setAside(parts: Parts, twins: Twins, damage: Error): Promise<Found> {
  const { disk } = parts.options;
  const { identity, promise } = twins;
  if (identity.value === undefined) throw damage;
  const { learner, promised } = identity.value;
  const neverPromised = learner === true && promised !== true && promise.copies === 0;
  if (promise.value === undefined && !neverPromised) throw damage;
  if (damage instanceof PromiseBehindError) throw damage;
  const { incarnation, clusterId } = identity.value;
  const value = {
    incarnation,
    ...(clusterId !== undefined && { clusterId }),
    ...(promised === true && { promised }),
    recovering: true,
  } as const;
  // Before anything is moved: what is left after a crash may look like a whole log, only shorter.
  await parts.identityFile.write({ ...identity.value, recovering: true });
  await disk.makeDirectory(logDirectory);
  await disk.makeDirectory(snapshotDirectory);
  await disk.syncDirectory('');
  const moved = await moveAside(disk);
  await parts.identityFile.write(value);
  const found = await examineLog(parts, {
    identity: { ...identity, value, isWhole: true },
    promise,
  });
  const alarm =
    `${damage.message} Renamed ${moved}, and began with an empty log: ` +
    'this node neither votes nor counts until a leader has given it everything again';
  return { ...found, alarms: [alarm] };
}

/** @returns what was renamed, for the operator */
async function moveAside(disk: Disk): Promise<string> {
  const paths: string[] = [];
  for (const directory of [logDirectory, snapshotDirectory]) {
    for (const name of await disk.list(directory)) paths.push(`${directory}/${name}`);
  }
  let number = 1;
  while (paths.some((path) => path.endsWith(`.aside-${number}`))) number += 1;
  const wanted = paths.filter((path) => /\.(log|snapshot|install)$/.test(path));
  for (const path of wanted) await disk.rename(path, `${path}.aside-${number}`);
  await disk.syncDirectory(logDirectory);
  await disk.syncDirectory(snapshotDirectory);
  return `${wanted.length} files of its log and snapshots to *.aside-${number}`;
}

/** The promise is not the last one that was given. */
class PromiseBehindError extends InconsistentDirectoryError {}

/** The newest file of the log is known by its name alone, until something follows it. */
function checkNewest({ identity }: Twins, segments: readonly Segment[]): void {
  const missing = missingNewest(identity.value, segments);
  if (missing === undefined) return;
  if (segments.length === 0) throw new InconsistentDirectoryError('its log is missing');
  throw new CorruptionError({
    ...{ file: missing.path, offset: 0, zxid: missing.firstZxid },
    problem: newestMissing,
  });
}

export const newestMissing = 'the file is missing, and it was the newest one of the log';

/** The segment that the identity names, if neither it nor a later one is there. */
export function missingNewest(
  identity: Identity | undefined,
  segments: readonly Segment[],
): Segment | undefined {
  const { newestSegment: firstZxid = 0 } = identity ?? {};
  if ((segments.at(-1)?.firstZxid ?? 0) >= firstZxid) return undefined;
  return { path: segmentPath(firstZxid), firstZxid };
}

/** Each part of a data directory proves that others were there before it. */
function checkCompleteness(found: Found): void {
  checkIdentity(found);
  const { identity, promise, log } = found;
  const isEmpty = log.end.position.zxid === 0;
  const isLearner = identity.value?.learner === true;
  const isGiven = promise.copies > 0 || identity.value?.promised === true;
  if (promise.value === undefined && (isGiven || (!isEmpty && !isLearner))) {
    throw new InconsistentDirectoryError(
      'neither copy of its promise file can be read, so this node cannot know what it promised',
    );
  }
  const promised = promise.value?.epoch ?? 0;
  if (promised < log.end.position.epoch && !isLearner) {
    throw new PromiseBehindError(
      `its log is of epoch ${log.end.position.epoch}, its promise only of ${promised}`,
    );
  }
}

function checkIdentity({ identity, promise, snapshot, log }: Found): void {
  if (identity.value === undefined) {
    const isVirgin = identity.copies === 0 && promise.copies === 0 && log.end.position.zxid === 0;
    if (!isVirgin || snapshot.newest !== undefined || snapshot.damaged.length > 0) {
      throw new InconsistentDirectoryError('neither copy of its identity file can be read');
    }
  } else if (log.segments.length === 0 && identity.value.recovering !== true) {
    throw new InconsistentDirectoryError('its log is missing');
  }
}

/** Puts right what a crash or a damaged copy has left. @returns the alarms */
export async function repair(parts: Parts, found: Found): Promise<readonly string[]> {
  const { disk } = parts.options;
  const { identity, promise, snapshot, log } = found;
  await disk.makeDirectory(logDirectory);
  await disk.makeDirectory(snapshotDirectory);
  await disk.syncDirectory('');
  // What a killed process had done may be in the kernel's memory alone, and is counted as durable now.
  await disk.syncDirectory(logDirectory);
  if (log.torn !== undefined) await eraseTail(disk, log.torn);
  if (log.doubtful !== undefined) await secureTail(disk, log.doubtful);
  await repairTwin(parts.identityFile, identity);
  await repairTwin(parts.promiseFile, promise);
  for (const { path } of snapshot.damaged) await disk.rename(path, `${path}.damaged`);
  await disk.syncDirectory(snapshotDirectory);
  await removeUnfinished(disk);
  return [
    ...found.alarms,
    ...[...identity.damage, ...promise.damage].map((text) => `${text}; the other copy replaces it`),
    ...snapshot.damaged.map(({ alarm }) => alarm),
    ...(log.torn === undefined ? [] : [log.torn.alarm]),
  ];
}

/** Files that never got their names; whether they stay gone does not matter. */
async function removeUnfinished(disk: Disk): Promise<void> {
  const inLog = (await disk.list(logDirectory)).map((name) => `${logDirectory}/${name}`);
  const inSnapshots = (await disk.list(snapshotDirectory))
    .filter((name) => name.endsWith('.tmp'))
    .map((name) => `${snapshotDirectory}/${name}`);
  const unfinished = inLog.filter((path) => path === sparePath || path === rewrittenPath);
  for (const path of [...unfinished, ...inSnapshots]) await disk.remove(path);
}

async function repairTwin<Value extends object>(
  file: TwinFile<Value>,
  state: TwinState<Value>,
): Promise<void> {
  if (state.value !== undefined && !state.isWhole) await file.write(state.value);
}

export function recoveredOf(
  parts: Parts,
  { found, identity, alarms }: { found: Found; identity: Identity; alarms: readonly string[] },
): Recovered {
  const { disk, checksum } = parts.options;
  const { segments, end, epochStarts } = found.log;
  const { newest } = found.snapshot;
  const { zxid } = newest?.position ?? { zxid: 0 };
  return {
    identity: { incarnation: identity.incarnation, clusterId: identity.clusterId },
    promise: found.promise.value,
    snapshot: newest && {
      ...newest,
      path: snapshotPath(zxid),
      chunks: () => readSnapshotFile(disk, { path: snapshotPath(zxid), shared: true }, checksum),
    },
    records: () => readRecords(disk, { segments, until: end.position, shared: true }, checksum),
    last: end,
    epochStarts,
    recovering: identity.recovering === true,
    alarms,
  };
}
