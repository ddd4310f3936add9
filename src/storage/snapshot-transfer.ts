/**
 * A snapshot file on its way from one node to another, byte for byte: read here, written there into a
 * file that has no name yet, and verified before anybody believes it.
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum } from '../zab/types.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { LogEnd } from './log-format.ts';
import { readSnapshotFile, readSnapshotHead, verifySnapshotFile } from './snapshot-file.ts';
import { snapshotDirectory, snapshotPath } from './snapshots.ts';

/** A kept snapshot, which stays until it is closed. */
export class OutgoingSnapshot {
  readonly at: LogEnd;
  /** Of the file. */
  readonly bytes: number;
  readonly #file: DiskFile;
  readonly #release: () => void;
  #isClosed = false;

  private constructor(file: DiskFile, head: { at: LogEnd; bytes: number }, release: () => void) {
    this.#file = file;
    this.at = head.at;
    this.bytes = head.bytes;
    this.#release = release;
  }

  /** @param kept.release called once, when it is closed, or could not be opened */
  static async open(
    kept: { disk: Disk; zxid: number; release: () => void },
    checksum: Checksum,
  ): Promise<OutgoingSnapshot> {
    const path = snapshotPath(kept.zxid);
    try {
      const file = await kept.disk.open(path, 'read');
      try {
        const head = await readSnapshotHead(file, path, checksum);
        return new OutgoingSnapshot(file, head, kept.release);
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      kept.release();
      throw error;
    }
  }

  /** Fewer than `length` only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#file.read(offset, Math.min(length, this.bytes - offset));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#release();
    await this.#file.close();
  }
}

/** A snapshot that is being received; until it is installed it changes nothing. */
export class IncomingSnapshot {
  readonly path: string;
  readonly #disk: Disk;
  readonly #checksum: Checksum;
  #file: DiskFile | undefined;
  #bytes = 0;
  #unsynced = 0;

  private constructor(at: { disk: Disk; path: string; file: DiskFile }, checksum: Checksum) {
    this.path = at.path;
    this.#disk = at.disk;
    this.#file = at.file;
    this.#checksum = checksum;
  }

  /** @param number told from those that this process has received before */
  static async create(disk: Disk, number: number, checksum: Checksum): Promise<IncomingSnapshot> {
    const path = `${snapshotDirectory}/incoming-${String(number)}.tmp`;
    return new IncomingSnapshot({ disk, path, file: await disk.open(path, 'create') }, checksum);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Writes behind what was written before; one at a time. */
  async write(bytes: Uint8Array): Promise<void> {
    assert(this.#file !== undefined, 'nothing is written to a snapshot that is complete');
    await this.#file.write(this.#bytes, bytes);
    this.#bytes += bytes.length;
    this.#unsynced += bytes.length;
    if (this.#unsynced < SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
  }

  /**
   * All of it is here: makes it durable and reads it back.
   * @throws SnapshotDamagedError when it is not what its writer meant
   */
  async finish(): Promise<LogEnd> {
    const file = this.#file;
    assert(file !== undefined, 'a snapshot is completed once');
    await file.sync();
    await this.#close();
    const { at } = await verifySnapshotFile(this.#disk, this.path, this.#checksum);
    return at;
  }

  /** What a finished one holds; the memory of a chunk is used again for the next one. */
  chunks(): AsyncIterable<Uint8Array> {
    return readSnapshotFile(this.#disk, { path: this.path, shared: true }, this.#checksum);
  }

  /** Gives it up; may be called at any time, also again. */
  async discard(): Promise<void> {
    // What stays of it goes with the next start.
    await this.#close().catch(() => undefined);
    await this.#disk.remove(this.path).catch(() => undefined);
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Written between two syncs: more, and the log's own sync waits behind these pages. */
const SYNC_BYTES = 4 * 1024 * 1024;
