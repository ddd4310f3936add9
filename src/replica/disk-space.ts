/** Whether the disk is nearly full: then growth is refused, and deletes and session ends go on. */
import { CoordinationError } from '../protocol/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { ReplicaLog } from './host.ts';

export class DiskSpace {
  readonly #storage: Storage;
  readonly #log: ReplicaLog;
  #nearlyFull = false;

  constructor(storage: Storage, log: ReplicaLog) {
    this.#storage = storage;
    this.#log = log;
  }

  get nearlyFull(): boolean {
    return this.#nearlyFull;
  }

  /** For what makes the state grow. @throws CoordinationError QUOTAEXCEEDED on a nearly full disk */
  require(): void {
    if (!this.#nearlyFull) return;
    throw new CoordinationError('QUOTAEXCEEDED', 'the disk of this node is nearly full');
  }

  /** To be called every few seconds: others write to the disk too, and what has failed there may do now. */
  async checkAgain(): Promise<void> {
    await this.#storage.prepareAgain();
    await this.check();
  }

  /** Looks at the disk. */
  async check(): Promise<void> {
    const full = await this.#storage.nearlyFull();
    if (full !== this.#nearlyFull) {
      this.#log.warn(
        { nearlyFull: full },
        full ? 'the disk is nearly full: growth is refused' : 'the disk has room again',
      );
    }
    this.#nearlyFull = full;
  }
}
