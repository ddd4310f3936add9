/** Creates many children of one znode, by multis of a thousand, a few at once. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { childInput, print } from '../children.ts';

export interface FillLoad {
  readonly url: string;
  readonly parent: string;
  readonly count: number;
  readonly dataBytes: number;
}

export interface FillMeasurement {
  readonly seconds: number;
  readonly createsPerSecond: number;
}

const perMulti = 1000;
const outstanding = 4;
const { url, parent, count, dataBytes } = childInput() as FillLoad;
const data = 'x'.repeat(dataBytes);
const socket = new WebSocket(url, { perMessageDeflate: false });
await once(socket, 'open');

function multi(first: number): string {
  const operations: string[] = [];
  for (let index = first; index < Math.min(first + perMulti, count); index++) {
    const name = `node-${String(index).padStart(7, '0')}`;
    operations.push(`{"op":"create","path":"${parent}/${name}","data":"${data}"}`);
  }
  return `{"type":"multi","id":${first + 2},"operations":[${operations.join(',')}]}`;
}

let next = 0;
let left = Math.ceil(count / perMulti) + 2;
const begun = performance.now();
socket.send('{"type":"connect","id":0}');
socket.send(`{"type":"create","id":1,"path":"${parent}"}`);
const sendNext = (): void => {
  if (next >= count) return;
  socket.send(multi(next));
  next += perMulti;
};
for (let index = 0; index < outstanding; index++) sendNext();
await new Promise<void>((resolve, reject) => {
  socket.on('message', (message: Buffer) => {
    if (message.includes('"type":"error"')) {
      reject(new Error(message.subarray(0, 2000).toString()));
      return;
    }
    if (!message.includes('"id":')) return;
    if (--left === 0) resolve();
    else sendNext();
  });
  socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
});
const seconds = (performance.now() - begun) / 1000;
const measured: FillMeasurement = { seconds, createsPerSecond: Math.round(count / seconds) };
print(measured);
process.exit(0);
