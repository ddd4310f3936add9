/** A client over REST: each call one request that stands alone, events by Server-Sent Events. */
import type {
  AclRead,
  Changed,
  Child,
  Children,
  ChildrenOptions,
  Client,
  ClientOptions,
  Condition,
  Created,
  CreateOptions,
  DeleteOptions,
  Member,
  MultiResult,
  Positioned,
  Put,
  Read,
  ReadMember,
  ReadOptions,
  SeenEvent,
  Session,
  Subtree,
  SubtreeOptions,
  Watcher,
  WatchMode,
  WatchOptions,
  Whoami,
  WireAclEntry,
  WriteOptions,
} from './client.ts';
import { openEventStream } from './event-stream.ts';
import type { EventStreamReader } from './event-stream.ts';
import { basic, encodePath, jsonOf, refusalFrom, sendHttp, zxidOf } from './http.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Call {
  readonly method?: string;
  /** Of the route, without the query. */
  readonly target: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly options?: ReadOptions & WriteOptions;
}

export class RestClient implements Client {
  readonly session?: Session;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #watchers = new Set<Watcher>();

  private constructor(url: string, options: ClientOptions, session?: Session) {
    const { credential } = options;
    this.#url = url;
    this.#headers = {
      ...(credential !== undefined && { authorization: basic(credential) }),
      ...(session !== undefined && { 'zk-session': session.token }),
    };
    if (session !== undefined) this.session = session;
  }

  static async open(url: string, options: ClientOptions = {}): Promise<RestClient> {
    const { session, timeoutMs } = options;
    const stranger = new RestClient(url, options);
    if (session === undefined) return stranger;
    if (session === 'new') {
      const json = timeoutMs === undefined ? {} : { timeoutMs };
      const answer = await stranger.call({ method: 'POST', target: '/sessions', json });
      const opened = jsonOf(answer) as Session;
      const { id, token } = opened;
      return new RestClient(url, options, { id, token, timeoutMs: opened.timeoutMs });
    }
    const id = Number(session.split(':', 1)[0]);
    const known = new RestClient(url, options, { id, token: session, timeoutMs: 0 });
    await known.whoami();
    const answer = await known.call({ target: `/sessions/${id}` });
    const told = jsonOf(answer) as Pick<Session, 'timeoutMs'>;
    return new RestClient(url, options, { id, token: session, timeoutMs: told.timeoutMs });
  }

  /** @throws Refusal for any status from 400 on */
  async call(call: Call): Promise<HttpAnswer> {
    const answer = await sendHttp(this.#url, this.#request(call));
    if (answer.status >= 400) throw refusalFrom(answer);
    return answer;
  }

  async create(path: string, options: CreateOptions = {}): Promise<Created> {
    const { idempotencyKey, acks, ...json } = options;
    const write = only({ idempotencyKey, acks });
    const target = `/znodes${encodePath(path)}`;
    return this.#answer({ method: 'POST', target, json, options: write });
  }

  async put(path: string, data: string, options: WriteOptions = {}): Promise<Put> {
    return this.#answer({
      method: 'PUT',
      target: `/znodes${encodePath(path)}`,
      body: data,
      options,
    });
  }

  async set(
    path: string,
    data: string,
    { version, ifMatch, ...options }: Condition & WriteOptions = {},
  ): Promise<Changed> {
    const condition = ifMatch === undefined ? version : `"${ifMatch}"`;
    return this.#answer({
      method: 'PUT',
      target: `/znodes${encodePath(path)}`,
      headers: { 'if-match': condition === undefined ? '*' : String(condition) },
      body: data,
      options,
    });
  }

  async delete(path: string, given: DeleteOptions = {}): Promise<Positioned> {
    const { version, ifMatch, recursive, ...options } = given;
    const answer = await this.call({
      method: 'DELETE',
      target: `/znodes${encodePath(path)}`,
      query: { recursive, version },
      headers: ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` },
      options,
    });
    return { zxid: zxidOf(answer) };
  }

  async get(path: string, options: ReadOptions = {}): Promise<Read> {
    return this.#answer({
      target: `/znodes${encodePath(path)}`,
      headers: { accept: 'application/json' },
      options,
    });
  }

  async exists(path: string, options: ReadOptions = {}): Promise<Changed> {
    return this.#answer({ target: `/stat${encodePath(path)}`, options });
  }

  async children(path: string, given: ChildrenOptions = {}): Promise<Children> {
    const { limit, after, ...options } = given;
    const target = `/children${encodePath(path)}`;
    return this.#answer({ target, query: { limit, after }, options });
  }

  async childrenWith(
    path: string,
    added: 'stat' | 'data',
    given: ChildrenOptions = {},
  ): Promise<Children<Child>> {
    const { limit, after, ...options } = given;
    const target = `/children${encodePath(path)}`;
    return this.#answer({ target, query: { limit, after, with: added }, options });
  }

  async tree(path: string, given: SubtreeOptions = {}): Promise<Subtree> {
    const { depth, limit, after, ...options } = given;
    const target = `/tree${encodePath(path)}`;
    return this.#answer({ target, query: { depth, limit, after }, options });
  }

  async count(path: string): Promise<{ path: string; descendants: number }> {
    return this.#answer({ target: `/tree${encodePath(path)}`, query: { count: true } });
  }

  async acl(path: string): Promise<AclRead> {
    return this.#answer({ target: `/acl${encodePath(path)}` });
  }

  async setAcl(
    path: string,
    acl: readonly WireAclEntry[],
    { version, ...options }: Pick<Condition, 'version'> & WriteOptions = {},
  ): Promise<Changed> {
    return this.#answer({
      method: 'PUT',
      target: `/acl${encodePath(path)}`,
      headers: version === undefined ? {} : { 'if-match': String(version) },
      json: acl,
      options,
    });
  }

  async multi(operations: readonly Member[], options: WriteOptions = {}): Promise<MultiResult> {
    return this.#answer({ method: 'POST', target: '/multi', json: { operations }, options });
  }

  async multiRead(operations: readonly ReadMember[]): Promise<MultiResult> {
    return this.#answer({ method: 'POST', target: '/multi-read', json: { operations } });
  }

  async sync(): Promise<Positioned> {
    return this.#answer({ method: 'POST', target: '/sync' });
  }

  async whoami(): Promise<Whoami> {
    return this.#answer({ target: '/whoami' });
  }

  async ephemerals(): Promise<readonly string[]> {
    const target = `/sessions/${this.session?.id ?? 0}/ephemerals`;
    const { paths } = await this.#answer<{ readonly paths: readonly string[] }>({ target });
    return paths;
  }

  async watch(path: string, mode: WatchMode, options: WatchOptions = {}): Promise<Watcher> {
    const { 'zk-session': _session, ...headers } = this.#headers;
    const target = withQuery(`/watch${encodePath(path)}`, { mode, from: options.from });
    const watcher = new EventStreamWatcher(await openEventStream(this.#url, { target, headers }));
    this.#watchers.add(watcher);
    return watcher;
  }

  async endSession(): Promise<void> {
    await this.call({ method: 'DELETE', target: `/sessions/${this.session?.id ?? 0}` });
  }

  leave(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  /** The body, with the zxid that only the header carries where the body has none. */
  async #answer<T>(call: Call): Promise<T> {
    const answer = await this.call(call);
    return { zxid: zxidOf(answer), ...(jsonOf(answer) as object) } as T;
  }

  #request({ method = 'GET', target, query, json, body, ...call }: Call): HttpRequest {
    const { consistency, minZxid, idempotencyKey, acks } = call.options ?? {};
    const content = json === undefined ? body : JSON.stringify(json);
    return {
      method,
      target: withQuery(target, { ...query, consistency, acks }),
      headers: {
        ...this.#headers,
        ...(minZxid !== undefined && { 'zk-min-zxid': String(minZxid) }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(content !== undefined && { body: content }),
    };
  }
}

class EventStreamWatcher implements Watcher {
  readonly #reader: EventStreamReader;
  #taken = 0;

  constructor(reader: EventStreamReader) {
    this.#reader = reader;
  }

  async next(): Promise<SeenEvent> {
    const event = await this.#reader.until(() => this.#take());
    if (event === undefined) throw new Error('the event stream has ended without another event');
    return event;
  }

  async upTo(zxid: number): Promise<readonly SeenEvent[]> {
    // A transaction's events come in one piece; where there are none, a bookmark says so, or the end.
    await this.#reader.until(() =>
      this.#reader.messages.find(
        ({ event, id }) => event !== 'state' && Number.parseInt(id ?? '', 10) >= zxid,
      ),
    );
    const events: SeenEvent[] = [];
    for (let event = this.#take(); event !== undefined; event = this.#take()) events.push(event);
    return events;
  }

  close(): void {
    this.#reader.close();
  }

  #take(): SeenEvent | undefined {
    const { messages } = this.#reader;
    while (this.#taken < messages.length) {
      const message = messages[this.#taken];
      this.#taken++;
      if (message === undefined || message.event === 'bookmark') continue;
      if (message.event === 'gone') throw new Error('events are gone');
      const { type, path, zxid } = message.data as unknown as SeenEvent;
      return { type, path, zxid };
    }
    return undefined;
  }
}

function withQuery(target: string, query: Query): string {
  const given = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return given.length === 0 ? target : `${target}?${given.join('&')}`;
}

function only<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
