/**
 * What no route answers: unknown routes, wrong methods, OPTIONS and preflights, requests that the
 * framework refuses, and text that is no HTTP at all. Each gets the same problem body.
 */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { CoordinationError } from '../../protocol/errors.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { requestHeaders, responseHeaders } from '../../protocol/rest/headers.ts';
import { problemOf, statusOf } from '../common/problems.ts';
import { suggestedRoute } from '../common/suggestions.ts';
import { corsHeader } from './answer.ts';
import type { Answer } from './answer.ts';

const exposedHeaders = [...Object.keys(responseHeaders), 'Retry-After'].join(', ');
const acceptedHeaders = [
  ...new Set(Object.entries(requestHeaders).map(([key, { name = key }]) => name)),
  ...['Accept', 'Authorization', 'Content-Type'],
].join(', ');
const preflightMaxAgeS = '600';

/** Of requests that are for the server as a whole. */
const methodsEverywhere: readonly string[] = ['DELETE', 'GET', 'HEAD', 'POST', 'PUT'];

/** Lets a page of an allowed origin read the answer; must come before anything is written. */
export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader(corsHeader, origin);
  response.setHeader('Vary', 'Origin');
  response.setHeader('Access-Control-Expose-Headers', exposedHeaders);
}

/** Remembers which methods each URL pattern takes, also those of plugins. */
export class MethodTable {
  readonly #methods = new Map<string, Set<string>>();
  #patterns: { readonly pattern: RegExp; readonly methods: ReadonlySet<string> }[] | undefined;

  add(url: string, methods: string | readonly string[]): void {
    const known = this.#methods.get(url) ?? new Set();
    for (const method of typeof methods === 'string' ? [methods] : methods) known.add(method);
    this.#methods.set(url, known);
    this.#patterns = undefined;
  }

  /** The methods of the URL's path, sorted; empty when no route has it. */
  allowed(url: string): readonly string[] {
    this.#patterns ??= [...this.#methods].map(([pattern, methods]) => ({
      pattern: urlPattern(pattern),
      methods,
    }));
    const [path = ''] = url.split('?', 1);
    const methods = new Set<string>();
    for (const { pattern, methods: known } of this.#patterns) {
      if (pattern.test(path)) known.forEach((method) => methods.add(method));
    }
    return [...methods].sort();
  }
}

/** A route's URL as a regular expression: `*` is anything, `:id` one name. */
function urlPattern(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/:[A-Za-z]+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}

/**
 * The answer where no route matches.
 * @throws CoordinationError NOTFOUND, or METHODNOTALLOWED after setting `Allow`
 */
export function fallbackAnswer(
  table: MethodTable,
  request: IncomingMessage,
  response: ServerResponse,
): Answer {
  const { method = 'GET', url = '/' } = request;
  const everywhere = method === 'OPTIONS' && url === '*';
  const methods = everywhere ? methodsEverywhere : table.allowed(url);
  // A plugin may have a route for the method and still find nothing there.
  if (methods.length === 0 || methods.includes(method)) {
    const [path = ''] = url.split('?', 1);
    throw noRoute(path, table);
  }
  const allow = [...methods, 'OPTIONS'].join(', ');
  if (method === 'OPTIONS') {
    return {
      status: 204,
      headers: ['Allow', allow, ...preflightHeaders(request, response, allow)],
    };
  }
  response.setHeader('Allow', allow);
  const detail = `${method} is not allowed here, allowed are ${allow}`;
  throw new CoordinationError('METHODNOTALLOWED', detail);
}

function noRoute(path: string, table: MethodTable): CoordinationError {
  const known = `no route ${JSON.stringify(path.slice(0, 200))}, /docs shows those there are`;
  const meant = suggestedRoute(path, (url) => table.allowed(url).length > 0);
  const hint = meant === undefined || meant.length > 200 ? '' : `; did you mean ${meant}?`;
  return new CoordinationError('NOTFOUND', known + hint);
}

function preflightHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  allow: string,
): readonly string[] {
  const asked = request.headers['access-control-request-method'];
  if (asked === undefined || !response.hasHeader(corsHeader)) return [];
  return [
    ...['Access-Control-Allow-Methods', allow, 'Access-Control-Allow-Headers', acceptedHeaders],
    ...['Access-Control-Max-Age', preflightMaxAgeS],
  ];
}

/**
 * An error of the framework as one of ours; anything else is returned as it is. What it has a status for
 * below 500 is the client's fault, also where ours has no code of its own (a path that leaves the folder of
 * the documentation, a range beyond its files).
 */
export function frameworkError(error: unknown): unknown {
  if (error instanceof CoordinationError || !isFrameworkError(error)) return error;
  const { statusCode, message } = error;
  if (statusCode < 400 || statusCode >= 500) return error;
  return new CoordinationError(frameworkCodes.get(statusCode) ?? 'BADARGUMENTS', message);
}

const frameworkCodes: ReadonlyMap<number, ErrorCode> = new Map([
  [403, 'NOTFOUND'],
  [404, 'NOTFOUND'],
  [413, 'TOOLARGE'],
  [415, 'UNSUPPORTEDMEDIATYPE'],
]);

function isFrameworkError(error: unknown): error is Error & { readonly statusCode: number } {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

interface Malformed {
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  /** Whole lines. */
  readonly headers?: readonly string[];
}

/** Answers what Node's parser could not read, on the bare socket, since there is no response yet. */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  answerOnSocket(malformed(error), socket);
}

/** Refuses a whole connection, before any request of it is read. */
export function answerRefused(error: CoordinationError, socket: Duplex): void {
  const { code, detail } = error.toBody();
  const status = statusOf({ code, detail });
  answerOnSocket({ status, code, detail, headers: ['Retry-After: 1'] }, socket);
}

function answerOnSocket({ status, code, detail, headers = [] }: Malformed, socket: Duplex): void {
  const body = JSON.stringify(problemOf({ code, detail }, { status }));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/problem+json',
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(code === 'METHODNOTALLOWED' ? [`Allow: ${methodsEverywhere.join(', ')}`] : []),
    ...headers,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const SLASH = 0x2f;

/** @throws CoordinationError MARSHALLINGERROR for what Node's parser lets pass and nobody may send */
export function checkRequestLine({ headers, url = '', httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new CoordinationError('MARSHALLINGERROR', 'a request needs a Host header');
  }
  // Repeated headers come joined by commas, which no host name holds.
  if (headers.host?.includes(',') === true) {
    throw new CoordinationError('MARSHALLINGERROR', 'a request has one Host header, not several');
  }
  if (url.charCodeAt(0) !== SLASH && url !== '*') {
    const detail = `the target ${JSON.stringify(url.slice(0, 200))} names another server than the Host header`;
    throw new CoordinationError('MARSHALLINGERROR', detail);
  }
  // The router would take it for the end of the path, and the request for one to another znode.
  if (url.includes('#')) {
    throw new CoordinationError('MARSHALLINGERROR', 'a URL holds no "#", write it as %23');
  }
}

function malformed(error: NodeJS.ErrnoException): Malformed {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return {
        status: 431,
        code: 'HEADERSTOOLARGE',
        detail:
          `the request line and headers exceed ${maxHeaderBytes} bytes, which no setting changes; ` +
          'shorten the path, the query or the headers',
      };
    case 'NO_TUNNEL':
      return {
        status: 405,
        code: 'METHODNOTALLOWED',
        detail: 'CONNECT is not allowed: this is no proxy',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        code: 'MARSHALLINGERROR',
        detail:
          `the request did not arrive within ${requestArrivalMs} ms, which no setting changes; ` +
          'send it without a pause',
      };
    default:
      return { status: 400, code: 'MARSHALLINGERROR', detail: 'this is no readable HTTP request' };
  }
}

/** How long a request may take to arrive, headers and body; it is answered 408 then. */
export const requestArrivalMs = 120_000;

/** A path of the longest kind, percent-encoded, and an ACL fit in. */
export const maxHeaderBytes = 64 * 1024;
