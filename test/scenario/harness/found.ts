/** What a process finds on its disk as it starts, and what its driver reads from there later. */
import { crc32 } from 'node:zlib';
import { comparePositions, decodeEpochRecord, noPosition } from '../../../src/zab/index.ts';
import type {
  LogPosition,
  LogRecord,
  LogStart,
  ReadRequest,
  ReadResult,
} from '../../../src/zab/index.ts';
import { lastOf } from './disk.ts';
import type { DiskImage, SnapshotImage } from './disk.ts';
import { positionOf } from './words.ts';

export function crc32Of(bytes: Uint8Array, seed: number): number {
  return crc32(bytes, seed);
}

export function committedOf({ snapshot, committed }: DiskImage): LogPosition {
  const position = snapshot?.position ?? noPosition;
  return comparePositions(position, committed) > 0 ? position : committed;
}

function epochRecordOf({ records, snapshot }: DiskImage): Uint8Array | undefined {
  return records.find(({ kind }) => kind === 'epoch')?.payload ?? snapshot?.epochRecord;
}

export function clusterIdOf(image: DiskImage): string | undefined {
  const payload = epochRecordOf(image);
  return payload === undefined ? undefined : decodeEpochRecord(payload).clusterId;
}

function startsOf(records: readonly LogRecord[]): LogPosition[] {
  const starts = records.filter(({ epoch }, index) => records[index - 1]?.epoch !== epoch);
  return starts.map(positionOf);
}

export function logStartOf(image: DiskImage, committed: LogPosition): LogStart {
  const { records, snapshot } = image;
  const last = records.at(-1);
  const kept = records.filter(({ kind }) => kind === 'epoch');
  const inSnapshot = snapshot?.epochRecord;
  const start = snapshot?.epochStarts.at(-1);
  const epochRecords = [
    ...(inSnapshot === undefined || start === undefined
      ? []
      : [{ zxid: start.zxid, payload: inSnapshot }]),
    ...kept
      .filter(({ zxid }) => zxid > (start?.zxid ?? 0))
      .map(({ zxid, payload }) => ({ zxid, payload })),
  ];
  const atCommitted = records.find(({ zxid }) => zxid === committed.zxid)?.chain;
  const committedChain =
    atCommitted ?? (snapshot?.position.zxid === committed.zxid ? snapshot.chain : undefined);
  return {
    last: lastOf(image),
    lastChain: last?.chain ?? snapshot?.chain ?? 0,
    epochStarts: startsOf(records),
    epochRecords,
    ...(committedChain === undefined ? {} : { committedChain }),
  };
}

export function snapshotAt(
  log: readonly LogRecord[],
  base: SnapshotImage | undefined,
  position: LogPosition,
): SnapshotImage | undefined {
  if (base?.position.zxid === position.zxid) return base;
  const records = log.filter(({ zxid }) => zxid <= position.zxid);
  const last = records.at(-1);
  if (last?.zxid !== position.zxid) return undefined;
  const known = base?.epochStarts ?? [];
  const newer = startsOf(records).filter(({ epoch }) => epoch > (known.at(-1)?.epoch ?? 0));
  const epochRecord = records.findLast(({ kind }) => kind === 'epoch')?.payload;
  return {
    position: positionOf(position),
    chain: last.chain,
    epochStarts: [...known, ...newer],
    epochRecord: epochRecord ?? base?.epochRecord,
  };
}

/** What the log files have behind a position. */
export function readFrom(
  { records, snapshot }: DiskImage,
  { after, bytesMax }: ReadRequest,
): ReadResult {
  const index = records.findIndex(({ zxid }) => zxid === after.zxid + 1);
  const previous = records[index - 1];
  const isBehindSnapshot = snapshot?.position.zxid === after.zxid;
  const isFirst = after.zxid === 0;
  if (index < 0 || (previous === undefined && !isBehindSnapshot && !isFirst)) return 'snapshot';
  const found: LogRecord[] = [];
  let bytes = 0;
  for (const record of records.slice(index)) {
    if (found.length > 0 && bytes + record.bytes.length > bytesMax) break;
    found.push(record);
    bytes += record.bytes.length;
  }
  const chain = isBehindSnapshot ? snapshot.chain : 0;
  return { previousChain: previous?.chain ?? chain, records: found };
}
