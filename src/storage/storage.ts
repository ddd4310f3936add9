/**
 * What a replica knows of the disk: one log, snapshots, the promise, the node's identity.
 *
 *   lock.<process>.<random>   who works here (real disks only)
 *   identity.a, identity.b    incarnation of the data directory, cluster id
 *   promise.a, promise.b      Zab's promise
 *   log/<first zxid>.log      segments of the log, `log-format.ts`
 *   log/spare                 the next segment, not in use yet
 *   snapshots/<zxid>.snapshot `snapshot-file.ts`
 *
 * Deterministic over a deterministic disk: no timers, no clock, and chance only from `randomId`.
 */
import { assert } from '../protocol/assert.ts';
import {
  comparePositions,
  type Checksum,
  type EpochPromise,
  type LogPosition,
  type LogRecord,
} from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { InconsistentDirectoryError, errorOf } from './errors.ts';
import type { LogEnd } from './log-format.ts';
import {
  logDirectory,
  readRecords,
  recoverLog,
  type RecoveredLog,
  type Segment,
} from './log-recovery.ts';
import { eraseTail, secureTail } from './log-tail.ts';
import { rewrittenPath, truncateLog } from './log-truncation.ts';
import { LogWriter } from './log-writer.ts';
import { readSnapshotFile } from './snapshot-file.ts';
import { Snapshots, snapshotDirectory, snapshotPath, type SnapshotInfo } from './snapshots.ts';
import { SpareSegment, sparePath } from './spare-segment.ts';
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
}

interface Identity {
  /** Of this data directory, made at its birth. */
  readonly incarnation: string;
  readonly clusterId?: string;
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
  /** First kept record of each epoch. */
  readonly epochStarts: readonly LogPosition[];
  /** What an operator should know, whole sentences. */
  readonly alarms: readonly string[];
}

type DurableListener = (position: LogPosition) => void;
type FailureListener = (error: Error) => void;

interface Parts {
  readonly options: Required<Omit<StorageOptions, 'reserveBytes'>> & StorageOptions;
  readonly snapshots: Snapshots;
  readonly identityFile: TwinFile<Identity>;
  readonly promiseFile: TwinFile<EpochPromise>;
}

interface Found {
  readonly identity: TwinState<Identity>;
  readonly promise: TwinState<EpochPromise>;
  readonly snapshot: Awaited<ReturnType<Snapshots['recover']>>;
  readonly log: RecoveredLog;
}

export class Storage {
  readonly #parts: Parts;
  readonly #spare: SpareSegment;
  readonly #salt: () => number;
  readonly #writer: LogWriter;
  readonly #durableListeners: DurableListener[] = [];
  readonly #failureListeners: FailureListener[] = [];
  readonly #spaceListeners: (() => void)[] = [];
  #identity: Identity;
  #promise: EpochPromise | undefined;
  /** Of the promise that is on the disk. */
  #promisedEpoch: number;
  #segments: Segment[];
  /** The last of the changes to the set of segments, which go one after another. */
  #changing: Promise<unknown> = Promise.resolve();
  #snapshotting: Promise<SnapshotInfo> | undefined;
  #isClosing = false;

  private constructor(parts: Parts, found: Found, identity: Identity) {
    this.#parts = parts;
    this.#identity = identity;
    this.#promise = found.promise.value;
    this.#promisedEpoch = found.promise.value?.epoch ?? 0;
    this.#segments = [...found.log.segments];
    const { disk, checksum, batchBytesMax, segmentBytes, randomId } = parts.options;
    this.#salt = () => checksum(new TextEncoder().encode(randomId()), 0);
    this.#spare = new SpareSegment(disk, segmentBytes, () => {
      for (const listener of this.#spaceListeners) listener();
    });
    this.#writer = new LogWriter(
      {
        disk,
        checksum,
        spare: this.#spare,
        batchBytesMax,
        salt: this.#salt,
        onDurable: (position) => {
          for (const listener of this.#durableListeners) listener(position);
        },
        onFailure: (error) => {
          for (const listener of this.#failureListeners) listener(error);
        },
        onSegment: (segment) => this.#segments.push(segment),
      },
      found.log.end,
    );
  }

  /**
   * Claims the data directory, reads and judges all of it, and only then changes anything: a refusal
   * leaves it as it was.
   * @throws DirectoryInUseError, CorruptionError, InconsistentDirectoryError
   */
  static async open(given: StorageOptions): Promise<{ storage: Storage; recovered: Recovered }> {
    const parts = partsOf(given);
    const { disk } = parts.options;
    await disk.lock();
    try {
      const found = await examine(parts);
      const alarms = await repair(parts, found);
      const identity = found.identity.value ?? { incarnation: parts.options.randomId() };
      const storage = new Storage(parts, found, identity);
      await storage.#begin(found);
      return { storage, recovered: recoveredOf(parts, { found, identity, alarms }) };
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /**
   * Queues records behind all that were appended before.
   * @throws InvariantError for a gap, or for an epoch that was not promised durably before
   */
  append(records: readonly LogRecord[]): void {
    const { epoch } = records.at(-1) ?? { epoch: 0 };
    assert(epoch <= this.#promisedEpoch, `epoch ${epoch} is appended before it is promised`);
    this.#writer.append(records);
  }

  /** All records up to and with `position` are on the disk; called with ever greater positions. */
  onDurable(listener: DurableListener): void {
    this.#durableListeners.push(listener);
  }

  /** The disk has failed, and nothing will be reported durable any more: the process must end. */
  onFailure(listener: FailureListener): void {
    this.#failureListeners.push(listener);
  }

  /** The log has taken another segment's worth of the disk, or found that it cannot: `nearlyFull` may have changed. */
  onSpaceTaken(listener: () => void): void {
    this.#spaceListeners.push(listener);
  }

  /** Resolves when both copies are on the disk. @throws InvariantError for a lower epoch */
  async writePromise(promise: EpochPromise): Promise<void> {
    assert(promise.epoch >= (this.#promise?.epoch ?? 0), 'a promise never gets lower');
    this.#promise = promise;
    await this.#orFail(this.#parts.promiseFile.write(promise));
    this.#promisedEpoch = Math.max(this.#promisedEpoch, promise.epoch);
  }

  async setClusterId(clusterId: string): Promise<void> {
    this.#identity = { ...this.#identity, clusterId };
    await this.#orFail(this.#parts.identityFile.write(this.#identity));
  }

  /**
   * Writes the state at a durable position, verifies it, and then removes what nobody needs any more: older
   * snapshots beyond those retained, and segments wholly before the oldest retained one. A failure is not
   * fatal; the old ones stay.
   * @param options.keepRecordsFrom records from this zxid on are kept in any case
   */
  async snapshot(
    at: LogEnd,
    chunks: AsyncIterable<Uint8Array>,
    options: { readonly keepRecordsFrom?: number } = {},
  ): Promise<SnapshotInfo> {
    assert(this.#snapshotting === undefined, 'one snapshot at a time');
    const isDurable = comparePositions(at.position, this.#writer.durable) <= 0;
    assert(isDurable, 'a snapshot is of what is durable');
    const written = this.#writeSnapshot(at, this.#untilClosed(chunks), options.keepRecordsFrom);
    this.#snapshotting = written;
    try {
      return await written;
    } finally {
      this.#snapshotting = undefined;
    }
  }

  /**
   * Cuts the log after `position`. From the call on nothing beyond it is reported durable, and what is
   * appended follows it; the promise resolves when nothing beyond it is on the disk any more.
   * @throws InvariantError for a position that is not in the log, or before the newest snapshot
   */
  async truncateAfter(position: LogPosition): Promise<void> {
    const newest = this.listSnapshots().at(-1)?.zxid ?? 0;
    assert(position.zxid >= newest, 'what a snapshot holds is committed, and never truncated');
    const truncated = this.#writer.truncate(position, () =>
      this.#alone(async () => {
        const { disk, checksum, segmentBytes } = this.#parts.options;
        const log = { disk, checksum, segmentBytes, segments: this.#segments, salt: this.#salt };
        const result = await truncateLog(log, position);
        this.#segments = [...result.segments];
        return result;
      }),
    );
    await this.#orFail(truncated);
  }

  /** Oldest first. */
  listSnapshots(): readonly SnapshotInfo[] {
    return this.#parts.snapshots.list();
  }

  /** The chunks of a snapshot, as they were given; undefined when there is none of this zxid. */
  readSnapshot(zxid: number): AsyncIterable<Uint8Array> | undefined {
    return this.#parts.snapshots.read(zxid);
  }

  freeBytes(): Promise<number> {
    return this.#parts.options.disk.freeBytes();
  }

  /** Free bytes below which growth is to be refused, so that deletes and session ends still fit. */
  get reserveBytes(): number {
    const { reserveBytes, segmentBytes } = this.#parts.options;
    return reserveBytes ?? 2 * segmentBytes + (this.listSnapshots().at(-1)?.bytes ?? 0);
  }

  async nearlyFull(): Promise<boolean> {
    const hasRoom = (await this.freeBytes()) >= this.reserveBytes;
    if (hasRoom && !this.#isClosing) this.#spare.retry();
    return !hasRoom || this.#spare.hasFailed;
  }

  /** Writes what is queued, gives up a snapshot that is being written, and gives the directory back. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#snapshotting?.catch(() => undefined);
    await this.#changing;
    await this.#writer.close();
    if (!this.#writer.hasFailed) await this.#spare.discard();
    await this.#parts.options.disk.close();
  }

  /** The log has its first segment before the directory has an identity: one without the other is a loss. */
  async #begin(found: Found): Promise<void> {
    if (found.log.current === undefined) {
      await this.#writer.begin();
    } else {
      await this.#writer.resume(found.log.current);
      this.#spare.prepare();
    }
    if (found.identity.value === undefined) await this.#parts.identityFile.write(this.#identity);
  }

  async #writeSnapshot(
    at: LogEnd,
    chunks: AsyncIterable<Uint8Array>,
    keepRecordsFrom = Infinity,
  ): Promise<SnapshotInfo> {
    const { snapshots, options } = this.#parts;
    const info = await snapshots.write(at, chunks);
    await snapshots.retire(options.snapshotsRetained);
    const oldest = snapshots.list()[0]?.zxid ?? 0;
    await this.#alone(() => this.#purge(Math.min(oldest + 1, keepRecordsFrom)));
    return info;
  }

  async *#untilClosed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (this.#isClosing) throw new Error('the storage is being closed');
      yield chunk;
    }
  }

  /** Removes segments of which every record is before `zxid`; never the one that is being written. */
  async #purge(zxid: number): Promise<void> {
    for (;;) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || next.firstZxid > zxid) return;
      await this.#parts.options.disk.remove(oldest.path);
      this.#segments.shift();
      // The next one goes only when this one is gone for good: the log never gets a hole.
      await this.#parts.options.disk.syncDirectory(logDirectory);
    }
  }

  /** Runs `change` when the changes before it have ended, well or not. */
  #alone<Result>(change: () => Promise<Result>): Promise<Result> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #orFail(written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      this.#writer.fail(errorOf(error));
      throw error;
    }
  }
}

function partsOf(given: StorageOptions): Parts {
  const options = {
    segmentBytes: 64 * MIB,
    batchBytesMax: 2 * MIB,
    snapshotsRetained: 3,
    ...given,
  };
  assert(options.segmentBytes >= KIB, 'segmentBytes: at least 1 KiB');
  assert(options.snapshotsRetained >= 1, 'snapshotsRetained: at least 1');
  const { disk, checksum } = options;
  return {
    options,
    snapshots: new Snapshots(disk, checksum),
    identityFile: new TwinFile(disk, 'identity', checksum),
    promiseFile: new TwinFile(disk, 'promise', checksum),
  };
}

/** Reads everything and changes nothing. */
async function examine(parts: Parts): Promise<Found> {
  const { disk, checksum } = parts.options;
  const identity = await parts.identityFile.read();
  const promise = await parts.promiseFile.read();
  const snapshot = await parts.snapshots.recover();
  const log = await recoverLog(disk, snapshot.newest, checksum);
  const found = { identity, promise, snapshot, log };
  checkCompleteness(found);
  return found;
}

/** Each part of a data directory proves that others were there before it. */
function checkCompleteness({ identity, promise, snapshot, log }: Found): void {
  const isEmpty = log.end.position.zxid === 0;
  if (identity.value === undefined) {
    const isVirgin = identity.copies === 0 && promise.copies === 0 && isEmpty;
    if (!isVirgin || snapshot.newest !== undefined) {
      throw new InconsistentDirectoryError('neither copy of its identity file can be read');
    }
  } else if (log.segments.length === 0) {
    throw new InconsistentDirectoryError('its log is missing');
  }
  if (promise.value === undefined && (promise.copies > 0 || !isEmpty)) {
    throw new InconsistentDirectoryError(
      'neither copy of its promise file can be read, so this node cannot know what it promised',
    );
  }
  if ((promise.value?.epoch ?? 0) < log.end.position.epoch) {
    throw new InconsistentDirectoryError(
      `its log is of epoch ${log.end.position.epoch}, its promise only of ` +
        `${promise.value?.epoch ?? 0}`,
    );
  }
}

/** Puts right what a crash or a damaged copy has left. @returns the alarms */
async function repair(parts: Parts, found: Found): Promise<readonly string[]> {
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

function recoveredOf(
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
    alarms,
  };
}
