/** Opens sessions that do nothing, a first few and, when told, the rest. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { childInput, print, untilTold } from '../children.ts';

export interface IdleLoad {
  readonly url: string;
  /** Opened at once, so that what the first of them cost the server once is not counted. */
  readonly first: number;
  readonly further: number;
}

const atOnce = 50;
const { url, first, further } = childInput() as IdleLoad;

async function open(): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  const answered = once(socket, 'message');
  socket.send('{"type":"connect","id":1,"session":"new","timeoutMs":60000}');
  const [data] = (await answered) as [Buffer];
  if (!data.includes('"type":"connected"')) throw new Error(data.toString());
}

async function openMany(count: number): Promise<void> {
  for (let opened = 0; opened < count; opened += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - opened) }, open));
  }
}

await openMany(first);
print({ open: first });
await untilTold();
await openMany(further);
print({ open: first + further });
