/** Decides when a snapshot is taken and takes one at a time. */
import { CoordinationError } from '../protocol/errors.ts';
import type { SnapshotInfo } from '../protocol/coordination.ts';
import { isOutOfRoom, outOfFilesText } from '../storage/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { Core } from './core.ts';
import { StateSnapshot } from './snapshots.ts';

export class Snapshotter {
  readonly #core: Core;
  readonly #storage: Storage;
  /** 0…1: spreads the snapshots of the nodes of an ensemble (ZooKeeper's snapCount). */
  readonly #random: () => number;
  #sinceLast: number;
  #threshold: number;
  #running: Promise<SnapshotInfo> | undefined;
  #stopped = false;

  /** @param sinceLast transactions that recovery has found beyond the last snapshot */
  constructor(core: Core, storage: Storage, options: { random: () => number; sinceLast: number }) {
    this.#core = core;
    this.#storage = storage;
    this.#random = options.random;
    this.#sinceLast = options.sinceLast;
    this.#threshold = this.#nextThreshold();
  }

  /** To be told of each transaction applied. */
  applied(): void {
    this.#sinceLast++;
    if (this.#sinceLast < this.#threshold || this.#running !== undefined || this.#stopped) return;
    // A snapshot that fails costs disk space, not safety: the log stays, and the next try comes.
    this.take().catch((error: unknown) => {
      this.#core.log.warn({ error: String(error) }, 'snapshot failed; the log is kept');
    });
  }

  /** Another node's snapshot has taken the place of this node's state. */
  replaced(): void {
    this.#sinceLast = 0;
  }

  /** Takes a snapshot of the present state, or joins the one under way. @throws CoordinationError when stopping */
  take(): Promise<SnapshotInfo> {
    if (this.#stopped) {
      return Promise.reject(new CoordinationError('CONNECTIONLOSS', 'this node is stopping'));
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Waits for the snapshot under way; none is begun after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<SnapshotInfo> {
    const { state, clock, counters, log } = this.#core;
    const startedMs = clock.monotonicMs();
    this.#sinceLast = 0;
    this.#threshold = this.#nextThreshold();
    const at = { position: state.applied, chain: state.chain };
    const snapshot = new StateSnapshot(state);
    try {
      // What the ring still holds must be found again after a restart.
      const keepRecordsFrom = this.#core.ring.oldestResumeZxid + 1;
      const info = await this.#storage.snapshot(at, this.#paced(snapshot), { keepRecordsFrom });
      counters.snapshotsTaken++;
      counters.snapshotMs = clock.monotonicMs() - startedMs;
      log.info({ ...info, ms: Math.round(counters.snapshotMs) }, 'snapshot taken');
      return info;
    } catch (error) {
      const problem = this.#problemOf(error);
      if (problem === undefined) throw error;
      throw new CoordinationError('QUOTAEXCEEDED', `${problem}; the log is kept`);
    } finally {
      // Also after success: of a zxid that it has a snapshot of already, the storage reads nothing.
      snapshot.abort();
    }
  }

  /** What this node lacks for a snapshot; undefined where that is not why it has failed. */
  #problemOf(error: unknown): string | undefined {
    const node = `node ${this.#core.settings.self}`;
    if (isOutOfRoom(error)) return `the disk of ${node} has no room for a snapshot`;
    const files = outOfFilesText(error);
    return files === undefined ? undefined : `${node} cannot open a file for a snapshot: ${files}`;
  }

  /** One slice, then everybody else's turn. */
  async *#paced(snapshot: StateSnapshot): AsyncGenerator<Uint8Array> {
    for (const chunk of snapshot.chunks()) {
      yield chunk;
      await new Promise<void>((resolve) => {
        this.#core.scheduler.defer(resolve);
      });
      if (this.#stopped) throw new Error('the node is stopping');
    }
  }

  #nextThreshold(): number {
    const full = this.#core.settings.snapshotEveryTransactions;
    return Math.max(1, Math.ceil((full / 2) * (1 + this.#random())));
  }
}
