/**
 * Load on a WebSocket: each connection keeps a number of requests outstanding, alone or in arrays. Takes a
 * list of cases and prints a measurement for each. The messages are made by hand and the answers only
 * counted, so that the load takes less CPU than the server.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { childInput, print } from '../children.ts';
import { Window, type Measurement } from '../window.ts';

export type Operation = 'read' | 'write' | 'create' | 'mix' | 'echo';

export interface WebSocketCase {
  readonly operation: Operation;
  readonly connections: number;
  readonly outstanding: number;
  /** Requests and answers travel in arrays. */
  readonly arrays: boolean;
}

export interface WebSocketLoad {
  /** Of several, the connections take one after another. */
  readonly url: string | readonly string[];
  readonly serverPid: number | readonly number[];
  readonly seconds: number;
  readonly cases: readonly WebSocketCase[];
}

const keys = 1000;
const value = 'x'.repeat(100);
const readsPerWrite = 10;
const warmUpShare = 0.4;
const warmUpMinMs = 300;
/** Every answer and every echoed request contains it exactly once. */
const idMark = Buffer.from('"id":');
const errorMark = Buffer.from('"type":"error"');

function countOf(text: Buffer, mark: Buffer): number {
  let count = 0;
  let at = text.indexOf(mark);
  while (at !== -1) {
    count++;
    at = text.indexOf(mark, at + mark.length);
  }
  return count;
}

class Connection {
  readonly #socket: WebSocket;
  readonly #case: WebSocketCase;
  readonly #parent: string;
  /** When each outstanding request was sent, oldest first. */
  readonly #sent: number[] = [];
  #oldest = 0;
  #id = 1;
  answered = 0;
  errors = 0;
  /** Latencies are kept from here on. */
  latenciesMs: number[] | undefined;
  stopped = false;

  constructor(socket: WebSocket, options: { readonly load: WebSocketCase; readonly name: string }) {
    this.#socket = socket;
    this.#case = options.load;
    this.#parent = `/bench/made-${options.name}`;
    this.#id = (Number(options.name.split('-')[1] ?? 0) * 61) % keys;
  }

  async prepare(): Promise<void> {
    if (this.#case.operation === 'echo') return;
    await this.#ask({ type: 'connect', id: 0, batch: this.#case.arrays });
    if (this.#case.operation === 'create') {
      await this.#ask({ type: 'create', id: 0, path: this.#parent });
    }
  }

  begin(): void {
    this.#socket.on('message', (data: Buffer) => this.#receive(data));
    this.#send(this.#case.outstanding);
  }

  async #ask(message: Readonly<Record<string, unknown>>): Promise<void> {
    const answered = once(this.#socket, 'message');
    this.#socket.send(JSON.stringify(message));
    const [data] = (await answered) as [Buffer];
    if (data.includes(errorMark)) throw new Error(data.toString());
  }

  #receive(data: Buffer): void {
    const count = countOf(data, idMark);
    if (count === 0) return;
    const now = performance.now();
    if (data.includes(errorMark)) this.errors += countOf(data, errorMark);
    for (let index = 0; index < count; index++) {
      const sent = this.#sent[this.#oldest++] ?? now;
      this.latenciesMs?.push(now - sent);
    }
    if (this.#oldest > 4096) {
      this.#sent.splice(0, this.#oldest);
      this.#oldest = 0;
    }
    this.answered += count;
    if (!this.stopped) this.#send(count);
  }

  #send(count: number): void {
    const now = performance.now();
    const messages: string[] = [];
    for (let index = 0; index < count; index++) {
      messages.push(this.#message());
      this.#sent.push(now);
    }
    if (this.#case.arrays) this.#socket.send(`[${messages.join(',')}]`);
    else for (const message of messages) this.#socket.send(message);
  }

  #message(): string {
    const id = ++this.#id;
    const path = `/bench/k${id % keys}`;
    switch (this.#case.operation) {
      case 'create':
        return `{"type":"create","id":${id},"path":"${this.#parent}/n-","sequential":true,"data":"${value}"}`;
      case 'mix':
        return id % (readsPerWrite + 1) === 0 ? setMessage(id, path) : getMessage(id, path);
      case 'write':
      case 'echo':
        return setMessage(id, path);
      case 'read':
        return getMessage(id, path);
    }
  }
}

const getMessage = (id: number, path: string): string =>
  `{"type":"get","id":${id},"path":"${path}"}`;
const setMessage = (id: number, path: string): string =>
  `{"type":"set","id":${id},"path":"${path}","data":"${value}"}`;

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

async function run(load: WebSocketLoad, one: WebSocketCase, run: number): Promise<Measurement> {
  const urls = [load.url].flat();
  const sockets = await Promise.all(
    Array.from({ length: one.connections }, (_, index) => open(urls[index % urls.length] ?? '')),
  );
  const connections = sockets.map(
    (socket, index) =>
      new Connection(socket, { load: one, name: `${process.pid}.${run}-${index}` }),
  );
  for (const connection of connections) await connection.prepare();
  for (const connection of connections) connection.begin();
  await delay(Math.max(warmUpMinMs, load.seconds * 1000 * warmUpShare));
  const total = (): number => connections.reduce((sum, { answered }) => sum + answered, 0);
  const latencies: number[] = [];
  for (const connection of connections) connection.latenciesMs = latencies;
  const before = total();
  const window = new Window(load.serverPid);
  await delay(load.seconds * 1000);
  const errors = connections.reduce((sum, connection) => sum + connection.errors, 0);
  const measured = window.finish(total() - before, latencies, errors);
  for (const connection of connections) connection.stopped = true;
  for (const socket of sockets) socket.terminate();
  return measured;
}

const load = childInput() as WebSocketLoad;
for (const [index, one] of load.cases.entries()) print(await run(load, one, index));
process.exit(0);
