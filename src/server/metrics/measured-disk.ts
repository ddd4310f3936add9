/** A disk that is another one, and measures what the writes of the log cost. */
import { performance } from 'node:perf_hooks';
import type { Disk, DiskFile, LogFile, LogWrite, OpenMode } from '../../storage/disk.ts';
import { BucketCounts } from './buckets.ts';

/** Seconds. */
const syncBounds = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5,
] as const;

export class LogWriteCounts {
  /** From handing a batch over until it is durable; one batch is one fsync. */
  readonly seconds = new BucketCounts(syncBounds);
  bytes = 0;
}

export class MeasuredDisk implements Disk {
  readonly logWrites = new LogWriteCounts();
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async openLog(path: string): Promise<LogFile> {
    return new MeasuredLogFile(await this.#disk.openLog(path), this.logWrites);
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#disk.open(path, mode);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#disk.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  lock(): Promise<void> {
    return this.#disk.lock();
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes();
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}

class MeasuredLogFile implements LogFile {
  readonly #file: LogFile;
  readonly #counts: LogWriteCounts;

  constructor(file: LogFile, counts: LogWriteCounts) {
    this.#file = file;
    this.#counts = counts;
  }

  async append(write: LogWrite): Promise<void> {
    // The bytes belong to the disk from the call on.
    const { length } = write.bytes;
    const startedMs = performance.now();
    await this.#file.append(write);
    this.#counts.seconds.observe((performance.now() - startedMs) / 1000);
    this.#counts.bytes += length;
  }

  publish(path: string): Promise<void> {
    return this.#file.publish(path);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
