/** A reader of Server-Sent Events: one `GET /watch/…`, taken apart into its messages. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';
import type { ProblemBody } from './refusal.ts';
import { openHttp } from './http.ts';
import type { HttpRequest } from './http.ts';

export interface StreamMessage {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class EventStreamReader {
  readonly response: IncomingMessage;
  /** Every message so far. */
  readonly messages: StreamMessage[] = [];
  /** Milliseconds that the server wants a client to wait before it comes again. */
  retryMs: number | undefined;
  #ended = false;
  #rest = '';
  #wake: (() => void)[] = [];

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    // A stream that is cut off ends with an error, which tells a reader nothing more.
    response.on('error', () => undefined);
    response.on('close', () => {
      this.#ended = true;
      this.#wakeAll();
    });
  }

  /** True once no more can come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves with what `find` finds in the messages so far; undefined when the stream has ended without. */
  async until<T>(find: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = find();
      if (found !== undefined || this.#ended) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Resolves with all messages when the server has ended the stream. */
  async end(): Promise<readonly StreamMessage[]> {
    await this.until(() => undefined);
    return this.messages;
  }

  close(): void {
    this.response.destroy();
  }

  #take(text: string): void {
    const frames = (this.#rest + text).split('\n\n');
    this.#rest = frames.pop() ?? '';
    for (const frame of frames) this.#takeFrame(frame);
    this.#wakeAll();
  }

  #takeFrame(frame: string): void {
    const fields = new Map(
      frame.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
    );
    const retry = fields.get('retry');
    if (retry !== undefined) this.retryMs = Number(retry);
    const data = fields.get('data');
    if (data === undefined) return;
    this.messages.push({
      id: fields.get('id'),
      event: fields.get('event') ?? 'message',
      data: JSON.parse(data) as StreamMessage['data'],
    });
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** @throws Refusal when the answer is no event stream */
export async function openEventStream(url: string, asked: HttpRequest): Promise<EventStreamReader> {
  const response = await openHttp(url, asked).response;
  if (response.statusCode === 200) return new EventStreamReader(response);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') throw new Error(`status ${String(response.statusCode)} instead of a stream`);
  throw new Refusal(JSON.parse(text) as ProblemBody, Number(response.headers['zk-zxid']));
}
