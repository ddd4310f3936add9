/**
 * Writes at a fixed pace, and beside them, on another connection, pings whose longest answer shows for how
 * long the server's event loop stood still. Says when it has begun; ends when it is told to.
 */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import { childInput, print, untilTold } from '../children.ts';
import { quantile, rounded } from '../statistics.ts';

export interface PacedLoad {
  readonly url: string;
  readonly parent: string;
  readonly count: number;
  readonly writesPerSecond: number;
}

export interface PacedMeasurement {
  readonly writesPerSecond: number;
  readonly longestPingMs: number;
  readonly p99PingMs: number;
  /** The load's own longest stop, which the pings contain. */
  readonly ownStopMs: number;
  readonly errors: number;
}

const stepMs = 5;
const settleMs = 500;
const { url, parent, count, writesPerSecond } = childInput() as PacedLoad;
const data = 'y'.repeat(100);

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  const answered = once(socket, 'message');
  socket.send('{"type":"connect","id":0,"batch":true}');
  await answered;
  return socket;
}

const writer = await open();
const prober = await open();
let errors = 0;
let answered = 0;
let sent = 0;
writer.on('message', (message: Buffer) => {
  if (message.includes('"type":"error"')) errors++;
  answered += message.toString().split('"id":').length - 1;
});

const pings: number[] = [];
let recording = false;
let pinged = performance.now();
prober.on('message', (message: Buffer) => {
  if (!message.includes('"id":')) return;
  const now = performance.now();
  if (recording) pings.push(now - pinged);
  setTimeout(ping, 1);
});
function ping(): void {
  pinged = performance.now();
  prober.send('{"type":"ping","id":1}');
}

function write(): void {
  const due = Math.floor(((performance.now() - begun) / 1000) * writesPerSecond);
  const messages: string[] = [];
  // A standstill is not made up for by a burst that no paced writer would send.
  if (due - sent > 1000) sent = due - 1000;
  for (; sent < due; sent++) {
    const name = `node-${String((sent * 7919) % count).padStart(7, '0')}`;
    messages.push(`{"type":"set","id":${sent},"path":"${parent}/${name}","data":"${data}"}`);
  }
  if (messages.length > 0) writer.send(`[${messages.join(',')}]`);
}

const begun = performance.now();
const timer = setInterval(write, stepMs);
ping();
await new Promise((resolve) => setTimeout(resolve, settleMs));
const own = monitorEventLoopDelay({ resolution: 1 });
own.enable();
recording = true;
const [from, since] = [answered, performance.now()];
print({ begun: true });
await untilTold();
clearInterval(timer);
const measured: PacedMeasurement = {
  writesPerSecond: Math.round(((answered - from) / (performance.now() - since)) * 1000),
  longestPingMs: rounded(Math.max(...pings)),
  p99PingMs: rounded(quantile(pings, 0.99)),
  ownStopMs: rounded(own.max / 1e6),
  errors,
};
print(measured);
process.exit(0);
