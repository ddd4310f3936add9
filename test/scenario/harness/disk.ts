/**
 * A node's disk as its core sees it: one sequential queue for the log, another one for the promise file, and
 * the state that a loss of power would leave. Work completes only when the scenario says so.
 */
import type { EpochPromise, LogPosition, LogRecord } from '../../../src/zab/index.ts';
import { positionOf } from './words.ts';

/** A snapshot of the tree: everything up to its position, without the records. */
export interface SnapshotImage {
  readonly position: LogPosition;
  readonly chain: number;
  readonly epochStarts: readonly LogPosition[];
  /** Payload of the last epoch record up to the position. */
  readonly epochRecord: Uint8Array | undefined;
}

/** What is found at the next boot. */
export interface DiskImage {
  readonly incarnation: string;
  readonly promise: EpochPromise | undefined;
  readonly snapshot: SnapshotImage | undefined;
  /** Contiguous; the first follows the snapshot or an older record. */
  readonly records: readonly LogRecord[];
  /** A lower bound of what is committed, stored with the records. */
  readonly committed: LogPosition;
  /** The log was damaged and has been set aside. */
  readonly recovering: boolean;
}

export type LogWork =
  | { readonly kind: 'append'; readonly record: LogRecord; readonly committed: LogPosition }
  | { readonly kind: 'truncate'; readonly after: LogPosition }
  | { readonly kind: 'install'; readonly snapshot: SnapshotImage };

export interface Queued<Work> {
  readonly tenure: number;
  readonly work: Work;
}

/** What has been completed, to be told to the core. */
export type Completion =
  | { readonly kind: 'durable'; readonly tenure: number; readonly position: LogPosition }
  | { readonly kind: 'truncated'; readonly tenure: number; readonly after: LogPosition }
  | {
      readonly kind: 'installed';
      readonly tenure: number;
      readonly snapshot: SnapshotImage;
      /** What the disk held until then. */
      readonly before: DiskImage;
    }
  | { readonly kind: 'promised'; readonly tenure: number; readonly promise: EpochPromise };

export class ScenarioDisk {
  readonly logQueue: Queued<LogWork>[] = [];
  readonly promiseQueue: Queued<EpochPromise>[] = [];
  /** What does not complete by itself. */
  stalled: 'nothing' | 'log' | 'all' = 'nothing';
  #image: DiskImage;

  constructor(image: DiskImage) {
    this.#image = image;
  }

  /** What survives a loss of power now. */
  get image(): DiskImage {
    return this.#image;
  }

  /** What survives the end of the process alone: the operating system writes what it was given. */
  get imageWithQueue(): DiskImage {
    const logged = this.logQueue.reduce((image, { work }) => withWork(image, work), this.#image);
    const promise = this.promiseQueue.at(-1)?.work ?? logged.promise;
    return { ...logged, promise };
  }

  get last(): LogPosition {
    return lastOf(this.#image);
  }

  /** The first of the promise's two copies is written and synced when the power goes. */
  halfPromise(): DiskImage {
    const promise = this.promiseQueue[0]?.work ?? this.#image.promise;
    return { ...this.#image, promise };
  }

  /** The first `count` pieces of the log's work reach the disk. */
  completeLog(count = Infinity): Completion[] {
    const done: Completion[] = [];
    while (done.length < count) {
      const next = this.logQueue.shift();
      if (next === undefined) break;
      const before = this.#image;
      this.#image = withWork(before, next.work);
      done.push(completionOf(next, before));
    }
    return grouped(done);
  }

  completePromise(): Completion[] {
    return this.promiseQueue.splice(0).map(({ tenure, work: promise }) => {
      this.#image = { ...this.#image, promise };
      return { kind: 'promised', tenure, promise };
    });
  }

  /** The tree is written out up to `snapshot`; it is on disk at once. */
  saveSnapshot(snapshot: SnapshotImage): void {
    this.#image = { ...this.#image, snapshot };
  }

  /** The mark of a damaged log is taken away. */
  recovered(): void {
    this.#image = { ...this.#image, recovering: false };
  }

  /** Forgets records that the snapshot contains. */
  purgeThrough(zxid: number): void {
    const records = this.#image.records.filter((record) => record.zxid > zxid);
    this.#image = { ...this.#image, records };
  }
}

export function emptyImage(incarnation: string): DiskImage {
  return {
    incarnation,
    promise: undefined,
    snapshot: undefined,
    records: [],
    committed: { epoch: 0, zxid: 0 },
    recovering: false,
  };
}

export function lastOf({ records, snapshot }: DiskImage): LogPosition {
  const last = records.at(-1) ?? snapshot?.position ?? { epoch: 0, zxid: 0 };
  return positionOf(last);
}

/** True when this very record, or a snapshot that contains it, is on the disk. */
export function holds(image: DiskImage, position: LogPosition): boolean {
  const { records, snapshot } = image;
  if (snapshot !== undefined && position.zxid <= snapshot.position.zxid) return true;
  const index = position.zxid - (records[0]?.zxid ?? 0);
  if (index < 0 && records.length > 0) return true;
  return records[index]?.epoch === position.epoch;
}

function withWork(image: DiskImage, work: LogWork): DiskImage {
  switch (work.kind) {
    case 'append':
      return { ...image, records: [...image.records, work.record], committed: work.committed };
    case 'truncate':
      return { ...image, records: image.records.filter(({ zxid }) => zxid <= work.after.zxid) };
    case 'install':
      return {
        ...image,
        snapshot: work.snapshot,
        records: [],
        committed: work.snapshot.position,
      };
  }
}

function completionOf({ tenure, work }: Queued<LogWork>, before: DiskImage): Completion {
  switch (work.kind) {
    case 'append':
      return { kind: 'durable', tenure, position: positionOf(work.record) };
    case 'truncate':
      return { kind: 'truncated', tenure, after: work.after };
    case 'install':
      return { kind: 'installed', tenure, snapshot: work.snapshot, before };
  }
}

/** One sync serves many records: only the last of a run is told. */
function grouped(completions: readonly Completion[]): Completion[] {
  return completions.filter((completion, index) => {
    const next = completions[index + 1];
    return !(
      completion.kind === 'durable' &&
      next?.kind === 'durable' &&
      next.tenure === completion.tenure
    );
  });
}
