/** One HTTP request, sent exactly as it is written: no path is normalised, no header added. */
import { request } from 'node:http';
import type {
  ClientRequest,
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
} from 'node:http';
import type { Problem } from '../../src/gateway/common/problems.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json(): Record<string, unknown>;
  /** The body as a problem; throws when it is none. */
  problem(): Problem;
}

export interface HttpRequestOptions {
  readonly headers?: OutgoingHttpHeaders;
  /** A plain object or array is sent as JSON, with its content type. */
  readonly body?: string | Uint8Array | object;
  readonly signal?: AbortSignal;
}

export type Http = (
  method: string,
  path: string,
  options?: HttpRequestOptions,
) => Promise<HttpAnswer>;

/** @param url of the node, without a slash at the end */
export function httpClient(url: string): Http {
  return async (method, path, options = {}) => {
    const response = await responseTo(send(url, method, path, options));
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return answerOf(response, Buffer.concat(chunks));
  };
}

/** Sends the request and leaves reading its answer to the caller. */
export function send(
  url: string,
  method: string,
  path: string,
  options: HttpRequestOptions = {},
): ClientRequest {
  const { hostname, port } = new URL(url);
  const { body, headers = {}, signal } = options;
  const isBytes = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const payload = isBytes ? body : JSON.stringify(body);
  const outgoing = request({
    ...{ host: hostname, port, method, path, agent: false },
    headers: { ...(!isBytes && { 'Content-Type': 'application/json' }), ...headers },
    ...(signal !== undefined && { signal }),
  });
  outgoing.end(payload);
  return outgoing;
}

export function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
}

function answerOf(response: IncomingMessage, bytes: Buffer): HttpAnswer {
  const status = response.statusCode ?? 0;
  const text = bytes.toString('utf8');
  return {
    ...{ status, headers: response.headers, bytes, text },
    json: () => JSON.parse(text) as Record<string, unknown>,
    problem: () => {
      if (response.headers['content-type'] !== 'application/problem+json') {
        throw new Error(`no problem but ${status} ${text.slice(0, 200)}`);
      }
      return JSON.parse(text) as Problem;
    },
  };
}
