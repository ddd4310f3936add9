/** One HTTP answer as data, and the one place that writes it. */
import type { ServerResponse } from 'node:http';
import { connectionOf } from '../connections/index.ts';

export interface Answer {
  readonly status: number;
  /** Name, value, name, value …: written in one go; the list belongs to the answer. */
  readonly headers: string[];
  /** Absent = no body, `Content-Length: 0` where the status allows it. */
  readonly body?: string | Uint8Array | undefined;
  /** Of a HEAD: the length that the body of the GET would have. */
  readonly bodyLength?: number;
}

/** Marks a response whose caller is a page of another, allowed origin (`fallback.ts` sets it). */
export const corsHeader = 'Access-Control-Allow-Origin';

export function sendAnswer(response: ServerResponse, answer: Answer): void {
  const { status, headers, body } = answer;
  // Znodes may hold HTML, and no cache knows their ACLs.
  headers.push('X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store');
  if (status !== 204 && status !== 304) {
    headers.push('Content-Length', String(answer.bodyLength ?? lengthOf(body)));
  }
  if (response.hasHeader(corsHeader)) varyByOrigin(headers);
  response.writeHead(status, headers);
  if (body instanceof Uint8Array && body.length <= joinedBytesMax) {
    const { buffer, byteOffset, length } = body;
    response.end(Buffer.from(buffer, byteOffset, length).toString('latin1'), 'latin1');
  } else {
    response.end(body);
  }
  if (response.writableLength > 0) connectionOf(response.socket)?.answered();
}

/** Up to this size bytes are joined to the headers, so that Node writes them as one piece. */
const joinedBytesMax = 4096;

function lengthOf(body: string | Uint8Array | undefined): number {
  if (body === undefined) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}

/** What is written replaces what the response already had, so its `Vary` must name both. */
function varyByOrigin(headers: string[]): void {
  const index = headers.indexOf('Vary');
  if (index >= 0) headers[index + 1] = `${headers[index + 1] ?? ''}, Origin`;
}
