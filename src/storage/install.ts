/**
 * Puts a snapshot in the place of everything that a node has: of its log, and of its older snapshots.
 *
 * The decision is one rename: the snapshot, complete, verified and on the disk, gets the name
 * `<zxid>.install`. Before it the old state is untouched; after it whoever finds that name, be it after a
 * crash, goes on from there, as often as it takes:
 *
 * 1. the old segments go, the newest first, for good;
 * 2. the old snapshots go, for good;
 * 3. a segment without records, which begins behind the snapshot, gets its name;
 * 4. the snapshot gets its own name. Only now may anything be appended.
 */
import type { Checksum } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { InconsistentDirectoryError } from './errors.ts';
import { encodeSegmentHeader, segmentHeaderBytes, type LogEnd } from './log-format.ts';
import { listSegments, logDirectory, segmentPath } from './log-recovery.ts';
import type { OpenSegment, Segment } from './log-recovery.ts';
import { rewrittenPath } from './log-truncation.ts';
import { SnapshotDamagedError, verifySnapshotFile } from './snapshot-file.ts';
import { parseSnapshotName, snapshotDirectory, snapshotPath } from './snapshots.ts';
import { writeZeros } from './spare-segment.ts';

export interface InstallOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly segmentBytes: number;
  readonly salt: () => number;
}

export interface InstalledLog {
  readonly segment: Segment;
  readonly current: OpenSegment;
}

const suffix = '.install';

/**
 * Decides that the file at `temporary`, a whole snapshot on the disk, takes the place of everything, and
 * does it.
 */
export async function install(
  options: InstallOptions,
  temporary: string,
  at: LogEnd,
): Promise<InstalledLog> {
  await options.disk.rename(temporary, decidedPath(at.position.zxid));
  await options.disk.syncDirectory(snapshotDirectory);
  return carryOut(options, at);
}

/**
 * Goes on with what a crash has interrupted.
 * @throws InconsistentDirectoryError when the snapshot has been damaged since: the old state may be gone
 */
export async function finishInstall(options: InstallOptions): Promise<void> {
  const { disk, checksum } = options;
  const decided = (await disk.list(snapshotDirectory)).filter((name) => name.endsWith(suffix));
  for (const name of decided) {
    const path = `${snapshotDirectory}/${name}`;
    // A killed process may have left the name in the kernel's memory alone.
    await disk.syncDirectory(snapshotDirectory);
    await carryOut(options, await verified(disk, path, checksum));
  }
}

async function verified(disk: Disk, path: string, checksum: Checksum): Promise<LogEnd> {
  try {
    return (await verifySnapshotFile(disk, path, checksum)).at;
  } catch (error) {
    if (!(error instanceof SnapshotDamagedError)) throw error;
    throw new InconsistentDirectoryError(`${error.message}, and it was being installed`);
  }
}

async function carryOut(options: InstallOptions, at: LogEnd): Promise<InstalledLog> {
  const { disk } = options;
  const { zxid } = at.position;
  for (const { path } of [...(await listSegments(disk))].reverse()) {
    await disk.remove(path);
    await disk.syncDirectory(logDirectory);
  }
  for (const name of await disk.list(snapshotDirectory)) {
    if (parseSnapshotName(name) !== undefined) await disk.remove(`${snapshotDirectory}/${name}`);
  }
  await disk.syncDirectory(snapshotDirectory);
  const installed = await beginLog(options, at);
  await disk.rename(decidedPath(zxid), snapshotPath(zxid));
  await disk.syncDirectory(snapshotDirectory);
  return installed;
}

/** A segment without records, which says where the log goes on. */
async function beginLog(options: InstallOptions, previous: LogEnd): Promise<InstalledLog> {
  const { disk, checksum, segmentBytes } = options;
  const salt = options.salt();
  const firstZxid = previous.position.zxid + 1;
  const path = segmentPath(firstZxid);
  const file = await disk.open(rewrittenPath, 'create');
  try {
    await file.write(0, encodeSegmentHeader({ previous, salt }, checksum));
    await writeZeros(file, { from: segmentHeaderBytes, until: segmentBytes });
  } finally {
    await file.close();
  }
  await disk.rename(rewrittenPath, path);
  await disk.syncDirectory(logDirectory);
  const current = { path, offset: segmentHeaderBytes, capacity: segmentBytes, salt };
  return { segment: { path, firstZxid }, current };
}

function decidedPath(zxid: number): string {
  return snapshotPath(zxid) + suffix;
}
