/**
 * The end of the log: a queue, one append on its way to the disk, and everything that comes meanwhile as
 * the next batch. The first error ends it: what was queued or on its way is never reported durable.
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum, LogPosition, LogRecord } from '../zab/types.ts';
import type { Disk, LogFile } from './disk.ts';
import { errorOf } from './errors.ts';
import {
  batchHeaderBytes,
  encodeBatch,
  encodeSegmentHeader,
  segmentHeaderBytes,
  type LogEnd,
} from './log-format.ts';
import { segmentPath, type OpenSegment, type Segment } from './log-recovery.ts';
import { sparePath, type SpareSegment } from './spare-segment.ts';

export interface LogWriterOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly spare: SpareSegment;
  /** Of one batch, unless a single record is longer. */
  readonly batchBytesMax: number;
  /** A number that no client can know or guess. */
  readonly salt: () => number;
  readonly onDurable: (position: LogPosition) => void;
  readonly onFailure: (error: Error) => void;
  /** A segment has got its name. */
  readonly onSegment: (segment: Segment) => void;
}

interface CurrentSegment {
  readonly file: LogFile;
  readonly salt: number;
  readonly capacity: number;
  offset: number;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  #segment: CurrentSegment | undefined;
  /** End of what has been queued. */
  #queuedEnd: LogPosition;
  /** End of what has been handed to the disk. */
  #writtenEnd: LogEnd;
  #durable: LogPosition;
  #queue: LogRecord[] = [];
  /** Records of the queue that have been taken already. */
  #taken = 0;
  #pumping: Promise<void> | undefined;
  #failure: Error | undefined;
  #paused = false;

  constructor(options: LogWriterOptions, end: LogEnd) {
    this.#options = options;
    this.#queuedEnd = end.position;
    this.#writtenEnd = end;
    this.#durable = end.position;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The last position that is known to be on the disk. */
  get durable(): LogPosition {
    return this.#durable;
  }

  /** Goes on at the end of a segment that is there. */
  async resume(segment: OpenSegment): Promise<void> {
    const { offset, capacity, salt } = segment;
    this.#segment = {
      file: await this.#options.disk.openLog(segment.path),
      offset,
      capacity,
      salt,
    };
  }

  append(records: readonly LogRecord[]): void {
    if (this.#failure !== undefined) return;
    for (const record of records) {
      const { epoch, zxid } = this.#queuedEnd;
      assert(record.zxid === zxid + 1, `zxid ${record.zxid} is appended after ${zxid}`);
      assert(record.epoch >= epoch, `epoch ${record.epoch} is appended after ${epoch}`);
      this.#queuedEnd = { epoch: record.epoch, zxid: record.zxid };
      this.#queue.push(record);
    }
    this.#start();
  }

  /** Makes a segment without records, to say where the log goes on. */
  async begin(): Promise<void> {
    await this.#roll([]);
  }

  /** Resolves when the queue is empty and nothing is on its way, or after a failure. */
  async drain(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
  }

  /** Lets nothing more out, and resolves when nothing is on its way. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.drain();
  }

  /** Ends a pause, at another end of the log if one is given. */
  continue(): void {
    this.#paused = false;
    this.#start();
  }

  async close(): Promise<void> {
    await this.drain();
    if (this.#failure === undefined) await this.#segment?.file.close();
    this.#segment = undefined;
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#queue = [];
    this.#taken = 0;
    this.#options.onFailure(error);
  }

  #start(): void {
    if (this.#pumping !== undefined || this.#paused) return;
    if (this.#queue.length === 0 || this.#failure !== undefined) return;
    // A microtask later, so that all that is appended in one go is one batch.
    this.#pumping = Promise.resolve()
      .then(() => this.#pump())
      .catch((error: unknown) => this.fail(errorOf(error)))
      .finally(() => {
        this.#pumping = undefined;
        this.#start();
      });
  }

  /** The next batch leaves before the last one is reported, so that the disk never waits for listeners. */
  async #pump(): Promise<void> {
    let durable: LogPosition | undefined;
    for (;;) {
      const batch = this.#paused ? [] : this.#takeBatch();
      const writing = batch.length === 0 ? undefined : this.#write(batch);
      if (durable !== undefined) this.#report(durable);
      durable = undefined;
      if (writing !== undefined) {
        await writing;
        durable = positionOf(batch);
      } else if (this.#paused || this.#taken >= this.#queue.length) {
        return;
      }
    }
  }

  #report(durable: LogPosition): void {
    if (this.#failure !== undefined) return;
    this.#durable = durable;
    this.#options.onDurable(durable);
  }

  #takeBatch(): readonly LogRecord[] {
    const { batchBytesMax } = this.#options;
    const from = this.#taken;
    let bytes = 0;
    let index = from;
    for (; index < this.#queue.length; index += 1) {
      const record = this.#queue[index];
      if (record === undefined) break;
      bytes += record.bytes.length;
      if (bytes > batchBytesMax && index > from) break;
    }
    const batch = this.#queue.slice(from, index);
    this.#taken = index;
    if (this.#taken === this.#queue.length) {
      this.#queue = [];
      this.#taken = 0;
    } else if (this.#taken > 4096) {
      this.#queue = this.#queue.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }

  async #write(batch: readonly LogRecord[]): Promise<void> {
    let length = batchHeaderBytes;
    for (const record of batch) length += record.bytes.length;
    const segment = this.#segment;
    if (segment === undefined || !hasRoom(segment, length)) {
      await this.#roll(batch);
      return;
    }
    const { salt, offset } = segment;
    const bytes = encodeBatch(batch, this.#writtenEnd, this.#context(salt));
    segment.offset += bytes.length;
    this.#writtenEnd = endOf(batch, this.#writtenEnd);
    await segment.file.append({ offset, bytes, hint: this.#mark(salt) });
  }

  /** Begins a segment with `batch`; it gets its name, and the batch counts, once both are durable. */
  async #roll(batch: readonly LogRecord[]): Promise<void> {
    const { disk, checksum, spare, onSegment } = this.#options;
    const old = this.#segment?.file;
    const previous = this.#writtenEnd;
    const salt = this.#options.salt();
    await spare.take();
    const file = await disk.openLog(sparePath);
    const header = encodeSegmentHeader({ previous, salt }, checksum);
    const room = { ...this.#context(salt), room: segmentHeaderBytes };
    const bytes = batch.length === 0 ? header : encodeBatch(batch, previous, room);
    bytes.set(header);
    this.#writtenEnd = endOf(batch, previous);
    await file.append({ offset: 0, bytes, hint: this.#mark(salt) });
    const firstZxid = previous.position.zxid + 1;
    const path = segmentPath(firstZxid);
    await file.publish(path);
    const capacity = Math.max(spare.bytes, bytes.length);
    this.#segment = { file, salt, capacity, offset: bytes.length };
    onSegment({ path, firstZxid });
    await old?.close();
    spare.prepare();
  }

  #mark(salt: number): Uint8Array {
    return encodeBatch([], this.#writtenEnd, this.#context(salt));
  }

  #context(salt: number): { salt: number; checksum: Checksum } {
    return { salt, checksum: this.#options.checksum };
  }
}

/** A segment without records takes any batch: a second one of its name could not be made. */
function hasRoom(segment: CurrentSegment, bytes: number): boolean {
  const { offset, capacity } = segment;
  return offset === segmentHeaderBytes || offset + bytes + batchHeaderBytes <= capacity;
}

function positionOf(batch: readonly LogRecord[]): LogPosition | undefined {
  const last = batch.at(-1);
  return last === undefined ? undefined : { epoch: last.epoch, zxid: last.zxid };
}

function endOf(batch: readonly LogRecord[], before: LogEnd): LogEnd {
  const last = batch.at(-1);
  if (last === undefined) return before;
  return { position: { epoch: last.epoch, zxid: last.zxid }, chain: last.chain };
}
