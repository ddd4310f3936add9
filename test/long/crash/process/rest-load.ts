/** A client that sends one HTTP request after another, some with a session, some of them again under a key. */
import { httpClient } from '../../../support/http-client.ts';
import type { Http, HttpAnswer, HttpRequestOptions } from '../../../support/http-client.ts';
import { fail, same } from '../fail.ts';
import { LoadClient } from './client.ts';

/** What was sent, and has no answer. */
interface Unfinished {
  readonly path: string;
  readonly options: HttpRequestOptions;
  readonly text: string;
}

const sessionTimeoutMs = 300_000;
const json = { 'Content-Type': 'application/json' };

export class RestLoad extends LoadClient {
  /** Ephemerals of sessions that nobody keeps alive, by path. */
  readonly doomed = new Map<string, number>();
  #http: Http = () => fail('not connected');
  #token: string | undefined;
  #unfinished: Unfinished | undefined;

  override async connect(url: string): Promise<void> {
    this.#http = httpClient(url);
    this.#token ??= await this.#newSession(sessionTimeoutMs);
    const alive = await this.#http('GET', '/whoami', { headers: this.#session() });
    same(alive.status, 200, `the session of ${this.name}`);
    await this.#finish();
  }

  override async load(): Promise<void> {
    for (;;) {
      try {
        await this.#sendSomething();
        if (this.common.isStopping) return;
      } catch (error) {
        // The node is gone, in the middle of a request or before it.
        if (isConnectionError(error)) return;
        throw error;
      }
    }
  }

  async #sendSomething(): Promise<void> {
    const choice = this.random();
    if (choice < 0.35) await this.#put();
    else if (choice < 0.5) await this.#ephemeral();
    else if (choice < 0.6) await this.#remove();
    else if (choice < 0.75) await this.#read();
    else if (choice < 0.9) await this.#count();
    else await this.#doomedSession();
  }

  async #put(): Promise<void> {
    const path = `/c/${this.name}-r${this.below(5)}`;
    const text = this.nextText();
    const headers = this.random() < 0.5 ? { 'Idempotency-Key': `key-${text}` } : {};
    const options = { body: text, headers };
    if (this.random() < 0.5) this.#unfinished = { path, options, text };
    await this.#write('PUT', path, options, text);
    this.#unfinished = undefined;
  }

  async #ephemeral(): Promise<void> {
    const path = `/c/${this.name}-e${this.below(4)}`;
    const text = this.nextText();
    if (this.registers.latest(path) !== undefined) {
      await this.#write('DELETE', path, { headers: this.#session() }, undefined);
      return;
    }
    const body = { data: text, ephemeral: true };
    await this.#write('POST', path, { headers: { ...json, ...this.#session() }, body }, text);
  }

  async #remove(): Promise<void> {
    const path = `/c/${this.name}-r${this.below(5)}`;
    if (this.registers.latest(path) === undefined) return;
    await this.#write('DELETE', path, {}, undefined);
  }

  async #write(
    method: string,
    path: string,
    options: HttpRequestOptions,
    value: string | undefined,
  ): Promise<void> {
    const { history } = this.common;
    const order = this.registers.begin([path], value);
    const invokedMs = history.now();
    const answer = await this.#http(method, `/znodes${path}`, options);
    if (this.#isRefusedAtTheEnd(answer)) {
      this.registers.refused([path], order);
      return;
    }
    if (answer.status >= 300) fail(`${method} ${path}: ${answer.status} ${answer.text}`);
    history.wrote({ zxid: zxidOf(answer), what: `${method} ${path}`, invokedMs });
    this.registers.applied([path], order);
  }

  /** A write under a key is sent again: the first answer if it has been done, else it is done now. */
  async #finish(): Promise<void> {
    const unfinished = this.#unfinished;
    this.#unfinished = undefined;
    if (unfinished === undefined || !('Idempotency-Key' in (unfinished.options.headers ?? {})))
      return;
    const { path, options, text } = unfinished;
    const wasDone = this.registers.latest(path) === text;
    const order = this.registers.begin([path], text);
    const answer = await this.#http('PUT', `/znodes${path}`, options);
    const { stat, zxid } = answer.json() as { stat: { mzxid: number }; zxid: number };
    same(zxid, stat.mzxid, `the zxid of a retry of ${path}`);
    if (wasDone) {
      const now = await this.#http('GET', `/stat${path}`);
      same((now.json()['stat'] as { mzxid: number }).mzxid, zxid, `the zxid of ${path}`);
    }
    this.common.history.wroteEarlier(zxid);
    this.registers.applied([path], order);
  }

  async #read(): Promise<void> {
    const path = `/c/${this.name}-r${this.below(5)}`;
    const { history } = this.common;
    const seen = history.seen;
    const answer = await this.#http('GET', `/znodes${path}`);
    if (this.#isRefusedAtTheEnd(answer)) return;
    const text = answer.status === 404 ? undefined : answer.text;
    same(text, this.registers.latest(path), `${this.name} reads ${path}`);
    history.answered(zxidOf(answer), seen);
  }

  async #count(): Promise<void> {
    const { counter, history } = this.common;
    const read = await this.#http('GET', '/znodes/counter');
    if (this.#isRefusedAtTheEnd(read)) return;
    const version = Number(read.headers['zk-version']);
    const text = this.nextText();
    counter.begin(version + 1, text);
    const invokedMs = history.now();
    const headers = { 'If-Match': String(version) };
    const answer = await this.#http('PUT', '/znodes/counter', { headers, body: text });
    if (answer.status === 412 || this.#isRefusedAtTheEnd(answer)) {
      counter.refused(text);
      return;
    }
    same(answer.status, 200, `count by ${this.name}`);
    const { stat } = answer.json() as { stat: { version: number } };
    counter.applied(stat.version, text);
    history.wrote({ zxid: zxidOf(answer), what: `count by ${this.name}`, invokedMs });
  }

  /** Nobody keeps this one alive: it must end by itself, with its ephemeral. */
  async #doomedSession(): Promise<void> {
    if (this.doomed.size >= 20) return;
    if (this.common.isStopping) return;
    const token = await this.#newSession(2000);
    const path = `/c/${this.nextText()}-doomed`;
    const headers = { ...json, 'Zk-Session': token };
    this.doomed.set(path, Infinity);
    const answer = await this.#http('POST', `/znodes${path}`, {
      headers,
      body: { ephemeral: true },
    });
    if (this.#isRefusedAtTheEnd(answer)) return;
    same(answer.status, 201, `creation of ${path}`);
    this.doomed.set(path, this.common.history.now());
  }

  async #newSession(timeoutMs: number): Promise<string> {
    const answer = await this.#http('POST', '/sessions', { headers: json, body: { timeoutMs } });
    if (!this.#isRefusedAtTheEnd(answer)) same(answer.status, 201, 'a new session');
    return String(answer.json()['token']);
  }

  /** By a node that has been told to stop. */
  #isRefusedAtTheEnd({ status, text }: HttpAnswer): boolean {
    if (status !== 503 || !this.common.isStopping) return false;
    same((JSON.parse(text) as { outcome: string }).outcome, 'not-applied', 'a refusal at the end');
    return true;
  }

  #session(): { 'Zk-Session': string } {
    return { 'Zk-Session': this.#token ?? '' };
  }
}

function zxidOf({ headers }: HttpAnswer): number {
  return Number(headers['zk-zxid']);
}

const connectionErrors = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ECONNABORTED'];

function isConnectionError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && connectionErrors.includes(code);
}
