/** The text of an event stream (HTML standard, 9.2): each message framed once for all who get it. */
import type { Zxid } from '../../protocol/model.ts';
import type { WatchResult } from '../../protocol/operations.ts';
import type { EventsAnswer, GoneAnswer, StreamEvent } from '../coordinator.ts';
import { encodeData } from '../common/data.ts';
import type { DataEncoding } from '../common/data.ts';

/** How long an EventSource waits before it connects again. */
const reconnectMs = 1000;

export const streamHead = `retry: ${reconnectMs}\n\n`;

/** A comment, which a client ignores: sent where only a write can show whether there still is one. */
export const probeFrame = ':\n\n';

export function bookmarkFrame(zxid: Zxid): string {
  return frame(String(zxid), 'bookmark', { zxid });
}

/** Its id lets a client that reads the state anew resume from there, and not be told the same again. */
export function goneFrame({
  oldestZxid,
  currentZxid,
}: Pick<GoneAnswer, 'oldestZxid' | 'currentZxid'>): string {
  return frame(String(currentZxid), 'gone', { oldestZxid, currentZxid });
}

/** It has no id: nothing has happened to what is watched. */
export function sessionFrame(state: 'expired' | 'suspended'): string {
  return frame(undefined, 'session', { state });
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
export function stateFrame({ initial, zxid, resume, encoding, ...asked }: StateFrame): Frames {
  const { path, stat, data } = initial;
  const shown = { path, zxid, exists: stat !== undefined, ...(stat !== undefined && { stat }) };
  const told = asked.with === 'data' ? data : undefined;
  if (told === undefined || told.length < SHARED_DATA_BYTES) {
    const fields = { ...shown, ...(told !== undefined && encodeData(told, encoding)) };
    return [Buffer.from(frame(String(resume), 'state', fields))];
  }
  const key = `${path}\n${stat?.czxid ?? 0}.${stat?.mzxid ?? 0}\n${encoding ?? ''}`;
  if (stateData.key !== key) stateData = { key, bytes: dataEnd(told, encoding) };
  return [Buffer.from(openFrame(String(resume), 'state', shown)), stateData.bytes];
}

/** The data of the state told last: streams that are opened together mostly watch the same znode. */
let stateData: { readonly key: string; readonly bytes: Buffer } = {
  key: '',
  bytes: Buffer.alloc(0),
};

/** Pieces of text to be written one behind the other; large ones may be shared with other streams. */
export type Frames = readonly Buffer[];

/** Frames of whole transactions, by the array that the streams share. */
const shared = {
  utf8: new WeakMap<readonly StreamEvent[], Frames>(),
  base64: new WeakMap<readonly StreamEvent[], Frames>(),
};

/**
 * Ends of frames that hold much data, by the event that the streams share: what stands before differs from
 * stream to stream, since it says how many events of the transaction came before.
 */
const sharedEnds = {
  utf8: new WeakMap<StreamEvent, Buffer>(),
  base64: new WeakMap<StreamEvent, Buffer>(),
};

/** Data from this size on is a piece of its own, bytes. */
const SHARED_DATA_BYTES = 4096;

/** All events of one zxid. */
export function eventsFrame(answer: EventsAnswer, encoding: DataEncoding = 'utf8'): Frames {
  const { events } = answer;
  const known = shared[encoding].get(events);
  if (known !== undefined) return known;
  const frames = eventsFrom(answer, 0, encoding);
  shared[encoding].set(events, frames);
  return frames;
}

/** The events of one zxid from `first` on; `id` counts them. */
export function eventsFrom(
  { zxid, events }: EventsAnswer,
  first: number,
  encoding: DataEncoding = 'utf8',
): Frames {
  const frames: Buffer[] = [];
  let text = '';
  for (let index = first; index < events.length; index++) {
    const event = events[index];
    if (event === undefined) continue;
    const { type, path, stat, data } = event;
    const id = `${zxid}.${index}`;
    const fields = { type, path, zxid, ...(stat !== undefined && { stat }) };
    if (data === undefined || data.length < SHARED_DATA_BYTES) {
      text += frame(id, type, { ...fields, ...(data !== undefined && encodeData(data, encoding)) });
      continue;
    }
    frames.push(Buffer.from(text + openFrame(id, type, fields)), endOf(event, data, encoding));
    text = '';
  }
  if (text !== '') frames.push(Buffer.from(text));
  return frames;
}

function endOf(event: StreamEvent, data: Uint8Array, encoding: DataEncoding): Buffer {
  const known = sharedEnds[encoding].get(event);
  if (known !== undefined) return known;
  const bytes = dataEnd(data, encoding);
  sharedEnds[encoding].set(event, bytes);
  return bytes;
}

/** JSON holds no line breaks, so one `data` line is enough. */
function frame(id: string | undefined, event: string, data: object): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A frame up to where its data belongs, which `dataEnd` ends. */
function openFrame(id: string, event: string, fields: object): string {
  return `${frame(id, event, fields).slice(0, -'}\n\n'.length)},`;
}

function dataEnd(data: Uint8Array, encoding: DataEncoding | undefined): Buffer {
  return Buffer.from(`${JSON.stringify(encodeData(data, encoding)).slice(1)}\n\n`);
}
