/** Where an event stream starts: `Last-Event-ID` wins over `from`. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { Zxid } from '../../protocol/model.ts';

export interface StreamPosition {
  /** Events after all of this zxid are sent; undefined = from now on. */
  readonly from: Zxid | undefined;
  /** The last event received, when it was in the midst of a transaction. */
  readonly received?: { readonly zxid: Zxid; readonly index: number };
  /**
   * True for a client that has told the last id it received. An EventSource sends it by itself, and gives up
   * for good at any status but 200 (`readyState` 2): it is told inside of the stream what it has lost.
   */
  readonly resumes: boolean;
}

const idPattern = /^([0-9]{1,16})(?:\.([0-9]{1,9}))?$/;

/**
 * @param lastEventId `<zxid>.<index>` of an event, `<zxid>` of a bookmark or state
 * @throws CoordinationError BADARGUMENTS for an id that this service never gave
 */
export function streamPosition(
  lastEventId: string | undefined,
  from: Zxid | undefined,
): StreamPosition {
  if (lastEventId === undefined || lastEventId === '') return { from, resumes: false };
  const match = idPattern.exec(lastEventId);
  const zxid = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(zxid)) {
    const shown = JSON.stringify(lastEventId.slice(0, 40));
    const detail = `Last-Event-ID: ${shown} is not of the form <zxid> or <zxid>.<index>`;
    throw new CoordinationError('BADARGUMENTS', detail);
  }
  if (match[2] === undefined) return { from: zxid, resumes: true };
  const received = { zxid, index: Number(match[2]) };
  // The rest of that transaction is still to come, so it is replayed and its head left out.
  return { from: Math.max(0, zxid - 1), received, resumes: true };
}
