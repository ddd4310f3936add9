/** The least client of Zoogate's WebSocket: requests, answers and events, in the order of the stream. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Json } from './zoogate-answers.ts';

export interface StreamEvents {
  readonly zxid: number;
  readonly events: readonly { readonly type: string; readonly path: string }[];
}

export type Answer =
  | { readonly ok: true; readonly json: Json }
  | { readonly ok: false; readonly problem: Json; readonly zxid: number };

/** What the stream said that was neither an answer nor an event; a cross-check must not meet any. */
const expectedTypes = new Set(['bookmark', 'session', 'goaway']);

export class WebSocketClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #onEvents: (events: StreamEvents) => void;
  #nextId = 1;
  #zxid = 0;
  #closeCode: number | undefined;

  private constructor(socket: WebSocket, onEvents: (events: StreamEvents) => void) {
    this.#socket = socket;
    this.#onEvents = onEvents;
    socket.on('message', (data: Buffer) => this.#receive(data.toString()));
    // The close that follows tells every waiting request.
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.#lost(code));
  }

  static async open(
    port: number,
    onEvents: (events: StreamEvents) => void,
  ): Promise<WebSocketClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'zk.v1.json', {
      perMessageDeflate: false,
    });
    const client = new WebSocketClient(socket, onEvents);
    await once(socket, 'open');
    return client;
  }

  /** The zxid of the latest message. */
  get zxid(): number {
    return this.#zxid;
  }

  get closed(): boolean {
    return this.#closeCode !== undefined;
  }

  request(message: Json): Promise<Answer> {
    return new Promise((resolve) => {
      if (this.#closeCode !== undefined) {
        resolve(lost(this.#closeCode));
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ ...message, id }));
    });
  }

  /** Breaks the connection without a word. */
  async drop(): Promise<void> {
    if (this.#closeCode !== undefined) return;
    const closed = once(this.#socket, 'close');
    this.#socket.terminate();
    await closed;
  }

  #receive(text: string): void {
    const parsed = JSON.parse(text) as Json | readonly Json[];
    for (const message of Array.isArray(parsed) ? (parsed as readonly Json[]) : [parsed as Json]) {
      this.#dispatch(message);
    }
  }

  #dispatch(message: Json): void {
    const type = String(message['type']);
    const zxid = Number(message['zxid'] ?? 0);
    if (zxid > this.#zxid) this.#zxid = zxid;
    if (type === 'events') {
      this.#onEvents({ zxid, events: message['events'] as StreamEvents['events'] });
    } else if (type === 'error') {
      this.#answer(message, { ok: false, problem: message['problem'] as Json, zxid });
    } else if (type === 'result' || type === 'connected') {
      this.#answer(message, { ok: true, json: message });
    } else if (!expectedTypes.has(type)) {
      throw new Error(`the stream said ${JSON.stringify(message)}`);
    }
  }

  #answer(message: Json, answer: Answer): void {
    const id = Number(message['id']);
    const resolve = this.#waiting.get(id);
    if (resolve === undefined) throw new Error(`nobody asked for ${JSON.stringify(message)}`);
    this.#waiting.delete(id);
    resolve(answer);
  }

  #lost(code: number): void {
    this.#closeCode = code;
    for (const resolve of this.#waiting.values()) resolve(lost(code));
    this.#waiting.clear();
  }
}

function lost(code: number): Answer {
  return {
    ok: false,
    zxid: 0,
    problem: { code: 'CONNECTIONLOSS', zkCode: -4, detail: `closed with ${code}` },
  };
}
