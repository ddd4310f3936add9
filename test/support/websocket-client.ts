/**
 * A WebSocket client for tests: sends single messages or arrays, pairs answers with requests by their id,
 * and keeps events in a queue, in the order in which they arrived.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';

export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectOptions {
  /** Fields of the `connect` message; `false` = send none. */
  readonly connect?: Readonly<Record<string, unknown>> | false;
  readonly protocols?: readonly string[];
  readonly socket?: ClientOptions;
}

/** The server refused the upgrade with an HTTP answer. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];

  constructor(response: IncomingMessage, body: string) {
    super(`upgrade refused with ${response.statusCode ?? 0}`);
    this.name = 'UpgradeRefused';
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.body = body;
  }
}

/** An `error` message as an exception. */
export class ErrorMessage extends Error {
  readonly message_: Message;
  readonly code: string;

  constructor(message: Message) {
    const { code, detail } = message['problem'] as { code: string; detail: string };
    super(`${code}: ${detail}`);
    this.name = 'ErrorMessage';
    this.message_ = message;
    this.code = code;
  }
}

type Resolve = (message: Message) => void;

export class TestClient {
  readonly socket: WebSocket;
  /** Every message in the order of arrival. */
  readonly received: Message[] = [];
  /** Each frame as it came, before arrays are taken apart. */
  readonly frames: unknown[] = [];
  readonly closed: Promise<Closed>;
  /** The answer to `connect`. */
  connected: Message | undefined;
  readonly #answers = new Map<number, Resolve>();
  readonly #events: Message[] = [];
  readonly #waiters: {
    readonly wants: (message: Message) => boolean;
    readonly resolve: Resolve;
  }[] = [];
  #nextId = 1;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse((data as Buffer).toString())));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** Sends anything, as it is when it is text or bytes. */
  send(frame: unknown): void {
    const isRaw = typeof frame === 'string' || Buffer.isBuffer(frame);
    this.socket.send(isRaw ? frame : JSON.stringify(frame));
  }

  /** Sends one message and waits for its answer, `result`, `connected` or `error`. */
  ask(message: Message): Promise<Message> {
    return new Promise((resolve) => {
      const numbered = { id: this.nextId(), ...message };
      this.#answers.set(numbered.id, resolve);
      this.send(numbered);
    });
  }

  /** The same; an `error` is thrown as ErrorMessage. */
  async request(message: Message): Promise<Message> {
    return unwrap(await this.ask(message));
  }

  /** Sends all in one array frame; the answers, errors among them, in the order of the messages. */
  requests(messages: readonly Message[]): Promise<Message[]> {
    const numbered = messages.map((message) => ({ id: this.nextId(), ...message }));
    const answers = numbered.map(
      ({ id }) => new Promise<Message>((resolve) => this.#answers.set(id, resolve)),
    );
    this.send(numbered);
    return Promise.all(answers);
  }

  /** The next message that is no answer to a request: events, bookmark, gone, session, goaway. */
  async nextMessage(type?: string): Promise<Message> {
    const wants = (message: Message) => type === undefined || message.type === type;
    const index = this.#events.findIndex(wants);
    const [known] = index < 0 ? [] : this.#events.splice(index, 1);
    if (known !== undefined) return known;
    return new Promise((resolve) => this.#waiters.push({ wants, resolve }));
  }

  /** The next `events` message. */
  nextEvents(): Promise<Message> {
    return this.nextMessage('events');
  }

  /** What has arrived and nobody has asked for. */
  get events(): readonly Message[] {
    return this.#events;
  }

  /** Closes from this side. */
  async close(): Promise<Closed> {
    this.socket.close();
    return this.closed;
  }

  #receive(frame: unknown): void {
    this.frames.push(frame);
    const messages = (Array.isArray(frame) ? frame : [frame]) as Message[];
    for (const message of messages) this.#take(message);
  }

  #take(message: Message): void {
    this.received.push(message);
    const id = message['id'];
    const answer = typeof id === 'number' ? this.#answers.get(id) : undefined;
    if (answer !== undefined) {
      this.#answers.delete(id as number);
      answer(message);
      return;
    }
    const index = this.#waiters.findIndex(({ wants }) => wants(message));
    const [waiter] = index < 0 ? [] : this.#waiters.splice(index, 1);
    if (waiter === undefined) this.#events.push(message);
    else waiter.resolve(message);
  }
}

function unwrap(answer: Message): Message {
  if (answer.type === 'error') throw new ErrorMessage(answer);
  return answer;
}

/**
 * Opens a WebSocket at `url` (`ws://…/ws`) and says `connect`.
 * @throws UpgradeRefused when the server answers with HTTP, ErrorMessage when `connect` is refused
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<TestClient> {
  const client = await open(url, options);
  if (options.connect === false) return client;
  client.connected = await client.request({ type: 'connect', ...options.connect });
  return client;
}

async function open(url: string, options: ConnectOptions): Promise<TestClient> {
  const socket = new WebSocket(url, [...(options.protocols ?? [])], options.socket);
  const refused = new Promise<never>((_resolve, reject) => {
    socket.on('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        reject(new UpgradeRefused(response, Buffer.concat(chunks).toString()));
        request.destroy();
      });
    });
  });
  const client = new TestClient(socket);
  await Promise.race([once(socket, 'open'), refused]);
  return client;
}
