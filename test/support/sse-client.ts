/** An event stream as a browser reads it, message by message. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { responseTo, send } from './http-client.ts';
import type { HttpRequestOptions } from './http-client.ts';

export interface SseMessage {
  readonly id?: string;
  readonly event?: string;
  readonly data: Record<string, unknown>;
}

export class SseClient {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #messages: AsyncGenerator<SseMessage, undefined>;
  /** Of `retry:`, milliseconds. */
  retryMs: number | undefined;

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.response = response;
    this.#messages = this.#read();
  }

  /** Resolves when the head has come, whatever its status. */
  static async open(
    url: string,
    path: string,
    options: HttpRequestOptions = {},
  ): Promise<SseClient> {
    const request = send(url, 'GET', path, options);
    const response = await responseTo(request);
    // A stream that is closed under way is no error of the test.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    return new SseClient(request, response);
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  /** The next message that is no bookmark; undefined at the end. */
  async next(): Promise<SseMessage | undefined> {
    for (;;) {
      const message = await this.nextOfAny();
      if (message?.event !== 'bookmark') return message;
    }
  }

  async nextOfAny(): Promise<SseMessage | undefined> {
    const result: IteratorResult<SseMessage, undefined> = await this.#messages.next();
    return result.value;
  }

  /** Everything up to the end, without bookmarks. */
  async rest(): Promise<SseMessage[]> {
    const messages: SseMessage[] = [];
    for (;;) {
      const message = await this.next();
      if (message === undefined) return messages;
      messages.push(message);
    }
  }

  close(): void {
    this.#request.destroy();
  }

  async *#read(): AsyncGenerator<SseMessage, undefined> {
    let text = '';
    for await (const chunk of this.response) {
      text += (chunk as Buffer).toString('utf8');
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const message = this.#parse(block);
        if (message !== undefined) yield message;
      }
    }
    return undefined;
  }

  #parse(block: string): SseMessage | undefined {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ');
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const retry = fields.get('retry');
    if (retry !== undefined) this.retryMs = Number(retry);
    const data = fields.get('data');
    if (data === undefined) return undefined;
    const [id, event] = [fields.get('id'), fields.get('event')];
    return {
      ...(id !== undefined && { id }),
      ...(event !== undefined && { event }),
      data: JSON.parse(data) as Record<string, unknown>,
    };
  }
}
