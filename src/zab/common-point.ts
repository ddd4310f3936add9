/**
 * The common point of two logs: the greatest position that is in both. A position names one record and
 * all before it, so that two logs agree up to it; the first records of the epochs are enough to find it,
 * across any number of epochs that came to nothing.
 */
import type { LogView } from './log-view.ts';
import type { LogPosition } from './types.ts';

/** A log as its owner describes it. */
export interface LogOutline {
  readonly last: LogPosition;
  /** First records of its epochs, in order, from that of its commit point on. */
  readonly epochStarts: readonly LogPosition[];
}

/** @returns undefined where this log does not reach back far enough to tell */
export function commonPoint(log: LogView, other: LogOutline): LogPosition | undefined {
  let end = other.last.zxid;
  for (const start of [...other.epochStarts].reverse()) {
    const own = log.startOf(start.epoch);
    if (own !== undefined && start.zxid <= end) {
      const zxid = Math.min(end, lastOf(log, start.epoch));
      if (zxid >= own.zxid && zxid >= start.zxid) return { epoch: start.epoch, zxid };
    }
    end = Math.min(end, start.zxid - 1);
  }
  return undefined;
}

/** The last record of an epoch that the log knows. */
function lastOf(log: LogView, epoch: number): number {
  const next = log.epochStartsFrom({ epoch: epoch + 1, zxid: 0 })[0];
  return next === undefined ? log.last.zxid : next.zxid - 1;
}
