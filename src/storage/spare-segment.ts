/**
 * The next segment, filled with zeros before it is needed, so that rolling costs a rename and appending
 * never changes the length of a file (which would make each fdatasync write the file system's journal too).
 */
import type { Disk, DiskFile } from './disk.ts';
import { logDirectory } from './log-recovery.ts';

export const sparePath = `${logDirectory}/spare`;

const WRITE_BYTES = 1024 * 1024;
const SYNC_BYTES = 4 * 1024 * 1024;

export class SpareSegment {
  readonly #disk: Disk;
  readonly #bytes: number;
  readonly #onPrepared: () => void;
  #ready: Promise<void> | undefined;
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
    this.#ready ??= fillWithZeros(this.#disk, sparePath, this.#bytes)
      .catch(async (error: unknown) => {
        // What there is of it would only take the room that a snapshot may need.
        await this.#disk.remove(sparePath).catch(() => undefined);
        // Only now may it be tried once more: a removal that is late would take the next one away.
        this.#failure = error;
      })
      .then(this.#onPrepared);
  }

  /**
   * Resolves when the file at `sparePath` is ready; it belongs to the caller, who renames it. After a
   * failure in the background, a full disk above all, it is tried once more.
   */
  async take(): Promise<void> {
    this.prepare();
    await this.#ready;
    this.#ready = undefined;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    await fillWithZeros(this.#disk, sparePath, this.#bytes);
  }

  /** There is room again: what has failed is tried once more in the background. */
  retry(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#ready = undefined;
    this.prepare();
  }

  /** The last one could not be filled: a full disk, most likely. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
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
