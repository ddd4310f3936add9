/** The text of an event stream (HTML standard, 9.2): each message framed once for all who get it. */
import type { Zxid } from '../../protocol/model.ts';
import type { WatchResult } from '../../protocol/operations.ts';
import type { EventsAnswer, GoneAnswer, StreamEvent } from '../coordinator.ts';
import { encodeData } from '../common/data.ts';
import type { DataEncoding } from '../common/data.ts';

/** How long an EventSource waits before it connects again. */
const reconnectMs = 1000;

export const streamHead = `retry: ${reconnectMs}\n\n`;

export function bookmarkFrame(zxid: Zxid): string {
  return frame(String(zxid), 'bookmark', { zxid });
}

/** It has no id: an id would make the client resume behind what it has lost. */
export function goneFrame({ oldestZxid, currentZxid }: GoneAnswer): string {
  return frame(undefined, 'gone', { oldestZxid, currentZxid });
}

export interface StateFrame {
  readonly initial: NonNullable<WatchResult['initial']>;
  /** Of the state. */
  readonly zxid: Zxid;
  /** Where a client that has nothing but this message resumes. */
  readonly resume: Zxid;
  readonly with: 'stat' | 'data' | undefined;
  readonly encoding: DataEncoding | undefined;
}

/** The present state: `stat` is always told, since its absence says nothing about existence. */
export function stateFrame({ initial, zxid, resume, encoding, ...asked }: StateFrame): string {
  const { path, stat, data } = initial;
  return frame(String(resume), 'state', {
    ...{ path, zxid, exists: stat !== undefined },
    ...(stat !== undefined && { stat }),
    ...(data !== undefined && asked.with === 'data' && encodeData(data, encoding)),
  });
}

/** Frames of whole transactions, by the array that the streams share. */
const shared = {
  utf8: new WeakMap<readonly StreamEvent[], Buffer>(),
  base64: new WeakMap<readonly StreamEvent[], Buffer>(),
};

/** All events of one zxid. */
export function eventsFrame(answer: EventsAnswer, encoding: DataEncoding = 'utf8'): Buffer {
  const { events } = answer;
  const known = shared[encoding].get(events);
  if (known !== undefined) return known;
  const bytes = Buffer.from(eventsFrom(answer, 0, encoding));
  shared[encoding].set(events, bytes);
  return bytes;
}

/** The events of one zxid from `first` on; `id` counts them. */
export function eventsFrom(
  { zxid, events }: EventsAnswer,
  first: number,
  encoding: DataEncoding = 'utf8',
): string {
  return events
    .slice(first)
    .map((event, offset) => eventFrame(event, { zxid, index: first + offset, encoding }))
    .join('');
}

function eventFrame(
  { type, path, stat, data }: StreamEvent,
  { zxid, index, encoding }: { zxid: Zxid; index: number; encoding: DataEncoding },
): string {
  return frame(`${zxid}.${index}`, type, {
    ...{ type, path, zxid },
    ...(stat !== undefined && { stat }),
    ...(data !== undefined && encodeData(data, encoding)),
  });
}

/** JSON holds no line breaks, so one `data` line is enough. */
function frame(id: string | undefined, event: string, data: object): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
