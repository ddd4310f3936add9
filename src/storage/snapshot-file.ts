/**
 * The bytes of a snapshot, little endian; 64-bit integers as low and high halves.
 *
 *   header (48 bytes)                       chunk, repeated           footer (24 bytes)
 *   0   8  magic                            0  4  length, above 0     0   4  zero
 *   8   4  checksum of bytes 12…48          4  4  running checksum    4   4  running checksum of 8…24
 *   12  4  format (1)                       8  …  bytes               8   8  number of chunks
 *   16  8  epoch                                                      16  8  bytes of all chunks
 *   24  8  zxid
 *   32  4  chain of the record at zxid
 *   36  12 zeros
 *
 * The running checksum is seeded with the header's: chunks cannot be exchanged, left out or taken from
 * another snapshot. A file without its footer is not whole. What chunks mean is not known here; they come
 * back exactly as they were given.
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum } from '../zab/types.ts';
import type { Disk, DiskFile } from './disk.ts';
import { FileWindow } from './file-window.ts';
import { readInteger, writeInteger, type LogEnd } from './log-format.ts';

const HEADER_BYTES = 48;
const FOOTER_BYTES = 24;
const CHUNK_HEADER_BYTES = 8;
const FORMAT = 1;
const MAGIC = [0x5a, 0x47, 0x53, 0x4e, 0x41, 0x50, 0x0d, 0x0a];

/** Written at once. */
const WRITE_BYTES = 1024 * 1024;
/** Written between two syncs: more, and the log's own sync waits behind the snapshot's pages. */
const SYNC_BYTES = 4 * 1024 * 1024;

export class SnapshotDamagedError extends Error {
  constructor(path: string, problem: string) {
    super(`snapshot ${path} is damaged: ${problem}`);
    this.name = 'SnapshotDamagedError';
  }
}

/** Writes and syncs the whole file. @returns its size, bytes. */
export async function writeSnapshotFile(
  file: DiskFile,
  snapshot: { at: LogEnd; chunks: AsyncIterable<Uint8Array> },
  checksum: Checksum,
): Promise<number> {
  const writer = new PacedWriter(file);
  const header = encodeHeader(snapshot.at, checksum);
  let sum = checksum(header, 0);
  let count = 0;
  let bytes = 0;
  await writer.write(header);
  for await (const chunk of snapshot.chunks) {
    if (chunk.length === 0) continue;
    sum = checksum(chunk, sum);
    count += 1;
    bytes += chunk.length;
    const head = new Uint8Array(CHUNK_HEADER_BYTES);
    const view = new DataView(head.buffer);
    view.setUint32(0, chunk.length, true);
    view.setUint32(4, sum, true);
    await writer.write(head);
    await writer.write(chunk);
  }
  const footer = new Uint8Array(FOOTER_BYTES);
  const view = new DataView(footer.buffer);
  writeInteger(view, 8, count);
  writeInteger(view, 16, bytes);
  view.setUint32(4, checksum(footer.subarray(8), sum), true);
  await writer.write(footer);
  await writer.finish();
  return writer.bytes;
}

/** Collects small pieces into large writes, and syncs every few of them. */
class PacedWriter {
  readonly #file: DiskFile;
  #pieces: Uint8Array[] = [];
  #waiting = 0;
  #offset = 0;
  #unsynced = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  get bytes(): number {
    return this.#offset + this.#waiting;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    if (this.#waiting >= WRITE_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#file.sync();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces, this.#waiting);
    this.#pieces = [];
    this.#waiting = 0;
    await this.#file.write(this.#offset, bytes);
    this.#offset += bytes.length;
    this.#unsynced += bytes.length;
    if (this.#unsynced < SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
  }
}

export interface SnapshotContent {
  readonly at: LogEnd;
  /** Bytes of the file. */
  readonly bytes: number;
}

/** Reads all of it. @throws SnapshotDamagedError when a byte is not what was written. */
export async function verifySnapshotFile(
  disk: Disk,
  path: string,
  checksum: Checksum,
): Promise<SnapshotContent> {
  const file = await disk.open(path, 'read');
  try {
    const window = await FileWindow.open(file, { shared: true });
    const { at, sum } = await readHeader(window, path, checksum);
    const chunks = readChunks(window, { path, sum }, checksum);
    while ((await chunks.next()).done !== true);
    return { at, bytes: window.size };
  } finally {
    await file.close();
  }
}

/** What its header says, and its size; nothing else of it is looked at. @throws SnapshotDamagedError */
export async function readSnapshotHead(
  file: DiskFile,
  path: string,
  checksum: Checksum,
): Promise<SnapshotContent> {
  const window = await FileWindow.open(file, { shared: false });
  const { at } = await readHeader(window, path, checksum);
  return { at, bytes: window.size };
}

/**
 * The chunks, each as it was given.
 * @param from.shared a chunk ends with the next one, see `WindowOptions`; default: each has its own memory
 * @throws SnapshotDamagedError at the first that is not as it was given
 */
export async function* readSnapshotFile(
  disk: Disk,
  from: { readonly path: string; readonly shared?: boolean },
  checksum: Checksum,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { path, shared = false } = from;
  const file = await disk.open(path, 'read');
  try {
    const window = await FileWindow.open(file, { shared });
    const { sum } = await readHeader(window, path, checksum);
    yield* readChunks(window, { path, sum }, checksum);
  } finally {
    await file.close();
  }
}

/** The file itself, byte for byte. @throws SnapshotDamagedError before anything that is not as it was written */
export async function* readSnapshotBytes(
  disk: Disk,
  path: string,
  checksum: Checksum,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(path, 'read');
  try {
    const window = await FileWindow.open(file, { shared: false });
    const { sum } = await readHeader(window, path, checksum);
    yield await bytesAt(window, 0, HEADER_BYTES);
    yield* readChunks(window, { path, sum, framed: true }, checksum);
  } finally {
    await file.close();
  }
}

async function bytesAt(window: FileWindow, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await window.view(offset, length);
  assert(bytes !== undefined, 'a part of a snapshot is read twice');
  return bytes;
}

/** @param from.framed with all that stands around the chunks: everything behind the header of the file */
async function* readChunks(
  window: FileWindow,
  from: { path: string; sum: number; framed?: boolean },
  checksum: Checksum,
): AsyncGenerator<Uint8Array, void, undefined> {
  let { sum } = from;
  let offset = HEADER_BYTES;
  let count = 0;
  let bytes = 0;
  for (;;) {
    const head = await window.view(offset, CHUNK_HEADER_BYTES);
    if (head === undefined) throw new SnapshotDamagedError(from.path, 'it ends without its footer');
    const view = new DataView(head.buffer, head.byteOffset, CHUNK_HEADER_BYTES);
    const length = view.getUint32(0, true);
    if (length === 0) break;
    const stated = view.getUint32(4, true);
    const chunk = await window.view(offset + CHUNK_HEADER_BYTES, length);
    if (chunk === undefined) throw new SnapshotDamagedError(from.path, `cut at offset ${offset}`);
    sum = checksum(chunk, sum);
    if (sum !== stated) {
      throw new SnapshotDamagedError(from.path, `checksum mismatch at offset ${offset}`);
    }
    count += 1;
    bytes += length;
    const frameBytes = CHUNK_HEADER_BYTES + length;
    yield from.framed === true ? await bytesAt(window, offset, frameBytes) : chunk;
    offset += frameBytes;
  }
  const footer = await window.view(offset, FOOTER_BYTES);
  const whole =
    footer !== undefined &&
    offset + FOOTER_BYTES === window.size &&
    isFooter(footer, { count, bytes, sum: checksum(footer.subarray(8), sum) });
  if (!whole) throw new SnapshotDamagedError(from.path, 'its footer does not match');
  if (from.framed === true) yield footer;
}

function isFooter(
  footer: Uint8Array,
  expected: { count: number; bytes: number; sum: number },
): boolean {
  const view = new DataView(footer.buffer, footer.byteOffset, FOOTER_BYTES);
  return (
    view.getUint32(4, true) === expected.sum &&
    readInteger(view, 8) === expected.count &&
    readInteger(view, 16) === expected.bytes
  );
}

function encodeHeader(at: LogEnd, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(12, FORMAT, true);
  writeInteger(view, 16, at.position.epoch);
  writeInteger(view, 24, at.position.zxid);
  view.setUint32(32, at.chain, true);
  view.setUint32(8, checksum(bytes.subarray(12), 0), true);
  assert(bytes.length === HEADER_BYTES, 'snapshot header');
  return bytes;
}

async function readHeader(
  window: FileWindow,
  path: string,
  checksum: Checksum,
): Promise<{ at: LogEnd; sum: number }> {
  const bytes = await window.view(0, HEADER_BYTES);
  if (bytes === undefined) throw new SnapshotDamagedError(path, 'shorter than its header');
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new SnapshotDamagedError(path, 'not a snapshot');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(8, true) !== checksum(bytes.subarray(12), 0)) {
    throw new SnapshotDamagedError(path, 'checksum mismatch in the header');
  }
  const format = view.getUint32(12, true);
  if (format !== FORMAT) throw new SnapshotDamagedError(path, `unknown format ${format}`);
  const position = { epoch: readInteger(view, 16), zxid: readInteger(view, 24) };
  return { at: { position, chain: view.getUint32(32, true) }, sum: checksum(bytes, 0) };
}
