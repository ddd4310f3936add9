/** Many connections watch one znode; how long until the last of them is told of a change. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { childInput, print } from '../children.ts';
import { median, rounded } from '../statistics.ts';

export interface WatchersLoad {
  readonly url: string;
  readonly watchers: number;
  readonly rounds: number;
}

export interface WatchersMeasurement {
  readonly firstMs: number;
  readonly lastMs: number;
}

const path = '/bench/watched';
const { url, watchers, rounds } = childInput() as WatchersLoad;
const eventsMark = Buffer.from('"type":"events"');

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  await ask(socket, { type: 'connect', id: 0 });
  return socket;
}

async function ask(socket: WebSocket, message: Readonly<Record<string, unknown>>): Promise<void> {
  const answered = once(socket, 'message');
  socket.send(JSON.stringify(message));
  const [data] = (await answered) as [Buffer];
  if (data.includes('"type":"error"')) throw new Error(data.toString());
}

/** Resolves with the times of the first and last event. */
function everyoneTold(sockets: readonly WebSocket[]): Promise<readonly [number, number]> {
  return new Promise((resolve) => {
    let first = 0;
    let left = sockets.length;
    for (const socket of sockets) {
      const told = (data: Buffer): void => {
        if (!data.includes(eventsMark)) return;
        socket.off('message', told);
        first = first === 0 ? performance.now() : first;
        if (--left === 0) resolve([first, performance.now()]);
      };
      socket.on('message', told);
    }
  });
}

const writer = await open();
await ask(writer, { type: 'put', id: 1, path, data: 'x' });
const sockets: WebSocket[] = [];
while (sockets.length < watchers) {
  const some = Math.min(100, watchers - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: some }, open))));
}
const firsts: number[] = [];
const lasts: number[] = [];
for (let round = 0; round < rounds + 2; round++) {
  await Promise.all(
    sockets.map((socket) => ask(socket, { type: 'get', id: 2, path, watch: true })),
  );
  await delay(50);
  const told = everyoneTold(sockets);
  const begun = performance.now();
  writer.send(JSON.stringify({ type: 'set', id: 3, path, data: 'y' }));
  const [first, last] = await told;
  // The first rounds are slower, since the code is not compiled yet.
  if (round < 2) continue;
  firsts.push(first - begun);
  lasts.push(last - begun);
}
const measured: WatchersMeasurement = {
  firstMs: rounded(median(firsts)),
  lastMs: rounded(median(lasts)),
};
print(measured);
process.exit(0);
