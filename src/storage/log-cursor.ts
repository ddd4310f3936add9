/**
 * Reads the log from a position on, some records at a time, while it is being written: for a learner that
 * is too far behind for what is in memory. What has been read is remembered, so that going on costs only
 * what is new.
 */
import { assert } from '../protocol/assert.ts';
import { comparePositions, type Checksum, type LogPosition, type LogRecord } from '../zab/types.ts';
import type { Disk, DiskFile } from './disk.ts';
import { CorruptionError } from './errors.ts';
import type { LogEnd } from './log-format.ts';
import type { Segment } from './log-recovery.ts';
import { SegmentReader } from './segment-reader.ts';

export interface CursorOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** As they are at the moment of the call. */
  readonly segments: () => readonly Segment[];
  readonly durable: () => LogPosition;
}

/** Records that follow `previous`; none when nothing that follows it is durable. */
export interface LogPiece {
  readonly previous: LogEnd;
  readonly records: readonly LogRecord[];
}

interface OpenReader {
  readonly file: DiskFile;
  readonly reader: SegmentReader;
}

export class LogCursor {
  readonly #options: CursorOptions;
  /** What has been handed out last. */
  #at: LogEnd | undefined;
  readonly #after: LogPosition;
  #open: OpenReader | undefined;
  /** Read, and from `#restFrom` on not handed out. */
  #rest: readonly LogRecord[] = [];
  #restFrom = 0;
  #isReading = false;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: CursorOptions, after: LogPosition) {
    this.#options = options;
    this.#after = after;
  }

  /** What `next` goes on from. */
  get position(): LogPosition {
    return this.#at?.position ?? this.#after;
  }

  /**
   * The next records, about `bytesMax` of them, one at least if there is one.
   * @returns `gone` when the log does not reach back to the position, or holds something else there
   * @throws CorruptionError when it cannot be read
   */
  next(bytesMax: number): Promise<LogPiece | 'gone'> {
    assert(!this.#isReading, 'one read at a time');
    const piece = this.#guarded(bytesMax);
    this.#reading = piece.catch(() => undefined);
    return piece;
  }

  /** A read that is under way is completed first. */
  async close(): Promise<void> {
    await this.#reading;
    await this.#leave();
    this.#keep([], 0);
  }

  async #guarded(bytesMax: number): Promise<LogPiece | 'gone'> {
    this.#isReading = true;
    try {
      return await this.#next(bytesMax);
    } catch (error) {
      await this.#leave();
      // A segment that has been removed meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
      throw error;
    } finally {
      this.#isReading = false;
    }
  }

  async #next(bytesMax: number): Promise<LogPiece | 'gone'> {
    const until = this.#options.durable();
    this.#at ??= await this.#find();
    const previous = this.#at;
    if (previous === undefined) return 'gone';
    const records: LogRecord[] = [];
    for (let bytes = 0; bytes < bytesMax;) {
      const record = await this.#record(until);
      if (record === undefined) break;
      records.push(record);
      bytes += record.bytes.length;
    }
    return { previous, records };
  }

  /** Goes to the position. */
  async #find(): Promise<LogEnd | undefined> {
    const after = this.#after;
    const { segments } = this.#options;
    // A record that ends one segment is named by the header of the next one too.
    const segment = segments().findLast(({ firstZxid }) => firstZxid <= after.zxid + 1);
    if (segment === undefined) return undefined;
    const { reader } = await this.#enter(segment);
    const { previous } = reader.header;
    if (previous.position.zxid === after.zxid) return isAt(previous, after);
    await reader.skipBefore(after.zxid);
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      const index = next.findIndex(({ zxid }) => zxid === after.zxid);
      const found = next[index];
      if (found === undefined) continue;
      this.#keep(next, index + 1);
      return isAt({ position: positionOf(found), chain: found.chain }, after);
    }
    return undefined;
  }

  async #record(until: LogPosition): Promise<LogRecord | undefined> {
    if (this.position.zxid >= until.zxid) return undefined;
    if (this.#restFrom >= this.#rest.length) await this.#step();
    const record = this.#rest[this.#restFrom];
    if (record === undefined || comparePositions(record, until) > 0) return undefined;
    this.#restFrom += 1;
    this.#at = { position: positionOf(record), chain: record.chain };
    return record;
  }

  #keep(records: readonly LogRecord[], from: number): void {
    this.#rest = records;
    this.#restFrom = from;
  }

  /** Reads on from where the last records ended. */
  async #step(): Promise<void> {
    const { zxid } = this.position;
    for (let isFresh = this.#open === undefined; ; isFresh = true) {
      const open = this.#open ?? (await this.#enterAt(zxid + 1));
      if (open.reader.end.position.zxid < zxid) await open.reader.skipBefore(zxid + 1);
      for (;;) {
        const next = await open.reader.next();
        if (next === undefined) break;
        const index = next.findIndex((record) => record.zxid > zxid);
        if (index < 0) continue;
        this.#keep(next, index);
        return;
      }
      // Its end, or where it ended when it was opened: what is behind has to be looked up anew.
      const { path } = open.reader;
      await this.#leave();
      if (isFresh) throw this.#damage(path);
    }
  }

  #enterAt(zxid: number): Promise<OpenReader> {
    const segment = this.#options.segments().findLast(({ firstZxid }) => firstZxid <= zxid);
    if (segment === undefined) throw removed();
    return this.#enter(segment);
  }

  async #enter(segment: Segment): Promise<OpenReader> {
    const file = await this.#options.disk.open(segment.path, 'read');
    try {
      const reader = await SegmentReader.open({ file, ...segment }, this.#options.checksum);
      this.#open = { file, reader };
      return this.#open;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #leave(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  /** What is durable must be readable. */
  #damage(file: string): CorruptionError {
    const { zxid } = this.position;
    return new CorruptionError({ file, offset: 0, zxid: zxid + 1, problem: 'it ends before' });
  }
}

/** The same as for a file that is not there. */
function removed(): Error {
  return Object.assign(new Error('the segment has been removed'), { code: 'ENOENT' });
}

function isAt(found: LogEnd, wanted: LogPosition): LogEnd | undefined {
  return comparePositions(found.position, wanted) === 0 ? found : undefined;
}

function positionOf({ epoch, zxid }: LogRecord): LogPosition {
  return { epoch, zxid };
}
