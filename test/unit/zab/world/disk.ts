/** A disk whose work completes one piece at a time, and of which a loss of power leaves some. */
import { noPosition } from '../../../../src/zab/index.ts';
import type { EpochPromise, LogPosition, LogRecord } from '../../../../src/zab/index.ts';

/** What a snapshot holds: here, nothing but what the log needs to go on behind it. */
export interface Base {
  readonly position: LogPosition;
  readonly chain: number;
  readonly epochStarts: readonly LogPosition[];
  readonly epochRecord: Uint8Array | undefined;
}

/** What survives. */
export interface Image {
  readonly base: Base;
  readonly records: readonly LogRecord[];
  readonly promise: EpochPromise | undefined;
  readonly incarnation: string;
  /** Its log was damaged and set aside. */
  readonly recovering: boolean;
  /** As the directory remembers it beside the log. */
  readonly clusterId: string | undefined;
}

export type DiskWork =
  | { readonly type: 'append'; readonly tenure: number; readonly records: readonly LogRecord[] }
  | { readonly type: 'truncate'; readonly after: LogPosition }
  | { readonly type: 'install'; readonly tenure: number; readonly base: Base };

export const emptyBase: Base = {
  position: noPosition,
  chain: 0,
  epochStarts: [],
  epochRecord: undefined,
};

export function emptyImage(incarnation: string): Image {
  const nothing = { records: [], promise: undefined, recovering: false, clusterId: undefined };
  return { base: emptyBase, incarnation, ...nothing };
}

/** The image after `work`. */
export function apply(image: Image, work: DiskWork): Image {
  switch (work.type) {
    case 'append':
      return { ...image, records: [...image.records, ...work.records] };
    case 'truncate':
      return { ...image, records: image.records.filter(({ zxid }) => zxid <= work.after.zxid) };
    default:
      return { ...image, base: work.base, records: [] };
  }
}

export function lastOf({ base, records }: Image): { position: LogPosition; chain: number } {
  const last = records.at(-1);
  if (last === undefined) return base;
  return { position: { epoch: last.epoch, zxid: last.zxid }, chain: last.chain };
}
