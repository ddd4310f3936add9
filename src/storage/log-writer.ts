/**
 * The end of the log: a queue, one append on its way to the disk, and everything that comes meanwhile as
 * the next batch. The first error ends it: what was queued or on its way is never reported durable.
 */
import { assert } from '../protocol/assert.ts';
import {
  comparePositions,
  noPosition,
  type Checksum,
  type LogPosition,
  type LogRecord,
} from '../zab/types.ts';
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
import { RecordQueue } from './record-queue.ts';
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
  /** A segment has got its name; nothing in it counts before this has resolved. */
  readonly onSegment: (segment: Segment) => Promise<void>;
}

interface CurrentSegment {
  readonly file: LogFile;
  readonly salt: number;
  readonly capacity: number;
  offset: number;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #queue = new RecordQueue();
  #segment: CurrentSegment | undefined;
  /** End of what has been appended, on its way or not. */
  #queuedEnd: LogPosition;
  /** End of what has been taken from the queue for the disk. */
  #takenEnd: LogEnd;
  #durable: LogPosition;
  #pumping: Promise<void> | undefined;
  /** Changes to the files that are asked for and not done: nothing is written meanwhile. */
  #changes = 0;
  #changing: Promise<void> = Promise.resolve();
  /** Things that must be on the disk before anything more is written. */
  #holds = 0;
  #held: Promise<void> = Promise.resolve();
  /** Where the files end once those changes are done. */
  #changedEnd: LogPosition;
  #failure: Error | undefined;

  constructor(options: LogWriterOptions, end: LogEnd) {
    this.#options = options;
    this.#queuedEnd = end.position;
    this.#takenEnd = end;
    this.#durable = end.position;
    this.#changedEnd = end.position;
  }

  /** The last position that is known to be on the disk. */
  get durable(): LogPosition {
    return this.#durable;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Goes on at the end of a segment that is there. */
  async resume(segment: OpenSegment): Promise<void> {
    const { offset, capacity, salt } = segment;
    const file = await this.#options.disk.openLog(segment.path);
    this.#segment = { file, offset, capacity, salt };
  }

  /** Makes a segment without records, which says where the log goes on. */
  async begin(): Promise<void> {
    await this.#roll([], this.#takenEnd);
  }

  append(records: readonly LogRecord[]): void {
    if (this.#failure !== undefined) return;
    for (const record of records) {
      const before = this.#queuedEnd;
      assert(record.zxid === before.zxid + 1, `zxid ${record.zxid} appended after ${before.zxid}`);
      assert(record.epoch >= before.epoch, `epoch ${record.epoch} after ${before.epoch}`);
      this.#queuedEnd = { epoch: record.epoch, zxid: record.zxid };
      this.#queue.push(record);
    }
    this.#start();
  }

  /**
   * Forgets what was appended after `position`. From the call on nothing beyond it is reported durable, and
   * what is appended follows it.
   * @param cut changes the files, while nothing is being written; not called if they need no change
   */
  async truncate(
    position: LogPosition,
    cut: () => Promise<{ end: LogEnd; current: OpenSegment }>,
  ): Promise<void> {
    assert(comparePositions(position, this.#queuedEnd) <= 0, 'truncated after the end of the log');
    this.#queuedEnd = position;
    const filesEnd = this.#changes > 0 ? this.#changedEnd : this.#takenEnd.position;
    if (comparePositions(position, filesEnd) >= 0) {
      const last = this.#queue.dropAfter(position.zxid) ?? filesEnd;
      assert(
        comparePositions(position, last) === 0,
        'the log is truncated after one of its records',
      );
      return;
    }
    if (comparePositions(position, this.#durable) < 0) this.#durable = position;
    await this.#change(position, cut);
  }

  /** The same for a log that another one takes the place of: it goes on after `position`, which is durable. */
  async replace(
    position: LogPosition,
    cut: () => Promise<{ end: LogEnd; current: OpenSegment }>,
  ): Promise<void> {
    this.#queuedEnd = position;
    this.#durable = noPosition;
    await this.#change(position, cut);
  }

  /** Nothing that waits now, or comes, is written before `done` has resolved. */
  holdUntil(done: Promise<void>): void {
    this.#holds += 1;
    const release = (): void => {
      this.#holds -= 1;
      this.#start();
    };
    this.#held = Promise.all([this.#held, done.then(release, () => undefined)]).then(
      () => undefined,
    );
  }

  /** Nothing that was given before is written after the call, and nothing at all before the change is done. */
  async #change(
    position: LogPosition,
    cut: () => Promise<{ end: LogEnd; current: OpenSegment }>,
  ): Promise<void> {
    this.#queue.clear();
    this.#changes += 1;
    this.#changedEnd = position;
    const changed = this.#changing.then(async () => {
      await this.#held;
      await this.#pumping;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#segment?.file.close();
      this.#segment = undefined;
      const { end, current } = await cut();
      await this.resume(current);
      this.#takenEnd = end;
    });
    this.#changing = changed.catch(() => undefined);
    await changed;
    this.#changes -= 1;
    if (this.#changes > 0) return;
    if (comparePositions(position, this.#durable) > 0) this.#report(position);
    this.#start();
  }

  /** Resolves when nothing is queued or on its way any more, or after a failure. */
  async drain(): Promise<void> {
    await this.#held;
    await this.#changing;
    while (this.#pumping !== undefined) await this.#pumping;
  }

  async close(): Promise<void> {
    await this.drain();
    if (this.#failure === undefined) await this.#segment?.file.close();
    this.#segment = undefined;
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#queue.clear();
    this.#options.onFailure(error);
  }

  #start(): void {
    if (this.#pumping !== undefined || !this.#mayTake()) return;
    // A microtask later, so that all that is appended in one go is one batch.
    this.#pumping = Promise.resolve()
      .then(() => this.#pump())
      .catch((error: unknown) => this.fail(errorOf(error)))
      .then(() => {
        this.#pumping = undefined;
        this.#start();
      });
  }

  get #isFree(): boolean {
    return this.#changes === 0 && this.#holds === 0;
  }

  #mayTake(): boolean {
    return !this.#queue.isEmpty && this.#isFree && this.#failure === undefined;
  }

  /** The next batch leaves before the last one is reported, so that the disk never waits for listeners. */
  async #pump(): Promise<void> {
    let written: LogPosition | undefined;
    while (written !== undefined || this.#mayTake()) {
      const writing = this.#mayTake() ? this.#writeNext() : undefined;
      if (written !== undefined) this.#report(written);
      written = await writing;
    }
  }

  #report(position: LogPosition): void {
    if (this.#failure !== undefined || this.#changes > 0) return;
    this.#durable = position;
    this.#options.onDurable(position);
  }

  /** @returns the last position of the batch once it is on the disk */
  async #writeNext(): Promise<LogPosition> {
    const batch = this.#queue.take(this.#options.batchBytesMax);
    const before = this.#takenEnd;
    this.#takenEnd = endOf(batch, before);
    const { position } = this.#takenEnd;
    let bytes = batchHeaderBytes;
    for (const record of batch) bytes += record.bytes.length;
    const segment = this.#segment;
    if (segment === undefined || !hasRoom(segment, bytes)) await this.#roll(batch, before);
    else await this.#appendTo(segment, batch, before);
    return position;
  }

  async #appendTo(
    segment: CurrentSegment,
    batch: readonly LogRecord[],
    before: LogEnd,
  ): Promise<void> {
    const { file, offset, salt } = segment;
    const bytes = encodeBatch(batch, before, this.#context(salt));
    segment.offset += bytes.length;
    await file.append({ offset, bytes, hint: this.#mark(endOf(batch, before), salt) });
  }

  /** Begins a segment with `batch`; it gets its name once both are on the disk, and then the batch counts. */
  async #roll(batch: readonly LogRecord[], before: LogEnd): Promise<void> {
    const { disk, checksum, spare, onSegment } = this.#options;
    const old = this.#segment?.file;
    const salt = this.#options.salt();
    await spare.take();
    const file = await disk.openLog(sparePath);
    const header = encodeSegmentHeader({ previous: before, salt }, checksum);
    const context = { ...this.#context(salt), room: segmentHeaderBytes };
    const bytes = batch.length === 0 ? header : encodeBatch(batch, before, context);
    bytes.set(header);
    const offset = bytes.length;
    await file.append({ offset: 0, bytes, hint: this.#mark(endOf(batch, before), salt) });
    const firstZxid = before.position.zxid + 1;
    const path = segmentPath(firstZxid);
    await file.publish(path);
    await onSegment({ path, firstZxid });
    this.#segment = { file, salt, capacity: spare.bytes, offset };
    await old?.close();
    spare.prepare();
  }

  #mark(end: LogEnd, salt: number): Uint8Array {
    return encodeBatch([], end, this.#context(salt));
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

function endOf(batch: readonly LogRecord[], before: LogEnd): LogEnd {
  const last = batch.at(-1);
  if (last === undefined) return before;
  return { position: { epoch: last.epoch, zxid: last.zxid }, chain: last.chain };
}
