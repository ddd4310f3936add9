/**
 * The next segment, filled with zeros before it is needed, so that rolling costs a rename and appending
 * never changes the length of a file (which would make each fdatasync write the file system's journal too).
 */
import type { Disk, DiskFile } from './disk.ts';
import { errorOf } from './errors.ts';
import { logDirectory } from './log-recovery.ts';

export const sparePath = `${logDirectory}/spare`;

const WRITE_BYTES = 1024 * 1024;
const SYNC_BYTES = 4 * 1024 * 1024;

export class SpareSegment {
  readonly #disk: Disk;
  readonly #bytes: number;
  readonly #onPrepared: () => void;
  /** Resolves when the last attempt is over, however it ended. */
  #ready: Promise<void> | undefined;
  #isFilling = false;
  #failure: unknown;

  /** @param onPrepared told whenever the next one is ready, or could not be made */
  constructor(disk: Disk, bytes: number, onPrepared: () => void) {
    this.#disk = disk;
    this.#bytes = bytes;
    this.#onPrepared = onPrepared;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins to fill the next one in the background. */
  prepare(): void {
    if (this.#ready === undefined) this.#fill();
  }

  /**
   * Resolves when the file at `sparePath` is ready; it belongs to the caller, who renames it. After a
   * failure in the background, a full disk above all, it is tried once more.
   */
  async take(): Promise<void> {
    this.prepare();
    await this.#settled();
    this.#ready = undefined;
    if (this.#failure === undefined) return;
    const failure = await this.#attempt();
    this.#failure = undefined;
    if (failure !== undefined) throw errorOf(failure);
  }

  /** There is room again: what has failed is tried once more in the background. */
  retry(): void {
    if (this.#failure !== undefined && !this.#isFilling) this.#fill();
  }

  /** The last one that is done could not be filled: a full disk, most likely. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Why; undefined when it could. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Removes what is not in use. */
  async discard(): Promise<void> {
    const ready = this.#ready;
    if (ready === undefined) return;
    // Forgotten first: whoever asks meanwhile finds nothing left to remove.
    this.#ready = undefined;
    await ready;
    if (this.#failure === undefined) await this.#disk.remove(sparePath);
  }

  #fill(): void {
    this.#isFilling = true;
    // What fails once may be no more than that; only a second failure says that the disk takes nothing more.
    const filled = this.#attempt().then((failure) => failure && this.#attempt());
    this.#ready = filled.then((failure) => {
      this.#failure = failure;
      this.#isFilling = false;
      this.#onPrepared();
    });
  }

  /** @returns why it has failed; undefined when it has not */
  async #attempt(): Promise<unknown> {
    try {
      await fillWithZeros(this.#disk, sparePath, this.#bytes);
      return undefined;
    } catch (error) {
      // What there is of it would only take the room that a snapshot may need. It is gone before the next
      // attempt: a late removal would take that one's file away.
      await this.#disk.remove(sparePath).catch(() => undefined);
      return error;
    }
  }

  /** While one waits for an attempt that fails, the next may have begun. */
  async #settled(): Promise<void> {
    let awaited: Promise<void> | undefined;
    while (awaited !== this.#ready) {
      awaited = this.#ready;
      await awaited;
    }
  }
}

async function fillWithZeros(disk: Disk, path: string, bytes: number): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    await writeZeros(file, { from: 0, until: bytes });
  } finally {
    await file.close();
  }
}

/** Writes zeros, a few at a time, and syncs the file. */
export async function writeZeros(
  file: DiskFile,
  range: { readonly from: number; readonly until: number },
): Promise<void> {
  const zeros = new Uint8Array(Math.max(0, Math.min(range.until - range.from, WRITE_BYTES)));
  let unsynced = 0;
  for (let offset = range.from; offset < range.until; offset += zeros.length) {
    await file.write(offset, zeros.subarray(0, Math.min(zeros.length, range.until - offset)));
    unsynced += zeros.length;
    if (unsynced >= SYNC_BYTES) {
      await file.sync();
      unsynced = 0;
    }
  }
  await file.sync();
}
