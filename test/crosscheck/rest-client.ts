/** Plain HTTP requests whose paths go out exactly as they are given, and event streams. */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Json } from './zoogate-answers.ts';

export interface RestRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** With its query; already encoded. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface SentEvent {
  readonly type: string;
  readonly path: string;
  readonly zxid: number;
}

export interface EventStream {
  end(): void;
}

/** A znode path as it stands in a URL, behind its route: "/" stays as it is. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

export class RestClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(port: number) {
    this.#port = port;
  }

  async send({ method, path, headers = {}, body }: RestRequest): Promise<RestAnswer> {
    const asked = request({
      agent: this.#agent,
      host: '127.0.0.1',
      port: this.#port,
      method,
      path,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) },
    });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks),
    };
  }

  /**
   * Opens an event stream; done when the server has answered, that is, has set the watch.
   * @returns undefined where the server refused
   */
  async watch(
    path: string,
    headers: OutgoingHttpHeaders,
    onEvent: (event: SentEvent) => void,
  ): Promise<EventStream | undefined> {
    const asked = request({
      agent: false,
      host: '127.0.0.1',
      port: this.#port,
      path,
      headers: { ...headers, accept: 'text/event-stream' },
    });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    // A stream that we end ourselves breaks; that is no error.
    asked.on('error', () => undefined);
    response.on('error', () => undefined);
    if (response.statusCode !== 200) {
      response.resume();
      return undefined;
    }
    readEvents(response, onEvent);
    return { end: () => void asked.destroy() };
  }
}

/** The blocks of `text/event-stream`; bookmarks are not events of the tree. */
function readEvents(stream: IncomingMessage, onEvent: (event: SentEvent) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const type = field('event');
      if (type?.startsWith('Node') !== true) continue;
      const data = JSON.parse(field('data') ?? '{}') as Json;
      onEvent({ type, path: String(data['path']), zxid: Number(data['zxid']) });
    }
  });
}
