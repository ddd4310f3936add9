/** A client that sends one HTTP request after another, each to any node, and may send one again under its key. */
import { httpClient } from '../http-client.ts';
import type { HttpAnswer, HttpRequestOptions } from '../http-client.ts';
import type { SessionFact } from '../history/facts.ts';
import { isWrite } from '../history/operation.ts';
import type { Operation, Request } from '../history/operation.ts';
import { pause } from '../waiting.ts';
import { outcomeOf, resultOf } from './answers.ts';
import type { WireBody, WireProblem } from './answers.ts';
import { Client } from './client.ts';
import type { Place } from './client.ts';
import { memberOf } from './stream-client.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly options: HttpRequestOptions;
}

interface RestSession {
  readonly fact: SessionFact;
  readonly token: string;
}

export interface AskOptions {
  readonly session?: RestSession;
  /** Asks again, under an idempotency key, while the outcome is unknown. */
  readonly insist?: boolean;
}

const patienceMs = 7000;
const attemptsMax = 5;

export class RestClient extends Client {
  #arrivals = 0;

  /** @returns undefined when nobody could be asked */
  async ask(request: Request, options: AskOptions = {}): Promise<Operation | undefined> {
    const place = this.place();
    if (place === undefined) return undefined;
    const { session, insist } = options;
    const operation = this.context.recorder.begin({
      ...{ client: this.name, node: place.id, request, minZxid: this.known },
      ...(session !== undefined && { session: session.fact.id }),
    });
    const call = this.#call(request, options);
    await this.#attempt(operation, place, call);
    for (let attempt = 1; insist === true && attempt < attemptsMax; attempt += 1) {
      if (!isWrite(request) || operation.answer?.outcome === 'ok') break;
      if (operation.answer !== undefined && operation.answer.outcome !== 'unknown') break;
      await pause(20 * attempt);
      const next = this.place(place.id);
      if (next !== undefined) await this.#again(operation, next, call);
    }
    return operation;
  }

  async newSession(timeoutMs: number): Promise<RestSession | undefined> {
    const options = { body: { timeoutMs } };
    const answer = await this.#send(this.place(), { method: 'POST', path: '/sessions', options });
    if (answer?.status !== 201) return undefined;
    const { id, token } = answer.json() as { id: number; token: string };
    this.learn(Number(answer.headers['zk-zxid']));
    return { fact: this.context.recorder.session(id, this.name), token };
  }

  /** @returns false when the session is no more */
  async heartbeat({ fact, token }: RestSession): Promise<boolean> {
    const { recorder } = this.context;
    const invokedMs = recorder.now();
    const path = `/sessions/${fact.id}/heartbeat`;
    const options = { headers: { 'Zk-Session': token } };
    const answer = await this.#send(this.place(), { method: 'POST', path, options });
    if (answer === undefined) return true;
    promise(fact, answer, invokedMs);
    if (answer.status !== 410) return true;
    fact.toldGone ??= { zxid: Number(answer.headers['zk-zxid']), atMs: recorder.now() };
    return false;
  }

  async endSession({ fact, token }: RestSession): Promise<void> {
    fact.closed = 'uncertain';
    const path = `/sessions/${fact.id}`;
    const options = { headers: { 'Zk-Session': token } };
    const answer = await this.#send(this.place(), { method: 'DELETE', path, options });
    if (answer?.status === 204) fact.closed = Number(answer.headers['zk-zxid']);
  }

  async #attempt(operation: Operation, place: Place, call: Call): Promise<void> {
    try {
      const answer = await this.#sent(place, call);
      this.#arrivals += 1;
      this.#record(operation, answer);
    } catch (error) {
      // Nobody has heard of a request whose connection was refused.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return;
      const arrival = (this.#arrivals += 1);
      this.context.recorder.answer(operation, { arrival, outcome: 'not-applied' });
    }
  }

  /** A retry under the same key: only its success says what has become of the write. */
  async #again(operation: Operation, place: Place, call: Call): Promise<void> {
    const answer = await this.#send(place, call);
    if (answer === undefined || answer.status >= 300) return;
    this.#record(operation, answer);
  }

  #record(operation: Operation, answer: HttpAnswer): void {
    const { recorder } = this.context;
    const zxid = Number(answer.headers['zk-zxid']);
    const problem = answer.status >= 400 ? (answer.problem() as WireProblem) : undefined;
    const outcome = problem === undefined ? 'ok' : outcomeOf(problem);
    const body = answer.text.startsWith('{') ? (answer.json() as WireBody) : {};
    recorder.answer(operation, {
      ...{ arrival: this.#arrivals, outcome },
      ...(Number.isFinite(zxid) && { zxid }),
      ...(problem === undefined ? { result: resultOf(body) } : { code: problem.code }),
    });
    if (outcome === 'ok' || outcome === 'refused') this.learn(zxid);
    const fact = recorder.sessions.find(({ id }) => id === operation.session);
    if (fact !== undefined) {
      promise(fact, answer, operation.invokedMs);
      if (answer.status === 410) fact.toldGone ??= { zxid, atMs: recorder.now() };
    }
  }

  async #send(place: Place | undefined, call: Call): Promise<HttpAnswer | undefined> {
    if (place === undefined) return undefined;
    try {
      return await this.#sent(place, call);
    } catch {
      // Without an answer nobody knows, which is what undefined says.
      return undefined;
    }
  }

  #sent({ url }: Place, { method, path, options }: Call): Promise<HttpAnswer> {
    const signal = AbortSignal.timeout(patienceMs);
    return httpClient(url)(method, path, { ...options, signal });
  }

  #call(request: Request, { session, insist }: AskOptions): Call {
    const headers = {
      ...(this.known > 0 && { 'Zk-Min-Zxid': String(this.known) }),
      ...(session !== undefined && { 'Zk-Session': session.token }),
      // A read needs no key, and is refused with one.
      ...(insist === true &&
        isWrite(request) && { 'Idempotency-Key': `${this.context.run}-${this.text()}` }),
    };
    return callOf(request, headers);
  }
}

function promise(fact: SessionFact, { headers }: HttpAnswer, invokedMs: number): void {
  const ms = Number(headers['zk-session-expires-in']);
  if (Number.isFinite(ms)) fact.aliveUntilMs = Math.max(fact.aliveUntilMs, invokedMs + ms);
}

type Read = Extract<Request, { readonly type: 'get' | 'children' }>;

function isRead(request: Request): request is Read {
  return request.type === 'get' || request.type === 'children';
}

function callOf(request: Request, headers: Readonly<Record<string, string>>): Call {
  if (request.type === 'sync') return { method: 'POST', path: '/sync', options: { headers } };
  if (request.type === 'multi') {
    const body = { operations: request.members.map(memberOf) };
    return { method: 'POST', path: '/multi', options: { headers, body } };
  }
  if (isRead(request)) {
    const place = request.type === 'get' ? 'znodes' : 'children';
    const consistency = request.linearizable ? 'linearizable' : 'local';
    const path = `/${place}${request.path}?consistency=${consistency}`;
    const accept = { ...headers, Accept: 'application/json' };
    return { method: 'GET', path, options: { headers: accept } };
  }
  const path = `/znodes${request.path}`;
  if (request.type === 'create') {
    const { data, ephemeral, sequential } = request;
    return { method: 'POST', path, options: { headers, body: { data, ephemeral, sequential } } };
  }
  if (request.type === 'put') {
    return { method: 'PUT', path, options: { headers, body: request.data } };
  }
  const match = request.version === undefined ? '*' : String(request.version);
  if (request.type === 'set') {
    const conditional = { ...headers, 'If-Match': match };
    return { method: 'PUT', path, options: { headers: conditional, body: request.data } };
  }
  const options = {
    headers: { ...headers, ...(request.version !== undefined && { 'If-Match': match }) },
  };
  return { method: 'DELETE', path, options };
}
