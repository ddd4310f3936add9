/** Reads the whole log at start and judges it; changes nothing. The rules are in `log-format.ts`. */
import { noPosition, type Checksum, type LogPosition, type LogRecord } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { CorruptionError, InconsistentDirectoryError } from './errors.ts';
import { parseSegmentName, segmentName, type LogEnd } from './log-format.ts';
import { SegmentReader } from './segment-reader.ts';

export const logDirectory = 'log';

export const emptyLogEnd: LogEnd = { position: noPosition, chain: 0 };

export function segmentPath(firstZxid: number): string {
  return `${logDirectory}/${segmentName(firstZxid)}`;
}

export interface Segment {
  readonly path: string;
  readonly firstZxid: number;
}

/** The segment that is being written. */
export interface OpenSegment {
  readonly path: string;
  /** End of its last batch, bytes. */
  readonly offset: number;
  /** Its preallocated size, bytes. */
  readonly capacity: number;
  readonly salt: number;
}

/** Bytes behind the last readable batch that nobody was ever told were durable. */
export interface TornTail {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly alarm: string;
}

/** The last batch, where nothing proves that it is on the disk and not in the memory of the kernel alone. */
export interface DoubtfulTail {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

export interface RecoveredLog {
  /** Oldest first; empty only in a data directory that was never used. */
  readonly segments: readonly Segment[];
  readonly current: OpenSegment | undefined;
  readonly end: LogEnd;
  /** First kept record of each epoch; the record before the log stands for its own epoch. */
  readonly epochStarts: readonly LogPosition[];
  readonly torn: TornTail | undefined;
  readonly doubtful: DoubtfulTail | undefined;
}

/** @returns the segments by their names, oldest first. */
export async function listSegments(disk: Disk): Promise<readonly Segment[]> {
  const names = await disk.list(logDirectory);
  return names
    .map(parseSegmentName)
    .filter((firstZxid) => firstZxid !== undefined)
    .map((firstZxid) => ({ path: segmentPath(firstZxid), firstZxid }));
}

/**
 * @param snapshot what the newest whole snapshot says about the log
 * @throws CorruptionError, InconsistentDirectoryError
 */
export async function recoverLog(
  disk: Disk,
  snapshot: LogEnd | undefined,
  checksum: Checksum,
): Promise<RecoveredLog> {
  const segments = await listSegments(disk);
  const scan = new Scan(snapshot, checksum);
  for (const [index, segment] of segments.entries()) {
    await scan.segment(disk, segment, index === segments.length - 1);
  }
  scan.finish();
  const { current, end, epochStarts, torn, doubtful } = scan;
  return { segments, current, end, epochStarts, torn, doubtful };
}

class Scan {
  current: OpenSegment | undefined;
  end: LogEnd = emptyLogEnd;
  torn: TornTail | undefined;
  doubtful: DoubtfulTail | undefined;
  readonly epochStarts: LogPosition[] = [];
  readonly #snapshot: LogEnd | undefined;
  readonly #checksum: Checksum;
  #previous: SegmentReader | undefined;

  constructor(snapshot: LogEnd | undefined, checksum: Checksum) {
    this.#snapshot = snapshot;
    this.#checksum = checksum;
  }

  async segment(disk: Disk, segment: Segment, isLast: boolean): Promise<void> {
    const file = await disk.open(segment.path, 'read');
    try {
      const reader = await SegmentReader.open({ file, ...segment, shared: true }, this.#checksum);
      this.#link(reader);
      for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
        this.#take(next, reader);
      }
      this.end = reader.end;
      if (isLast) await this.#judgeTail(reader);
    } finally {
      await file.close();
    }
  }

  /** What the snapshot knows must be in the log, or just before it. */
  finish(): void {
    const behind = this.#snapshot?.position.zxid ?? 0;
    if (behind <= this.end.position.zxid) return;
    const reader = this.#previous;
    if (reader === undefined) {
      throw new InconsistentDirectoryError('there are snapshots, but no log');
    }
    throw this.#damage(reader, `the log ends there, but there is a snapshot of zxid ${behind}`);
  }

  /** A segment goes on where the one before it ended; the first one where the snapshot can be joined. */
  #link(reader: SegmentReader): void {
    const { previous } = reader.header;
    const before = this.#previous;
    this.#previous = reader;
    if (before === undefined) {
      const reachable = this.#snapshot?.position.zxid ?? 0;
      if (previous.position.zxid > reachable) {
        const have = this.#snapshot === undefined ? 'no snapshot' : `a snapshot of ${reachable}`;
        throw new InconsistentDirectoryError(
          `the log begins at zxid ${previous.position.zxid + 1}, and there is ${have} to begin from`,
        );
      }
      this.end = previous;
      if (previous.position.zxid > 0) this.epochStarts.push(previous.position);
      this.#compare(previous, reader);
      return;
    }
    if (sameEnd(previous, before.end)) return;
    const isHole = previous.position.zxid > before.end.position.zxid;
    const what = isHole ? 'the log ends there' : 'it holds another history';
    const problem = `${what}, but the next file ${reader.path} goes on behind zxid ${previous.position.zxid}`;
    throw this.#damage(before, problem);
  }

  #take(records: readonly LogRecord[], reader: SegmentReader): void {
    for (const { epoch, zxid, chain } of records) {
      if (epoch !== this.epochStarts.at(-1)?.epoch) this.epochStarts.push({ epoch, zxid });
      if (zxid === this.#snapshot?.position.zxid) {
        this.#compare({ position: { epoch, zxid }, chain }, reader);
      }
    }
  }

  #compare(inLog: LogEnd, reader: SegmentReader): void {
    const { zxid } = inLog.position;
    if (zxid !== this.#snapshot?.position.zxid || sameEnd(inLog, this.#snapshot)) return;
    throw new InconsistentDirectoryError(
      `the snapshot of zxid ${zxid} is not of the history that is in ${reader.path}`,
    );
  }

  async #judgeTail(reader: SegmentReader): Promise<void> {
    const { offset, path, size } = reader;
    this.current = { path, offset, capacity: size, salt: reader.header.salt };
    const tail = await reader.tail();
    if (tail.kind === 'corrupt') {
      const proof = `${tail.problem}, but there is an intact batch behind it at ${tail.proof}`;
      throw this.#damage(reader, proof);
    }
    const isProven = tail.kind === 'clean' && tail.isMarked;
    const { lastBatchOffset } = reader;
    if (!isProven && lastBatchOffset < offset) {
      this.doubtful = { path, from: lastBatchOffset, to: offset };
    }
    if (tail.kind === 'clean') return;
    const { zxid } = reader.end.position;
    const alarm =
      `${path}: dropped ${tail.end - offset} bytes at offset ${offset} behind zxid ${zxid}, ` +
      `left by a write that was interrupted and never acknowledged (${tail.problem})`;
    this.torn = { path, from: offset, to: tail.end, alarm };
  }

  #damage(reader: SegmentReader, problem: string): CorruptionError {
    const { path: file, offset } = reader;
    return new CorruptionError({ file, offset, zxid: reader.end.position.zxid + 1, problem });
  }
}

/**
 * The records of `segments` up to and with `until`, some at a time.
 * @param log.shared the records of one step end with the next, see `WindowOptions`
 */
export async function* readRecords(
  disk: Disk,
  log: { segments: readonly Segment[]; until: LogPosition; shared?: boolean },
  checksum: Checksum,
): AsyncGenerator<readonly LogRecord[], void, undefined> {
  for (const segment of log.segments) {
    const file = await disk.open(segment.path, 'read');
    try {
      const { shared = false } = log;
      const reader = await SegmentReader.open({ file, ...segment, shared }, checksum);
      for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
        const beyond = next.findIndex((record) => record.zxid > log.until.zxid);
        if (beyond !== 0) yield beyond < 0 ? next : next.slice(0, beyond);
        if (beyond >= 0) return;
      }
    } finally {
      await file.close();
    }
  }
}

function sameEnd(a: LogEnd, b: LogEnd): boolean {
  return (
    a.position.epoch === b.position.epoch &&
    a.position.zxid === b.position.zxid &&
    a.chain === b.chain
  );
}
