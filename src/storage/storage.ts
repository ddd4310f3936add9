/**
 * What a replica knows of the disk: one log, snapshots, the promise, the node's identity.
 *
 *   lock.<process>.<random>   who works here (real disks only)
 *   identity.a, identity.b    incarnation of the data directory, cluster id
 *   promise.a, promise.b      Zab's promise
 *   log/<first zxid>.log      segments of the log, `log-format.ts`
 *   log/spare                 the next segment, not in use yet
 *   snapshots/<zxid>.snapshot `snapshot-file.ts`
 *   snapshots/incoming-….tmp  what another node sends
 *   ….snapshot.install        it takes the place of everything, `install.ts`
 *   ….aside-<n>               set aside as damaged, `opening.ts`; nobody reads or removes it
 *
 * Deterministic over a deterministic disk: no timers, no clock, and chance only from `randomId`.
 */
import { assert } from '../protocol/assert.ts';
import {
  comparePositions,
  type EpochPromise,
  type LogPosition,
  type LogRecord,
} from '../zab/types.ts';
import { errorOf, isOutOfRoom, outOfFilesText } from './errors.ts';
import { install } from './install.ts';
import { LogCursor } from './log-cursor.ts';
import type { LogEnd } from './log-format.ts';
import { logDirectory, type Segment } from './log-recovery.ts';
import { segmentWith, truncateLog } from './log-truncation.ts';
import { LogWriter } from './log-writer.ts';
import { examine, partsOf, recoveredOf, repair } from './opening.ts';
import type { Found, Identity, Parts, Recovered, StorageOptions } from './opening.ts';
import { IncomingSnapshot, OutgoingSnapshot } from './snapshot-transfer.ts';
import type { SnapshotInfo } from './snapshots.ts';
import { SpareSegment } from './spare-segment.ts';

export type { Recovered, StorageOptions } from './opening.ts';

/** Holds back the removal of what somebody still reads. */
interface Pin {
  readonly snapshot?: number;
  /** Records from this zxid on. */
  readonly recordsFrom: number;
}

type DurableListener = (position: LogPosition) => void;
type FailureListener = (error: Error) => void;

export class Storage {
  readonly #parts: Parts;
  readonly #spare: SpareSegment;
  readonly #writer: LogWriter;
  readonly #durableListeners: DurableListener[] = [];
  readonly #failureListeners: FailureListener[] = [];
  readonly #spaceListeners: (() => void)[] = [];
  #identity: Identity;
  /** The identity is on the disk, in whatever version. */
  #isIdentified: boolean;
  #promise: EpochPromise | undefined;
  /** Of the promise that is on the disk. */
  #promisedEpoch: number;
  #segments: Segment[];
  /** The last of the changes to the set of segments, which go one after another. */
  #changing: Promise<unknown> = Promise.resolve();
  #snapshotting: Promise<SnapshotInfo> | undefined;
  readonly #pins = new Set<Pin>();
  #received = 0;
  #isInstalling = false;
  #isClosing = false;

  private constructor(parts: Parts, found: Found, identity: Identity) {
    this.#parts = parts;
    // What was written by a release that did not note it is noted with the next thing that is.
    this.#identity = { ...identity, ...(found.promise.value !== undefined && { promised: true }) };
    this.#isIdentified = found.identity.value !== undefined;
    this.#promise = found.promise.value;
    this.#promisedEpoch = found.promise.value?.epoch ?? 0;
    this.#segments = [...found.log.segments];
    const { disk, checksum, batchBytesMax, segmentBytes } = parts.options;
    this.#spare = new SpareSegment(disk, segmentBytes, () => {
      for (const listener of this.#spaceListeners) listener();
    });
    this.#writer = new LogWriter(
      {
        disk,
        checksum,
        spare: this.#spare,
        batchBytesMax,
        salt: parts.salt,
        onDurable: (position) => {
          for (const listener of this.#durableListeners) listener(position);
        },
        onFailure: (error) => {
          for (const listener of this.#failureListeners) listener(error);
        },
        onSegment: (segment) => {
          this.#segments.push(segment);
          return this.#noteNewest(segment.firstZxid);
        },
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
   * @param options.asLearner they come from a leader whom this node, which has no vote, promised nothing
   * @throws InvariantError for a gap, or for an epoch that was not promised durably before
   */
  append(records: readonly LogRecord[], options: { readonly asLearner?: boolean } = {}): void {
    const { epoch } = records.at(-1) ?? { epoch: 0 };
    if (options.asLearner === true && epoch > this.#promisedEpoch) this.#becomeLearner();
    else assert(epoch <= this.#promisedEpoch, `epoch ${epoch} is appended before it is promised`);
    this.#writer.append(records);
  }

  /** The greatest epoch that is promised on the disk; 0 before the first. */
  get promisedEpoch(): number {
    return this.#promisedEpoch;
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
    await this.#orFail(this.#note({ promised: true }));
    this.#promisedEpoch = Math.max(this.#promisedEpoch, promise.epoch);
  }

  /** As the identity has it. */
  get clusterId(): string | undefined {
    return this.#identity.clusterId;
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
    if (this.#isInstalling) throw new Error('the snapshot of another node is being installed');
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
        const { salt } = this.#parts;
        const log = { disk, checksum, segmentBytes, segments: this.#segments, salt };
        await this.#mayEndIn(segmentWith(this.#segments, position).firstZxid);
        const result = await truncateLog(log, position);
        this.#segments = [...result.segments];
        return result;
      }),
    );
    await this.#orFail(truncated);
  }

  /** What another node sends; it changes nothing before it is installed. */
  receiveSnapshot(): Promise<IncomingSnapshot> {
    const { disk, checksum } = this.#parts.options;
    this.#received += 1;
    return IncomingSnapshot.create(disk, this.#received, checksum);
  }

  /**
   * Puts a snapshot that has been received and finished in the place of the whole log and of all other
   * snapshots: at once, whenever the power goes. From the call on nothing that was appended before is
   * reported durable; nothing may be appended until it resolves.
   */
  async install(snapshot: IncomingSnapshot, at: LogEnd): Promise<void> {
    if (at.position.epoch > this.#promisedEpoch) this.#becomeLearner();
    assert(!this.#isInstalling, 'one snapshot at a time is installed');
    this.#isInstalling = true;
    const { bytes } = snapshot;
    const installed = this.#writer.replace(at.position, async () => {
      // The one of the old state that is being written gives up at its next chunk.
      await this.#snapshotting?.catch(() => undefined);
      return this.#alone(async () => {
        const { disk, checksum, segmentBytes } = this.#parts.options;
        const options = { disk, checksum, segmentBytes, salt: this.#parts.salt };
        const firstZxid = at.position.zxid + 1;
        await this.#mayEndIn(firstZxid);
        const { segment, current } = await install(options, snapshot.path, at);
        await this.#note({ newestSegment: firstZxid });
        this.#segments = [segment];
        this.#parts.snapshots.replaced({ zxid: at.position.zxid, bytes });
        return { end: at, current };
      });
    });
    await this.#orFail(installed);
    this.#isInstalling = false;
  }

  /**
   * A kept snapshot to be sent to another node: it and all records that follow it stay until it is closed.
   * @throws SnapshotDamagedError when not even its header can be read
   */
  openSnapshot(zxid: number): Promise<OutgoingSnapshot> {
    const { disk, checksum } = this.#parts.options;
    const release = this.keep({ snapshot: zxid, recordsFrom: zxid + 1 });
    return OutgoingSnapshot.open({ disk, zxid, release }, checksum);
  }

  /** Keeps something that would be removed otherwise. @returns what ends that */
  keep(pin: Pin): () => void {
    this.#pins.add(pin);
    return () => void this.#pins.delete(pin);
  }

  /** Zxid of the oldest record that is kept, or of the next one when there is none. */
  get oldestRecord(): number {
    return this.#segments[0]?.firstZxid ?? 1;
  }

  /** About how many bytes of the log must be read for what follows a position, in whole segments. */
  bytesAfter(position: LogPosition): number {
    const later = this.#segments.filter(({ firstZxid }) => firstZxid > position.zxid + 1);
    return later.length * this.#parts.options.segmentBytes;
  }

  /** Reads the durable records that follow a position. */
  readAfter(position: LogPosition): LogCursor {
    const { disk, checksum } = this.#parts.options;
    const segments = (): readonly Segment[] => this.#segments;
    const durable = (): LogPosition => this.#writer.durable;
    return new LogCursor({ disk, checksum, segments, durable }, position);
  }

  /** A leader has given back all that this node may have lost: it counts again from its next start on. */
  async recovered(): Promise<void> {
    if (this.#identity.recovering !== true) return;
    const { recovering: _over, ...rest } = this.#identity;
    this.#identity = rest;
    await this.#orFail(this.#parts.identityFile.write(this.#identity));
  }

  /** What this node holds is wrong: at its next start it sets it aside, and comes back with nothing. */
  async condemn(): Promise<void> {
    this.#identity = { ...this.#identity, recovering: true, condemned: true };
    await this.#orFail(this.#parts.identityFile.write(this.#identity));
  }

  /** Oldest first. */
  listSnapshots(): readonly SnapshotInfo[] {
    return this.#parts.snapshots.list();
  }

  /** The bytes of the file of a snapshot; undefined when there is none of this zxid. */
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
    const isRefused = this.#spare.hasFailed && this.outOfFiles === undefined;
    return isRefused || (await this.freeBytes()) < this.reserveBytes;
  }

  /** Why no file can be opened for the next segment, and what to do; undefined where that is not so. */
  get outOfFiles(): string | undefined {
    return this.#spare.hasFailed ? outOfFilesText(this.#spare.failure) : undefined;
  }

  /** A segment that could not be prepared is tried once more where there is room; to be called every few seconds. */
  async prepareAgain(): Promise<void> {
    if (!this.#spare.hasFailed) return;
    const hasRoom = (await this.freeBytes()) >= this.reserveBytes;
    if (hasRoom && !this.#isClosing) this.#spare.retry();
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

  /** From here on a log of an epoch that was never promised is no sign of a lost promise. */
  #becomeLearner(): void {
    if (this.#identity.learner === true) return;
    this.#identity = { ...this.#identity, learner: true };
    this.#writer.holdUntil(this.#orFail(this.#parts.identityFile.write(this.#identity)));
  }

  /**
   * The log has its first segment before the directory has an identity: one without the other is a loss. What a
   * crash, or a release that did not know of it, has left unnoted is noted before anything is built on it.
   */
  async #begin({ log }: Found): Promise<void> {
    const { current, segments } = log;
    const newest = segments.at(-1);
    if (current === undefined || newest === undefined) {
      await this.#writer.begin();
      return;
    }
    await this.#writer.resume(current);
    this.#spare.prepare();
    await this.#noteNewest(newest.firstZxid);
  }

  /**
   * On a full disk it waits for the next segment, or the next start: that a log goes on must need no room, and only
   * the loss of this file would not be noticed.
   */
  async #noteNewest(firstZxid: number): Promise<void> {
    const before = this.#identity.newestSegment;
    try {
      await this.#note({ newestSegment: firstZxid });
    } catch (error) {
      if (!this.#isIdentified || !isOutOfRoom(error)) throw error;
      const { newestSegment: _unnoted, ...identity } = this.#identity;
      this.#identity = { ...identity, ...(before !== undefined && { newestSegment: before }) };
    }
  }

  /** Resolves when the identity says so on the disk. */
  async #note(facts: Partial<Identity>): Promise<void> {
    const noted = { ...this.#identity, ...facts };
    const isNews = noted.newestSegment !== this.#identity.newestSegment;
    if (!isNews && noted.promised === this.#identity.promised) return;
    this.#identity = noted;
    await this.#parts.identityFile.write(noted);
    this.#isIdentified = true;
  }

  /** Files behind this one are about to go: their names go first, so that nobody misses them after a crash. */
  async #mayEndIn(firstZxid: number): Promise<void> {
    const { newestSegment = 0 } = this.#identity;
    if (firstZxid < newestSegment) await this.#note({ newestSegment: firstZxid });
  }

  async #writeSnapshot(
    at: LogEnd,
    chunks: AsyncIterable<Uint8Array>,
    keepRecordsFrom = Infinity,
  ): Promise<SnapshotInfo> {
    const { snapshots, options } = this.#parts;
    const info = await snapshots.write(at, chunks);
    const pins = [...this.#pins];
    await snapshots.retire(options.snapshotsRetained, (zxid) =>
      pins.some(({ snapshot }) => snapshot === zxid),
    );
    const oldest = snapshots.list()[0]?.zxid ?? 0;
    const pinned = Math.min(...[...this.#pins].map(({ recordsFrom }) => recordsFrom));
    await this.#alone(() => this.#purge(Math.min(oldest + 1, keepRecordsFrom, pinned)));
    return info;
  }

  async *#untilClosed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (this.#isClosing) throw new Error('the storage is being closed');
      if (this.#isInstalling) throw new Error('the snapshot of another node is being installed');
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
