/**
 * The next segment, filled with zeros before it is needed, so that rolling costs a rename and appending
 * never changes the length of a file (which would make each fdatasync write the file system's journal too).
 */
import type { Disk } from './disk.ts';
import { logDirectory } from './log-recovery.ts';

export const sparePath = `${logDirectory}/spare`;

const WRITE_BYTES = 1024 * 1024;
const SYNC_BYTES = 4 * 1024 * 1024;

export class SpareSegment {
  readonly #disk: Disk;
  readonly #bytes: number;
  #ready: Promise<void> | undefined;
  #failure: unknown;

  constructor(disk: Disk, bytes: number) {
    this.#disk = disk;
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins to fill the next one in the background. */
  prepare(): void {
    this.#ready ??= fillWithZeros(this.#disk, sparePath, this.#bytes).catch((error: unknown) => {
      this.#failure = error;
    });
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

  /** Resolves when nothing goes on in the background. */
  async settle(): Promise<void> {
    await this.#ready;
  }
}

async function fillWithZeros(disk: Disk, path: string, bytes: number): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    const zeros = new Uint8Array(Math.min(bytes, WRITE_BYTES));
    let unsynced = 0;
    for (let offset = 0; offset < bytes; offset += zeros.length) {
      const length = Math.min(zeros.length, bytes - offset);
      await file.write(offset, zeros.subarray(0, length));
      unsynced += length;
      if (unsynced >= SYNC_BYTES) {
        await file.sync();
        unsynced = 0;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
