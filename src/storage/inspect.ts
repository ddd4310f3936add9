/**
 * Looks into a data directory without touching it: for the command line, and for whoever must judge what
 * happened to a node. Nothing here takes the lock or writes, so it also works beside a running node, whose
 * last segment then may seem torn, and whose oldest one may vanish.
 */
import type { Checksum, LogRecord, RecordKind } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { CorruptionError } from './errors.ts';
import type { LogEnd } from './log-format.ts';
import { emptyLogEnd, listSegments, type Segment } from './log-recovery.ts';
import { identityFileOf, missingNewest, newestMissing } from './opening.ts';
import { SegmentReader } from './segment-reader.ts';
import { SnapshotDamagedError, verifySnapshotFile } from './snapshot-file.ts';
import { parseSnapshotName, snapshotDirectory, snapshotPath } from './snapshots.ts';

export interface Inspection {
  readonly disk: Disk;
  readonly checksum: Checksum;
}

export interface SegmentListing {
  readonly file: string;
  readonly firstZxid: number;
  /** Preallocated bytes included. */
  readonly bytes: number;
}

export interface SegmentReport extends SegmentListing {
  /** Of the records that can be read; before `firstZxid` when there are none. */
  readonly lastZxid: number;
  readonly lastEpoch: number;
  readonly records: number;
  /** `torn`: an interrupted write at the end of the log, dropped at the next start. */
  readonly status: 'ok' | 'torn' | 'damaged';
  readonly problem?: string;
  /** Where the problem is, bytes. */
  readonly offset?: number;
}

export interface PrintedRecord {
  readonly zxid: number;
  readonly epoch: number;
  readonly kind: RecordKind;
  /** Of the frame. */
  readonly bytes: number;
  /** Eight hexadecimal digits. */
  readonly chain: string;
  readonly payload: unknown;
}

/** Makes something printable of a payload. */
export type DescribePayload = (payload: Uint8Array, kind: RecordKind) => unknown;

export interface SnapshotListing {
  readonly file: string;
  readonly zxid: number;
  readonly bytes: number;
}

export interface SnapshotReport extends Pick<SnapshotListing, 'file' | 'bytes'> {
  /** By the name of the file, else by its header. */
  readonly zxid?: number;
  /** Undefined when the header cannot be read. */
  readonly epoch?: number;
  readonly status: 'ok' | 'damaged';
  readonly problem?: string;
}

/** The segments by their names, oldest first. */
export async function* listLog({ disk }: Inspection): AsyncGenerator<SegmentListing> {
  for (const segment of await listSegments(disk)) yield listingOf(disk, segment);
}

/**
 * Reads every record of the log, and whether each segment goes on where the one before it ended, and the newest
 * one is there.
 */
export async function* verifyLog(inspection: Inspection): AsyncGenerator<SegmentReport> {
  const { disk } = inspection;
  const { segments, missing } = await findLog(inspection);
  let before: LogEnd | undefined;
  for (const [index, segment] of segments.entries()) {
    const listing = await listingOf(disk, segment);
    const isLast = index === segments.length - 1 && missing === undefined;
    const { end, report } = await verifySegment(inspection, { segment, before, isLast });
    yield { ...listing, ...report };
    before = end;
  }
  if (missing === undefined) return;
  const { path: file, firstZxid } = missing;
  const { zxid: lastZxid, epoch: lastEpoch } = (before ?? emptyLogEnd).position;
  const nothing = { ...{ file, firstZxid, bytes: 0 }, ...{ lastZxid, lastEpoch, records: 0 } };
  yield { ...nothing, status: 'damaged', problem: newestMissing, offset: 0 };
}

interface FoundLog {
  readonly segments: readonly Segment[];
  /** The newest one, where only its name is known. */
  readonly missing: Segment | undefined;
}

/**
 * A running node names a segment after it is there, and another one before it cuts one away: so the segment is
 * missing only if it is named before the look and after it.
 */
async function findLog({ disk, checksum }: Inspection): Promise<FoundLog> {
  const before = await identityFileOf(disk, checksum).read();
  const segments = await listSegments(disk);
  const after = await identityFileOf(disk, checksum).read();
  const isMissing = missingNewest(before.value, segments) !== undefined;
  return { segments, missing: isMissing ? missingNewest(after.value, segments) : undefined };
}

/**
 * The records from one zxid to another, both included.
 * @throws CorruptionError where a record that is wanted cannot be read
 */
export async function* printLog(
  inspection: Inspection,
  options: { from?: number; to?: number; describePayload: DescribePayload },
): AsyncGenerator<PrintedRecord> {
  const { disk, checksum } = inspection;
  const { from = 0, to = Infinity, describePayload } = options;
  const { segments, missing } = await findLog(inspection);
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]?.firstZxid;
    if (next !== undefined && next <= from) continue;
    if (segment.firstZxid > to) return;
    for await (const record of recordsOf(disk, { segment, next }, checksum)) {
      if (record.zxid > to) return;
      if (record.zxid >= from) yield printed(record, describePayload);
    }
  }
  if (missing === undefined || missing.firstZxid > to) return;
  const { path: file, firstZxid: zxid } = missing;
  throw new CorruptionError({ file, offset: 0, zxid, problem: newestMissing });
}

export async function* listSnapshotFiles({ disk }: Inspection): AsyncGenerator<SnapshotListing> {
  for (const name of await disk.list(snapshotDirectory)) {
    const zxid = parseSnapshotName(name);
    if (zxid === undefined) continue;
    const file = snapshotPath(zxid);
    yield { file, zxid, bytes: await sizeOf(disk, file) };
  }
}

/** Reads every byte of every snapshot, or of those files, whatever their names. */
export async function* verifySnapshots(
  inspection: Inspection,
  files?: readonly string[],
): AsyncGenerator<SnapshotReport> {
  const { disk, checksum } = inspection;
  const listings = files === undefined ? listSnapshotFiles(inspection) : listFiles(disk, files);
  for await (const listing of listings) {
    try {
      const { at } = await verifySnapshotFile(disk, listing.file, checksum);
      const { zxid, epoch } = at.position;
      yield { ...listing, zxid, epoch, status: 'ok' };
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      yield { ...listing, status: 'damaged', problem: error.message };
    }
  }
}

async function* listFiles(
  disk: Disk,
  files: readonly string[],
): AsyncGenerator<Pick<SnapshotListing, 'file' | 'bytes'>> {
  for (const file of files) yield { file, bytes: await sizeOf(disk, file) };
}

interface SegmentContext {
  readonly segment: Segment;
  /** End of the segment before, if that could be read. */
  readonly before: LogEnd | undefined;
  readonly isLast: boolean;
}

async function verifySegment(
  { disk, checksum }: Inspection,
  { segment, before, isLast }: SegmentContext,
): Promise<{ end: LogEnd | undefined; report: Omit<SegmentReport, keyof SegmentListing> }> {
  const file = await disk.open(segment.path, 'read');
  let records = 0;
  let end = before ?? emptyLogEnd;
  try {
    const reader = await SegmentReader.open({ file, ...segment }, checksum);
    const { previous } = reader.header;
    end = previous;
    const gap = before !== undefined && !sameEnd(before, previous);
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      records += next.length;
      end = reader.end;
    }
    const tail = await reader.tail();
    const read = { lastZxid: end.position.zxid, lastEpoch: end.position.epoch, records };
    if (gap) {
      const problem = 'it does not go on where the segment before it ends';
      return { end, report: { ...read, status: 'damaged', problem, offset: 0 } };
    }
    if (tail.kind === 'clean') return { end, report: { ...read, status: 'ok' } };
    const status = tail.kind === 'torn' && isLast ? 'torn' : 'damaged';
    const { problem } = tail;
    return { end, report: { ...read, status, problem, offset: reader.offset } };
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    const { problem, offset } = error.damage;
    const read = { lastZxid: end.position.zxid, lastEpoch: end.position.epoch, records };
    return { end: undefined, report: { ...read, status: 'damaged', problem, offset } };
  } finally {
    await file.close();
  }
}

async function* recordsOf(
  disk: Disk,
  { segment, next }: { segment: Segment; next: number | undefined },
  checksum: Checksum,
): AsyncGenerator<LogRecord> {
  const file = await disk.open(segment.path, 'read');
  try {
    const reader = await SegmentReader.open({ file, ...segment }, checksum);
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
      yield* batch;
    }
    const { zxid } = reader.end.position;
    const tail = await reader.tail();
    if (tail.kind !== 'corrupt' && (next === undefined || next === zxid + 1)) return;
    const problem =
      tail.kind === 'clean' ? `the next segment begins at zxid ${next}` : tail.problem;
    const damage = { file: segment.path, offset: reader.offset, zxid: zxid + 1, problem };
    throw new CorruptionError(damage);
  } finally {
    await file.close();
  }
}

function printed(record: LogRecord, describePayload: DescribePayload): PrintedRecord {
  const { zxid, epoch, kind, bytes, chain, payload } = record;
  return {
    zxid,
    epoch,
    kind,
    bytes: bytes.length,
    chain: hex(chain),
    payload: describePayload(payload, kind),
  };
}

async function listingOf(disk: Disk, { path, firstZxid }: Segment): Promise<SegmentListing> {
  return { file: path, firstZxid, bytes: await sizeOf(disk, path) };
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read');
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

function sameEnd(a: LogEnd, b: LogEnd): boolean {
  return a.position.zxid === b.position.zxid && a.chain === b.chain;
}

function hex(chain: number): string {
  return chain.toString(16).padStart(8, '0');
}
