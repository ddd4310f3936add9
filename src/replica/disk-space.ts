/**
 * Whether the disk is nearly full: then growth is refused, and deletes and session ends go on. A node that cannot open
 * the next file of its log for want of descriptors says so instead: its disk has room, and a delete needs that file too.
 */
import { CoordinationError } from '../protocol/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { Core } from './core.ts';

export class DiskSpace {
  readonly #storage: Storage;
  readonly #core: Core;
  #isOutOfFiles = false;

  constructor(storage: Storage, core: Core) {
    this.#storage = storage;
    this.#core = core;
  }

  get nearlyFull(): boolean {
    return this.#core.diskNearlyFull;
  }

  /** For what makes the state grow. @throws CoordinationError QUOTAEXCEEDED on a nearly full disk */
  require(): void {
    if (!this.nearlyFull) return;
    const { self } = this.#core.settings;
    // The client may be connected to another node than the one whose disk it is.
    const kept = `${this.#storage.reserveBytes} bytes of it must be free for deletes and snapshots`;
    const problem = `the disk of node ${self} is nearly full: ${kept}`;
    const detail = `${problem}; make room on that disk, deletes are still taken`;
    throw new CoordinationError('QUOTAEXCEEDED', detail);
  }

  /** To be called every few seconds: others write to the disk too, and what has failed there may do now. */
  async checkAgain(): Promise<void> {
    await this.#storage.prepareAgain();
    await this.check();
  }

  /** Looks at the disk. */
  async check(): Promise<void> {
    this.#tellOfFiles();
    const full = await this.#storage.nearlyFull();
    if (full !== this.nearlyFull) {
      const freeBytes = await this.#storage.freeBytes();
      const { reserveBytes } = this.#storage;
      this.#core.log.warn(
        { nearlyFull: full, freeBytes, reserveBytes },
        full
          ? 'the disk of the data directory is nearly full: growth is refused until it has room'
          : 'the disk of the data directory has room again',
      );
    }
    this.#core.diskNearlyFull = full;
  }

  #tellOfFiles(): void {
    const { outOfFiles } = this.#storage;
    if ((outOfFiles !== undefined) === this.#isOutOfFiles) return;
    this.#isOutOfFiles = outOfFiles !== undefined;
    const problem = 'the next file of the log cannot be opened, and the node ends when it needs it';
    this.#core.log.warn(
      {},
      outOfFiles === undefined
        ? 'the next file of the log has been made'
        : `${problem}; ${outOfFiles}`,
    );
  }
}
