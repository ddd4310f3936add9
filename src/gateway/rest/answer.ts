/** One HTTP answer as data, and the one place that writes it. */
import type { ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  /** Name, value, name, value …: written as they are, in one go. */
  readonly headers: readonly string[];
  /** Absent = no body, `Content-Length: 0` where the status allows it. */
  readonly body?: string | Uint8Array | undefined;
  /** Of a HEAD: the length that the body of the GET would have. */
  readonly bodyLength?: number;
}

/** On every answer: znodes may hold HTML, and no cache knows their ACLs. */
const securityHeaders = ['X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store'] as const;

/** Marks a response whose caller is a page of another, allowed origin (`fallback.ts` sets it). */
export const corsHeader = 'Access-Control-Allow-Origin';

export function sendAnswer(response: ServerResponse, answer: Answer): void {
  const { status, body } = answer;
  const headers = [...answer.headers, ...securityHeaders];
  if (status !== 204 && status !== 304) {
    headers.push('Content-Length', String(answer.bodyLength ?? lengthOf(body)));
  }
  if (response.hasHeader(corsHeader)) varyByOrigin(headers);
  response.writeHead(status, headers);
  response.end(body);
}

function lengthOf(body: string | Uint8Array | undefined): number {
  if (body === undefined) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}

/** What is written replaces what the response already had, so its `Vary` must name both. */
function varyByOrigin(headers: string[]): void {
  const index = headers.indexOf('Vary');
  if (index >= 0) headers[index + 1] = `${headers[index + 1] ?? ''}, Origin`;
}
