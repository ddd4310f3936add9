/** What a disk may do to bytes that lie on it: bits that turn over, and writes that were said to be done and are not. */
import { batchMagic, batchHeaderBytes } from '../../src/storage/log-format.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';

export type RotKind = 'copy' | 'snapshot' | 'log' | 'missing' | 'misdirected';

export interface Rot {
  readonly kind: RotKind;
  /** Which of two copies: the same one on one disk for ever, since of two that are bad nothing is left. */
  readonly suffix: 'a' | 'b';
  /** Two numbers in [0, 1): which file, and where in it. */
  readonly which: number;
  readonly where: number;
}

/**
 * Damages a disk that nobody uses at present. What is damaged of a log has an intact batch behind it: the last
 * batch alone cannot be told from one that was never finished, and nobody promises to.
 * @returns the file, or undefined when there was nothing to damage
 */
export async function rot(disk: MemoryDisk, { kind, ...at }: Rot): Promise<string | undefined> {
  switch (kind) {
    case 'copy':
      return rotCopy(disk, at);
    case 'snapshot':
      return rotSnapshot(disk, at);
    case 'log':
      return rotLog(disk, at);
    case 'missing':
      return loseFile(disk, at);
    case 'misdirected':
      return misdirect(disk, at);
  }
}

type Place = Omit<Rot, 'kind'>;

async function rotCopy(disk: MemoryDisk, { suffix, which, where }: Place) {
  const path = `${which < 0.7 ? 'promise' : 'identity'}.${suffix}`;
  return (await copiesOf(disk, suffix)).includes(path) ? flip(disk, path, where) : undefined;
}

async function rotSnapshot(disk: MemoryDisk, { which, where }: Place) {
  const names = (await filesIn(disk, 'snapshots')).filter((name) => name.endsWith('.snapshot'));
  const name = names[Math.floor(which * names.length)];
  return name === undefined ? undefined : flip(disk, `snapshots/${name}`, where);
}

/**
 * Of the log any file, also the newest; a copy or a snapshot has another in its place. Who has promised nothing yet and
 * finds no log does not start: it might have lost its promise with it.
 */
async function loseFile(disk: MemoryDisk, { suffix, which, where }: Place) {
  const copies = await copiesOf(disk, suffix);
  const hasPromised = copies.includes(`promise.${suffix}`);
  const segments = hasPromised ? await segmentsOf(disk) : [];
  const snapshots = (await filesIn(disk, 'snapshots')).filter((name) => name.endsWith('.snapshot'));
  const kinds = [copies, segments, snapshots.map((name) => `snapshots/${name}`)];
  const candidates = kinds[Math.floor(which * kinds.length)] ?? [];
  const path = candidates[Math.floor(where * candidates.length)];
  if (path !== undefined) disk.lose(path);
  return path;
}

/** A write of the log has gone to another place: it is missing where it should be, and a copy of the promise is gone. */
async function misdirect(disk: MemoryDisk, { suffix, ...at }: Place) {
  const path = await rotLog(disk, { suffix, ...at });
  const copy = `promise.${suffix}`;
  if (path === undefined || !(await copiesOf(disk, suffix)).includes(copy)) return path;
  disk.poke(copy, disk.peek(path).slice(0, disk.peek(copy).length));
  return path;
}

/**
 * Of what there are two copies one; who is killed while it writes the first two may leave a single one, and names
 * that are not durable may go with the power.
 */
async function copiesOf(disk: MemoryDisk, suffix: Rot['suffix']): Promise<readonly string[]> {
  const present = await filesIn(disk.fork().powerLoss(), '');
  const whole = ['promise', 'identity'].filter((name) =>
    ['a', 'b'].every((each) => present.includes(`${name}.${each}`)),
  );
  return whole.map((name) => `${name}.${suffix}`);
}

async function segmentsOf(disk: MemoryDisk): Promise<readonly string[]> {
  const names = (await filesIn(disk, 'log')).filter((name) => name.endsWith('.log'));
  return names.map((name) => `log/${name}`);
}

async function rotLog(disk: MemoryDisk, { which, where }: Place) {
  const names = await segmentsOf(disk);
  const path = names[Math.floor(which * names.length)];
  if (path === undefined) return undefined;
  const bytes = disk.peek(path);
  const batches = batchesOf(bytes);
  // The last one may be the mark behind the last batch.
  const at = Math.floor(where * (batches.length - 2));
  const [from, until] = [batches[at], batches[at + 1]];
  if (batches.length < 3 || from === undefined || until === undefined) return undefined;
  const isLostWrite = (where * 1000) % 1 < 0.3;
  const damaged = bytes.slice();
  const middle = from + Math.floor((until - from) * ((where * 100) % 1));
  if (isLostWrite) damaged.fill(0, from, until);
  else damaged[middle] = (damaged[middle] ?? 0) ^ 4;
  disk.poke(path, damaged);
  return path;
}

function batchesOf(bytes: Uint8Array): number[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = buffer.indexOf(batchMagic); at >= 0;) {
    found.push(at);
    at = buffer.indexOf(batchMagic, at + batchHeaderBytes);
  }
  return found;
}

function flip(disk: MemoryDisk, path: string, where: number): string {
  const { length } = disk.peek(path);
  if (length > 0) disk.flipBit(path, Math.floor(where * length), Math.floor(where * 8000) % 8);
  return path;
}

/** Asks a copy of the disk: the disk itself completes nothing while no process runs. */
function filesIn(disk: MemoryDisk, directory: string): Promise<readonly string[]> {
  return disk.fork().list(directory);
}
