/** The snapshots of a node: writing, verifying, choosing and retiring them. */
import { assert } from '../protocol/assert.ts';
import type { Checksum } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import type { LogEnd } from './log-format.ts';
import {
  SnapshotDamagedError,
  readSnapshotBytes,
  verifySnapshotFile,
  writeSnapshotFile,
} from './snapshot-file.ts';

export const snapshotDirectory = 'snapshots';

export interface SnapshotInfo {
  readonly zxid: number;
  /** Of the file. */
  readonly bytes: number;
}

export function snapshotPath(zxid: number): string {
  return `${snapshotDirectory}/${String(zxid).padStart(16, '0')}.snapshot`;
}

/** The zxid of a snapshot by its name; undefined for any other file. */
export function parseSnapshotName(name: string): number | undefined {
  const match = /^(\d{16})\.snapshot$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export class Snapshots {
  readonly #disk: Disk;
  readonly #checksum: Checksum;
  /** Oldest first. */
  #all: SnapshotInfo[] = [];

  constructor(disk: Disk, checksum: Checksum) {
    this.#disk = disk;
    this.#checksum = checksum;
  }

  /**
   * Finds the newest snapshot that is whole, reading it all; changes nothing.
   * @returns it, and an alarm for each newer one that is damaged
   */
  async recover(): Promise<{
    newest: LogEnd | undefined;
    damaged: readonly { readonly path: string; readonly alarm: string }[];
  }> {
    const zxids = (await this.#disk.list(snapshotDirectory))
      .map(parseSnapshotName)
      .filter((zxid) => zxid !== undefined);
    const damaged: { path: string; alarm: string }[] = [];
    this.#all = [];
    let newest: LogEnd | undefined;
    for (const zxid of zxids.reverse()) {
      const path = snapshotPath(zxid);
      if (newest === undefined) {
        const found = await this.#verify(path);
        if (found instanceof SnapshotDamagedError) {
          damaged.push({
            path,
            alarm: `${found.message}; an older one and the log take its place`,
          });
          continue;
        }
        newest = found;
      }
      this.#all.unshift({ zxid, bytes: await this.#sizeOf(path) });
    }
    return { newest, damaged };
  }

  list(): readonly SnapshotInfo[] {
    return this.#all;
  }

  /**
   * Writes a snapshot, reads it back, and only then gives it its name. A failure leaves everything as it
   * was and is not fatal: the log still has all.
   */
  async write(at: LogEnd, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
    const { zxid } = at.position;
    const newest = this.#all.at(-1);
    assert((newest?.zxid ?? 0) <= zxid, 'a snapshot is not older than the newest one');
    if (newest?.zxid === zxid) return newest;
    const path = snapshotPath(zxid);
    const temporary = `${path}.tmp`;
    try {
      const file = await this.#disk.open(temporary, 'create');
      try {
        await writeSnapshotFile(file, { at, chunks }, this.#checksum);
      } finally {
        await file.close();
      }
      const { bytes } = await verifySnapshotFile(this.#disk, temporary, this.#checksum);
      await this.#disk.rename(temporary, path);
      await this.#disk.syncDirectory(snapshotDirectory);
      const info = { zxid, bytes };
      this.#all = [...this.#all, info];
      return info;
    } catch (error) {
      await this.#disk.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Removes all but the newest `retained`; the newest of all was verified when it was written.
   * @param isNeeded says of one that it must stay all the same
   */
  async retire(retained: number, isNeeded: (zxid: number) => boolean): Promise<void> {
    const old = this.#all.slice(0, Math.max(0, this.#all.length - Math.max(1, retained)));
    const surplus = old.filter(({ zxid }) => !isNeeded(zxid));
    for (const { zxid } of surplus) {
      await this.#disk.remove(snapshotPath(zxid));
      this.#all = this.#all.filter((other) => other.zxid !== zxid);
    }
    if (surplus.length > 0) await this.#disk.syncDirectory(snapshotDirectory);
  }

  /** Another node's snapshot has taken the place of all. */
  replaced(snapshot: SnapshotInfo): void {
    this.#all = [snapshot];
  }

  read(zxid: number): AsyncIterable<Uint8Array> | undefined {
    if (!this.#all.some((snapshot) => snapshot.zxid === zxid)) return undefined;
    return readSnapshotBytes(this.#disk, snapshotPath(zxid), this.#checksum);
  }

  async #verify(path: string): Promise<LogEnd | SnapshotDamagedError> {
    try {
      return (await verifySnapshotFile(this.#disk, path, this.#checksum)).at;
    } catch (error) {
      if (error instanceof SnapshotDamagedError) return error;
      throw error;
    }
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#disk.open(path, 'read');
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }
}
