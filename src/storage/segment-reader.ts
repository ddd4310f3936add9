/** Reads the batches of one segment, and judges what stands where they end. */
import { decodeRecord } from '../zab/record.ts';
import type { Checksum, LogRecord } from '../zab/types.ts';
import type { DiskFile } from './disk.ts';
import { CorruptionError } from './errors.ts';
import { FileWindow } from './file-window.ts';
import {
  batchHeaderBytes,
  batchMagic,
  decodeBatchHeader,
  decodeSegmentHeader,
  segmentHeaderBytes,
  type BatchHeader,
  type LogEnd,
  type SegmentHeader,
} from './log-format.ts';

/** Records that one step of reading hands out together, unless one batch has more. */
const STEP_RECORDS = 1024;

/** What stands behind the last readable batch of a segment. */
export type SegmentTail =
  /** Zeros, or a mark, which proves that all before it is on the disk, and zeros. */
  | { readonly kind: 'clean'; readonly isMarked: boolean }
  /** Unreadable bytes up to `end`, and nothing valid behind them. */
  | { readonly kind: 'torn'; readonly problem: string; readonly end: number }
  /** Unreadable bytes, and a valid batch or mark behind them, at `proof`. */
  | { readonly kind: 'corrupt'; readonly problem: string; readonly proof: number };

export class SegmentReader {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly #window: FileWindow;
  readonly #isShared: boolean;
  readonly #checksum: Checksum;
  #offset = segmentHeaderBytes;
  #lastBatchOffset = segmentHeaderBytes;
  #end: LogEnd;
  #problem: string | undefined;

  private constructor(
    at: { path: string; window: FileWindow; header: SegmentHeader; shared: boolean },
    c: Checksum,
  ) {
    this.#isShared = at.shared;
    this.path = at.path;
    this.header = at.header;
    this.#window = at.window;
    this.#end = at.header.previous;
    this.#checksum = c;
  }

  /**
   * @param segment.shared the records of one step share their memory with those of the next, see `WindowOptions`
   * @throws CorruptionError when the header cannot be read: a named segment always had a durable one.
   */
  static async open(
    segment: { file: DiskFile; path: string; firstZxid: number; shared?: boolean },
    checksum: Checksum,
  ): Promise<SegmentReader> {
    const { file, path, firstZxid, shared = false } = segment;
    const window = await FileWindow.open(file, { shared });
    const bytes = await window.view(0, Math.min(segmentHeaderBytes, window.size));
    const header = decodeSegmentHeader(bytes ?? new Uint8Array(0), checksum);
    const damage = { file: path, offset: 0, zxid: firstZxid };
    if (typeof header === 'string') throw new CorruptionError({ ...damage, problem: header });
    if (header.previous.position.zxid + 1 !== firstZxid) {
      const problem = `its header says that it begins at zxid ${header.previous.position.zxid + 1}`;
      throw new CorruptionError({ ...damage, problem });
    }
    return new SegmentReader({ path, window, header, shared }, checksum);
  }

  /** End of the last batch that was read, bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** Beginning of the last batch that was read, bytes. */
  get lastBatchOffset(): number {
    return this.#lastBatchOffset;
  }

  /** The last record that was read. */
  get end(): LogEnd {
    return this.#end;
  }

  get size(): number {
    return this.#window.size;
  }

  /**
   * The next records, of whole batches; undefined at the end, readable or not.
   * @throws CorruptionError for intact records that are not in sequence.
   */
  async next(): Promise<readonly LogRecord[] | undefined> {
    const records: LogRecord[] = [];
    while (records.length < STEP_RECORDS && this.#problem === undefined) {
      if (this.#wouldOverwrite(records, this.#offset, batchHeaderBytes)) break;
      const header = await this.#batchHeader();
      if (header === undefined) break;
      const from = this.#offset + batchHeaderBytes;
      if (this.#wouldOverwrite(records, from, header.bytes)) break;
      const bytes =
        this.#window.peek(from, header.bytes) ?? (await this.#window.view(from, header.bytes));
      if (bytes === undefined || !this.#takeBatch(header, bytes, records)) break;
    }
    return records.length === 0 ? undefined : records;
  }

  /**
   * Passes over the batches that end before `zxid` without looking at their records, whose epochs are
   * therefore not known: `end` tells that of the last record that was read.
   */
  async skipBefore(zxid: number): Promise<void> {
    for (;;) {
      const header = await this.#batchHeader();
      if (header === undefined || header.firstZxid + header.count > zxid) return;
      const last = header.firstZxid + header.count - 1;
      const { epoch } = this.#end.position;
      this.#lastBatchOffset = this.#offset;
      this.#offset += batchHeaderBytes + header.bytes;
      this.#end = { position: { epoch, zxid: last }, chain: header.chainAfter };
    }
  }

  /** To be asked once `next` has returned undefined. */
  async tail(): Promise<SegmentTail> {
    const context = { salt: this.header.salt, checksum: this.#checksum };
    const first = await this.#window.view(this.#offset, this.#headerRoom());
    const marked = first !== undefined && decodeBatchHeader(first, context)?.count === 0;
    const isMark = marked && this.#problem === undefined;
    const from = this.#offset + (isMark ? batchHeaderBytes : 0);
    const { proof, lastNonZero } = await this.#inspectRest(from);
    const problem = this.#problem ?? 'not a batch';
    if (proof !== undefined) return { kind: 'corrupt', problem, proof };
    if (lastNonZero === undefined) return { kind: 'clean', isMarked: isMark };
    return { kind: 'torn', problem, end: lastNonZero + 1 };
  }

  /** Whether reading on would take the memory away that the records of this step lie in. */
  #wouldOverwrite(records: readonly LogRecord[], offset: number, length: number): boolean {
    if (!this.#isShared || records.length === 0) return false;
    return this.#window.peek(offset, length) === undefined;
  }

  #headerRoom(): number {
    return Math.max(0, Math.min(batchHeaderBytes, this.#window.size - this.#offset));
  }

  /** The header of the next batch; undefined at a mark, at zeros, or where it cannot be read. */
  async #batchHeader(): Promise<BatchHeader | undefined> {
    const bytes =
      this.#window.peek(this.#offset, batchHeaderBytes) ??
      (await this.#window.view(this.#offset, batchHeaderBytes));
    if (bytes === undefined) return undefined;
    const header = decodeBatchHeader(bytes, { salt: this.header.salt, checksum: this.#checksum });
    if (header === undefined) {
      if (bytes.some((byte) => byte !== 0)) this.#problem = 'not the header of a batch';
      return undefined;
    }
    if (
      header.firstZxid !== this.#end.position.zxid + 1 ||
      header.chainBefore !== this.#end.chain
    ) {
      this.#problem = `a batch that does not follow zxid ${this.#end.position.zxid}`;
      return undefined;
    }
    return header.count === 0 ? undefined : header;
  }

  /** Appends the records of a batch to `into`; false, and nothing appended, when it is not whole. */
  #takeBatch(header: BatchHeader, bytes: Uint8Array, into: LogRecord[]): boolean {
    const records: LogRecord[] = [];
    let end = this.#end;
    let offset = 0;
    for (let index = 0; index < header.count; index += 1) {
      const decoded = decodeRecord(bytes, { offset, previousChain: end.chain }, this.#checksum);
      if (!decoded.ok) {
        this.#problem = `record ${index + 1} of ${header.count} of a batch: ${decoded.problem}`;
        return false;
      }
      this.#checkSequence(end, decoded.record);
      records.push(decoded.record);
      offset = decoded.end;
      const { epoch, zxid, chain } = decoded.record;
      end = { position: { epoch, zxid }, chain };
    }
    if (offset !== header.bytes || end.chain !== header.chainAfter) {
      this.#problem = 'the records of a batch contradict its header';
      return false;
    }
    for (const record of records) into.push(record);
    this.#lastBatchOffset = this.#offset;
    this.#offset += batchHeaderBytes + header.bytes;
    this.#end = end;
    return true;
  }

  /** contiguous, epochs never fall. Checksums are right here, so this is no torn write. */
  #checkSequence(before: LogEnd, record: LogRecord): void {
    const { position } = before;
    if (record.zxid === position.zxid + 1 && record.epoch >= position.epoch) return;
    throw new CorruptionError({
      file: this.path,
      offset: this.#offset,
      zxid: position.zxid + 1,
      problem:
        `record ${record.epoch}/${record.zxid} follows record ` +
        `${position.epoch}/${position.zxid}`,
    });
  }

  /** Looks through everything from `from` on: for a valid batch header, and for anything but zeros. */
  async #inspectRest(from: number): Promise<{ proof?: number; lastNonZero?: number }> {
    const context = { salt: this.header.salt, checksum: this.#checksum };
    const step = 1024 * 1024;
    let lastNonZero: number | undefined;
    // Pieces overlap by a header, so that none is missed at a seam.
    for (let offset = from; offset < this.#window.size; offset += step) {
      const length = Math.min(step + batchHeaderBytes, this.#window.size - offset);
      const bytes = await this.#window.view(offset, length);
      if (bytes === undefined) break;
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = buffer.indexOf(batchMagic); at >= 0; at = buffer.indexOf(batchMagic, at + 1)) {
        // A batch that the reader stopped at is no proof of itself.
        if (offset + at === this.#offset) continue;
        if (decodeBatchHeader(buffer.subarray(at), context) !== undefined) {
          return { proof: offset + at };
        }
      }
      const last = lastNonZeroByte(buffer);
      if (last !== undefined) lastNonZero = offset + last;
    }
    return lastNonZero === undefined ? {} : { lastNonZero };
  }
}

function lastNonZeroByte(bytes: Buffer): number | undefined {
  const zeros = zeroPage.subarray(0, bytes.length);
  if (zeros.length === bytes.length && zeros.equals(bytes)) return undefined;
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    if (bytes[index] !== 0) return index;
  }
  return undefined;
}

const zeroPage = Buffer.alloc(1024 * 1024 + batchHeaderBytes);
