/** Holds the answers to spoilt requests against the document. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect } from 'vitest';
import { errorTable } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { httpClient } from '../support/http-client.ts';
import { anyRequest, bytesOf, garbled } from './http-requests.ts';
import type { RawRequest } from './http-requests.ts';
import { exchange, parseAnswers } from './raw-http.ts';
import type { RawAnswer } from './raw-http.ts';

type Json = Record<string, unknown>;
type Responses = Readonly<Record<string, unknown>>;
type Routes = Readonly<Record<string, Readonly<Record<string, { readonly responses: Responses }>>>>;

/** What Node's parser or the common part of all routes may say to any request. */
const everywhere = new Set([400, 401, 403, 404, 405, 408, 413, 415, 417, 426, 431]);

export class HttpContract {
  readonly #port: number;
  readonly #routes: Routes;
  readonly #isProblem: (value: unknown) => boolean;
  readonly #tokens: readonly string[];
  /** How often each status was answered. */
  readonly statuses = new Map<number, number>();

  private constructor(port: number, document: Json, tokens: readonly string[]) {
    this.#port = port;
    this.#tokens = tokens;
    this.#routes = document['paths'] as Routes;
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: 'document', ...document });
    const reference = { $ref: 'document#/components/schemas/Problem' };
    this.#isProblem = (value) => ajv.validate(reference, value);
  }

  static async of(url: string): Promise<HttpContract> {
    const http = httpClient(url);
    const document = (await http('GET', '/openapi.json')).json();
    const tokens: string[] = [];
    for (let session = 0; session < 5; session += 1) {
      tokens.push(String((await http('POST', '/sessions')).json()['token']));
    }
    return new HttpContract(Number(new URL(url).port), document, tokens);
  }

  /** Requests with a fault or two, each of which can be read as a request, and is answered once. */
  async checkRequests(options: {
    readonly numRuns: number;
    readonly seed?: number;
  }): Promise<void> {
    const property = fc.asyncProperty(anyRequest(this.#tokens), async (request) => {
      const bytes = await exchange(this.#port, bytesOf(request, this.#port));
      const answers = parseAnswers(bytes, [request.method]);
      if (answers.length === 0) expect(mayBeUnanswered(request)).toBe(true);
      for (const [index, answer] of answers.entries()) {
        this.#check(answer, index === 0 ? request : undefined);
      }
    });
    await fc.assert(property, { ...options, endOnFailure: true });
  }

  /** Bytes that may be anything: whatever is answered is whole, and in the one form. */
  async checkBytes(options: { readonly numRuns: number; readonly seed?: number }): Promise<void> {
    const bytes = anyRequest(this.#tokens).chain((request) =>
      garbled(bytesOf(request, this.#port)).map((garbage) => ({ request, garbage })),
    );
    const property = fc.asyncProperty(bytes, async ({ request, garbage }) => {
      const answered = await exchange(this.#port, garbage, true);
      for (const answer of parseAnswers(answered, [request.method])) this.#check(answer);
    });
    await fc.assert(property, { ...options, endOnFailure: true });
  }

  /** @param request where it is certain that this is what was answered */
  #check(answer: RawAnswer, request?: RawRequest): void {
    const { status, body } = answer;
    const about = `${status} ${body.slice(0, 300)}`;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    expect(status, about).not.toBe(500);
    if (request !== undefined) this.#checkStatus(answer, request, about);
    if (status < 400 || request?.method === 'HEAD' || body === '') return;
    expect(answer.headers['content-type'], about).toBe('application/problem+json');
    const problem = JSON.parse(body) as Json;
    expect(this.#isProblem(problem), about).toBe(true);
    expect(problem['status'], about).toBe(status);
    expect(problem['zkCode'], about).toBe(errorTable[problem['code'] as ErrorCode].zkCode);
  }

  #checkStatus(
    { status, headers }: RawAnswer,
    { method, target }: RawRequest,
    about: string,
  ): void {
    if (everywhere.has(status)) {
      if (status === 405) expect(headers['allow'], about).toMatch(/^[A-Z, ]+$/);
      return;
    }
    if (method === 'OPTIONS') {
      expect(status, about).toBe(204);
      expect(headers['allow'], about).toMatch(/^[A-Z, ]+$/);
      return;
    }
    const declared = this.#responses(method, target);
    expect(
      declared === undefined || String(status) in declared,
      `${method} ${target}: ${about}`,
    ).toBe(true);
  }

  /** What the document says of the route; undefined when it has no such route. */
  #responses(method: string, target: string): Responses | undefined {
    const [path = ''] = target.replace(/^http:\/\/[^/]*/, '').split(/[?#]/, 1);
    const [, first = '', ...more] = path.split('/');
    const template =
      first === 'sessions'
        ? ['', first, ...more.slice(0, 2).map((name, at) => (at === 0 ? '{id}' : name))].join('/')
        : [`/${first}/{path}`, `/${first}`].find((one) => one in this.#routes);
    return this.#routes[template ?? '']?.[method.toLowerCase()]?.responses;
  }
}

/** A request whose framing promises bytes that never come is waited for. */
function mayBeUnanswered({ headers }: RawRequest): boolean {
  const framing = ['content-length', 'transfer-encoding', 'expect', 'upgrade'];
  return headers.some(([name]) => framing.includes(name.toLowerCase()));
}
