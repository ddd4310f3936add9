/** Plain HTTP without a client's help: paths are sent as they are written, every status is an answer. */
import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';
import type { ProblemBody } from './refusal.ts';

export interface HttpRequest {
  readonly method?: string;
  /** The target as it stands in the request line, with its leading slash. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends the request and gives the answer before its body. */
export function openHttp(
  url: string,
  asked: HttpRequest,
): { readonly request: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const { hostname, port } = new URL(url);
  const { method = 'GET', target, headers = {}, body } = asked;
  const request = httpRequest({ agent, hostname, port, method, path: target, headers });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  request.end(body);
  return { request, response };
}

export async function sendHttp(url: string, asked: HttpRequest): Promise<HttpAnswer> {
  const response = await openHttp(url, asked).response;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  };
}

export function jsonOf(answer: HttpAnswer): unknown {
  return JSON.parse(answer.body.toString('utf8'));
}

export function zxidOf({ headers }: HttpAnswer): number {
  return Number(headers['zk-zxid']);
}

export function refusalFrom(answer: HttpAnswer): Refusal {
  return new Refusal(jsonOf(answer) as ProblemBody, zxidOf(answer));
}

/** A znode path as part of a target. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

export function basic(credential: string): string {
  return `Basic ${Buffer.from(credential).toString('base64')}`;
}
