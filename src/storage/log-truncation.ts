/**
 * Cuts the log after a position. A crash at any moment leaves either a longer or the wanted beginning of
 * the same history, never a hole and never anything behind the new end:
 *
 * - later segments go first, the newest first, each for good before the next;
 * - the segment with the position is not changed: what it keeps is written into a new file, which then
 *   takes its name. So nothing of what was cut stays in the file to be found again, and no durable header
 *   is ever overwritten.
 */
import { assert } from '../protocol/assert.ts';
import { comparePositions, type Checksum, type LogPosition, type LogRecord } from '../zab/types.ts';
import type { Disk, DiskFile } from './disk.ts';
import { encodeBatch, encodeSegmentHeader, segmentHeaderBytes, type LogEnd } from './log-format.ts';
import { logDirectory, type OpenSegment, type Segment } from './log-recovery.ts';
import { SegmentReader } from './segment-reader.ts';
import { writeZeros } from './spare-segment.ts';

export const rewrittenPath = `${logDirectory}/rewritten`;

export interface TruncationOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly segments: readonly Segment[];
  readonly segmentBytes: number;
  readonly salt: () => number;
}

export interface TruncatedLog {
  readonly end: LogEnd;
  readonly current: OpenSegment;
  readonly segments: readonly Segment[];
}

/**
 * @param position a record of the log, or the end of what came before its first segment
 * @throws InvariantError, with nothing changed, for a position that is neither
 */
export async function truncateLog(
  options: TruncationOptions,
  position: LogPosition,
): Promise<TruncatedLog> {
  const { disk, segments } = options;
  const segment = segmentWith(segments, position);
  const index = segments.indexOf(segment);
  const cut = await measure(options, segment, position);
  if (cut.surplus) await rewrite(options, { segment, cut, position });
  for (const later of segments.slice(index + 1).reverse()) {
    await disk.remove(later.path);
    await disk.syncDirectory(logDirectory);
  }
  if (cut.surplus) {
    await disk.rename(rewrittenPath, segment.path);
    await disk.syncDirectory(logDirectory);
  }
  const { end, offset, capacity, salt } = cut;
  const current = { path: segment.path, offset, capacity, salt };
  return { end, current, segments: segments.slice(0, index + 1) };
}

/** The segment in which a log ends that is cut after `position`. */
export function segmentWith(segments: readonly Segment[], { zxid }: LogPosition): Segment {
  const found = segments.findLast(({ firstZxid }) => firstZxid <= zxid) ?? segments[0];
  assert(found !== undefined, 'a log has a segment');
  return found;
}

interface Cut {
  end: LogEnd;
  offset: number;
  readonly capacity: number;
  salt: number;
  /** The segment has records after the position. */
  readonly surplus: boolean;
}

/** Finds the position in the segment. */
async function measure(
  options: TruncationOptions,
  segment: Segment,
  position: LogPosition,
): Promise<Cut> {
  const file = await options.disk.open(segment.path, 'read');
  try {
    const reader = await SegmentReader.open({ file, ...segment }, options.checksum);
    let found: LogEnd | undefined;
    if (comparePositions(reader.header.previous.position, position) === 0) {
      found = reader.header.previous;
    }
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      const record = next.find((candidate) => comparePositions(candidate, position) === 0);
      if (record !== undefined) found = { position, chain: record.chain };
    }
    assert(found !== undefined, `the log has no record ${position.epoch}/${position.zxid}`);
    const surplus = comparePositions(reader.end.position, position) > 0;
    const { offset, size } = reader;
    const { salt } = reader.header;
    return { end: found, offset, capacity: size, salt, surplus };
  } finally {
    await file.close();
  }
}

/** Writes what the segment keeps into a new file, zeros behind it, all of it on the disk. */
async function rewrite(
  options: TruncationOptions,
  { segment, cut, position }: { segment: Segment; cut: Cut; position: LogPosition },
): Promise<void> {
  const { disk, checksum, segmentBytes } = options;
  const from = await disk.open(segment.path, 'read');
  try {
    const to = await disk.open(rewrittenPath, 'create');
    try {
      const reader = await SegmentReader.open({ file: from, ...segment }, checksum);
      cut.salt = options.salt();
      cut.offset = await copyUntil(reader, { to, position, salt: cut.salt }, checksum);
      await writeZeros(to, { from: cut.offset, until: segmentBytes });
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function copyUntil(
  reader: SegmentReader,
  target: { to: DiskFile; position: LogPosition; salt: number },
  checksum: Checksum,
): Promise<number> {
  const { to, position, salt } = target;
  let end = reader.header.previous;
  let offset = segmentHeaderBytes;
  await to.write(0, encodeSegmentHeader({ previous: end, salt }, checksum));
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
    const kept: LogRecord[] = next.filter((record) => record.zxid <= position.zxid);
    const last = kept.at(-1);
    if (last === undefined) break;
    const bytes = encodeBatch(kept, end, { salt, checksum });
    await to.write(offset, bytes);
    offset += bytes.length;
    end = { position: { epoch: last.epoch, zxid: last.zxid }, chain: last.chain };
  }
  assert(comparePositions(end.position, position) === 0, 'the segment is kept up to the position');
  return offset;
}
