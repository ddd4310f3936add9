/** Events as text and as frames, made once for all streams that get the same. */
import type { Zxid } from '../../protocol/model.ts';
import type { EventsAnswer, StreamEvent } from '../coordinator.ts';
import { frameOf } from './frames.ts';
import { quoted } from './json.ts';

interface SharedEvents {
  readonly zxid: Zxid;
  readonly text: string;
  frame: Buffer | undefined;
}

/** The coordinator gives the same array to all streams that get the same events. */
const shared = new WeakMap<readonly StreamEvent[], SharedEvents>();

export function eventsText(answer: EventsAnswer): string {
  return sharedOf(answer).text;
}

/** The message as a frame of its own: the same bytes for every reader. */
export function eventsFrame(answer: EventsAnswer): Buffer {
  const entry = sharedOf(answer);
  entry.frame ??= frameOf(entry.text);
  return entry.frame;
}

function sharedOf({ zxid, events }: EventsAnswer): SharedEvents {
  const known = shared.get(events);
  if (known?.zxid === zxid) return known;
  const items = events.map(({ type, path }) => `{"type":"${type}","path":${quoted(path)}}`);
  const text = `{"type":"events","zxid":${zxid},"events":[${items.join(',')}]}`;
  const made = { zxid, text, frame: undefined };
  shared.set(events, made);
  return made;
}
