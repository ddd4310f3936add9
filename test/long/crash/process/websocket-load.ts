/** A client that keeps many requests on their way through one WebSocket, and resumes its session. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { fail, same } from '../fail.ts';
import { LoadClient } from './client.ts';
import type { Item } from './history.ts';

/** A message of the server; of its fields those that are looked at. */
interface Message {
  readonly type: string;
  readonly id?: number | null;
  readonly zxid: number;
  readonly name?: string;
  readonly data?: string;
  readonly resumed?: boolean;
  readonly session?: { readonly token: string };
  readonly stat?: { readonly version: number; readonly czxid: number };
  readonly problem?: { readonly code: string; readonly outcome: string };
}

interface Request {
  readonly type: string;
  readonly path?: string;
  readonly [field: string]: unknown;
}

const windowSize = 16;
const sessionTimeoutMs = 300_000;

export class WebSocketLoad extends LoadClient {
  #socket: WebSocket | undefined;
  #token: string | undefined;
  #nextId = 1;
  #answers = new Map<number, (message: Message) => void>();
  #isLoading = false;
  #failure: Error | undefined;
  /** Of the counter, as last seen; undefined while a write of it is under way. */
  #counterVersion: number | undefined = 0;

  override async connect(url: string): Promise<void> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`);
    socket.on('message', (data: Buffer) => this.#receive(data.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'open');
    this.#socket = socket;
    this.#answers = new Map();
    this.#counterVersion = undefined;
    const session = this.#token ?? 'new';
    const connected = await this.#ask({
      ...{ type: 'connect', session, timeoutMs: sessionTimeoutMs },
      minZxid: this.common.history.seen,
    });
    same(connected.type, 'connected', `${this.name} connects: ${JSON.stringify(connected)}`);
    same(connected.resumed, this.#token !== undefined, `${this.name} resumes its session`);
    this.#token ??= connected.session?.token;
    await this.#finishItems();
  }

  override async load(): Promise<void> {
    const socket = this.#socket ?? fail('not connected');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    this.#isLoading = true;
    if (socket.readyState === WebSocket.OPEN) this.#fill();
    await closed;
    this.#isLoading = false;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What has no answer is sent again under its key: it is done once, whether it had been done before or not. */
  async #finishItems(): Promise<void> {
    const { items } = this.common.history;
    const unknown = [...items.values()].filter(
      ({ state, marker }) => state === 'unknown' && marker.startsWith(`${this.name}-`),
    );
    for (const item of unknown) {
      const known = item.name;
      const { zxid, name, stat, problem } = await this.#ask(createItem(item));
      if (problem !== undefined) return fail(`${item.marker} is refused: ${problem.code}`);
      if (known !== undefined) same(name, known, `the name of ${item.marker} in a retry`);
      same(stat?.czxid, zxid, `the zxid of ${item.marker} in a retry`);
      this.common.history.wroteEarlier(zxid);
      Object.assign(item, { state: 'there', name, zxid });
    }
  }

  #fill(): void {
    while (this.#isLoading && this.#answers.size < windowSize) this.#sendSomething();
  }

  #sendSomething(): void {
    const choice = this.random();
    if (choice < 0.3) this.#put();
    else if (choice < 0.42) this.#multi();
    else if (choice < 0.6) this.#enqueue();
    else if (choice < 0.72) this.#dequeue();
    else if (choice < 0.82) this.#ephemeral();
    else if (choice < 0.9) this.#read();
    else this.#count();
  }

  #put(): void {
    const path = `/c/${this.name}-r${this.below(5)}`;
    const data = this.nextText();
    this.#write([path], data, { type: 'put', path, data });
  }

  /** Two znodes, both or none. */
  #multi(): void {
    const paths = [`/c/${this.name}-a`, `/c/${this.name}-b`];
    const data = this.nextText();
    const exists = this.registers.latest(paths[0] ?? '') !== undefined;
    const operations = paths.map((path) => ({ op: exists ? 'set' : 'create', path, data }));
    this.#write(paths, data, { type: 'multi', operations });
  }

  #ephemeral(): void {
    const path = `/c/${this.name}-e${this.below(6)}`;
    if (this.registers.latest(path) !== undefined) {
      this.#write([path], undefined, { type: 'delete', path });
      return;
    }
    const data = this.nextText();
    this.#write([path], data, { type: 'create', path, data, ephemeral: true });
  }

  #write(paths: readonly string[], value: string | undefined, request: Request): void {
    const { history } = this.common;
    const order = this.registers.begin(paths, value);
    const invokedMs = history.now();
    this.#send(request, (message) => {
      if (message.problem !== undefined) {
        const { outcome } = message.problem;
        if (outcome === 'unknown') return;
        if (outcome === 'not-applied' && this.common.isStopping) {
          this.registers.refused(paths, order);
          return;
        }
        fail(
          `${this.name}: ${request.type} of ${paths.join()} is refused: ${message.problem.code}`,
        );
      }
      history.wrote({ zxid: message.zxid, what: `${request.type} of ${paths.join()}`, invokedMs });
      this.registers.applied(paths, order);
    });
  }

  #read(): void {
    const path = `/c/${this.name}-r${this.below(5)}`;
    const expected = this.registers.latest(path);
    const isLocal = this.random() < 0.5;
    const { history } = this.common;
    const seen = history.seen;
    const consistency = isLocal ? 'local' : 'linearizable';
    this.#send({ type: 'get', path, consistency }, ({ zxid, data, problem }) => {
      if (problem !== undefined && problem.code !== 'NONODE') return;
      same(data, expected, `${this.name} reads ${path} behind its own writes`);
      history.answered(zxid, isLocal ? 0 : seen);
    });
  }

  #enqueue(): void {
    const { history } = this.common;
    const marker = this.nextText();
    const item: Item = { marker, key: `key-${marker}`, state: 'unknown' };
    history.items.set(marker, item);
    const invokedMs = history.now();
    this.#send(createItem(item), ({ zxid, name, problem }) => {
      if (problem !== undefined) return;
      history.wrote({ zxid, what: `creation of ${marker}`, invokedMs });
      Object.assign(item, { state: 'there', name, zxid });
    });
  }

  #dequeue(): void {
    const { history } = this.common;
    const item = [...history.items.values()].find(({ state }) => state === 'there');
    if (item === undefined || history.items.size < 30) {
      this.#enqueue();
      return;
    }
    item.state = 'leaving';
    const invokedMs = history.now();
    this.#send({ type: 'delete', path: `/q/${item.name ?? ''}` }, ({ zxid, problem }) => {
      if (problem !== undefined) return;
      history.wrote({ zxid, what: `removal of ${item.marker}`, invokedMs });
      item.state = 'gone';
      history.items.delete(item.marker);
    });
  }

  #count(): void {
    const path = '/counter';
    const version = this.#counterVersion;
    if (version === undefined) {
      this.#send({ type: 'get', path }, ({ stat }) => {
        this.#counterVersion = stat?.version;
      });
      return;
    }
    this.#counterVersion = undefined;
    const { counter, history } = this.common;
    const data = this.nextText();
    counter.begin(version + 1, data);
    const invokedMs = history.now();
    this.#send({ type: 'set', path, data, version }, ({ zxid, stat, problem }) => {
      if (problem === undefined && stat !== undefined) {
        counter.applied(stat.version, data);
        history.wrote({ zxid, what: `count by ${this.name}`, invokedMs });
      } else if (problem?.outcome === 'not-applied') counter.refused(data);
    });
  }

  #ask(request: Request): Promise<Message> {
    return new Promise((resolve) => this.#send(request, resolve));
  }

  #send(request: Request, onAnswer: (message: Message) => void): void {
    const id = this.#nextId++;
    this.#answers.set(id, onAnswer);
    this.#socket?.send(JSON.stringify({ ...request, id }));
  }

  #receive(text: string): void {
    try {
      const message = JSON.parse(text) as Message;
      if (typeof message.id !== 'number') return;
      const onAnswer = this.#answers.get(message.id) ?? fail(`answer to no request: ${text}`);
      this.#answers.delete(message.id);
      onAnswer(message);
      this.#fill();
    } catch (error) {
      this.#failure ??= error as Error;
      this.#isLoading = false;
    }
  }
}

function createItem({ marker, key }: Item): Request {
  const idempotencyKey = key;
  return { type: 'create', path: '/q/n-', data: marker, sequential: true, idempotencyKey };
}
