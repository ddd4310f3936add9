/** A client over a WebSocket: one connection, one ordered stream; each watch on a connection of its own. */
import { connect, ErrorMessage } from '../support/websocket-client.ts';
import type { Message, TestClient } from '../support/websocket-client.ts';
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
import { Refusal } from './refusal.ts';
import type { ProblemBody } from './refusal.ts';

/** The endpoint of a node. */
export function webSocketUrl(url: string): string {
  return `${url.replace(/^http/, 'ws')}/ws`;
}

export function refusalOfMessage({ problem, zxid }: Message): Refusal {
  return new Refusal(problem as ProblemBody, zxid as number);
}

/** Connects and says nothing. */
export function openUnconnected(url: string): Promise<TestClient> {
  return connect(webSocketUrl(url), { connect: false });
}

/** Connects and says `connect` with these fields. @throws Refusal */
export async function connectTo(
  url: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<TestClient> {
  try {
    return await connect(webSocketUrl(url), { connect: fields });
  } catch (error) {
    throw error instanceof ErrorMessage ? refusalOfMessage(error.message_) : error;
  }
}

/** The answer to one request. @throws Refusal; Error when the connection ends before */
export async function ask<T>(client: TestClient, message: Message): Promise<T> {
  const cut = client.closed.then(({ code, reason }): never => {
    throw new Error(`closed with ${code} (${reason}) before the answer to ${message.type}`);
  });
  const answer = await Promise.race([client.ask(message), cut]);
  if (answer.type === 'error') throw refusalOfMessage(answer);
  const { type: _type, id: _id, ...fields } = answer;
  return fields as T;
}

export class WebSocketClient implements Client {
  readonly session?: Session;
  /** The connection itself, for what only a stream can say. */
  readonly raw: TestClient;
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #watchers = new Set<Watcher>();

  private constructor(url: string, options: ClientOptions, raw: TestClient) {
    this.raw = raw;
    this.#url = url;
    this.#options = options;
    const session = raw.connected?.['session'];
    if (session !== undefined) this.session = session as Session;
  }

  static async open(url: string, options: ClientOptions = {}): Promise<WebSocketClient> {
    const { session, timeoutMs } = options;
    const raw = await connectTo(url, {
      ...(session !== undefined && { session }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...authOf(options),
    });
    return new WebSocketClient(url, options, raw);
  }

  create(path: string, options: CreateOptions = {}): Promise<Created> {
    return ask(this.raw, { type: 'create', path, ...options });
  }

  put(path: string, data: string, options: WriteOptions = {}): Promise<Put> {
    return ask(this.raw, { type: 'put', path, data, ...options });
  }

  set(path: string, data: string, options: Condition & WriteOptions = {}): Promise<Changed> {
    return ask(this.raw, { type: 'set', path, data, ...options });
  }

  delete(path: string, options: DeleteOptions = {}): Promise<Positioned> {
    return ask(this.raw, { type: 'delete', path, ...options });
  }

  get(path: string, options: ReadOptions = {}): Promise<Read> {
    return ask(this.raw, { type: 'get', path, ...options });
  }

  exists(path: string, options: ReadOptions = {}): Promise<Changed> {
    return ask(this.raw, { type: 'exists', path, ...options });
  }

  children(path: string, options: ChildrenOptions = {}): Promise<Children> {
    return ask(this.raw, { type: 'children', path, ...options });
  }

  childrenWith(
    path: string,
    added: 'stat' | 'data',
    options: ChildrenOptions = {},
  ): Promise<Children<Child>> {
    return ask(this.raw, { type: 'children', path, with: added, ...options });
  }

  tree(path: string, options: SubtreeOptions = {}): Promise<Subtree> {
    return ask(this.raw, { type: 'tree', path, ...options });
  }

  count(path: string): Promise<{ path: string; descendants: number }> {
    return ask(this.raw, { type: 'tree', path, count: true });
  }

  acl(path: string): Promise<AclRead> {
    return ask(this.raw, { type: 'acl', path });
  }

  setAcl(
    path: string,
    acl: readonly WireAclEntry[],
    options: Pick<Condition, 'version'> & WriteOptions = {},
  ): Promise<Changed> {
    return ask(this.raw, { type: 'setAcl', path, acl, ...options });
  }

  multi(operations: readonly Member[], options: WriteOptions = {}): Promise<MultiResult> {
    return ask(this.raw, { type: 'multi', operations, ...options });
  }

  multiRead(operations: readonly ReadMember[]): Promise<MultiResult> {
    return ask(this.raw, { type: 'multiRead', operations });
  }

  sync(): Promise<Positioned> {
    return ask(this.raw, { type: 'sync' });
  }

  whoami(): Promise<Whoami> {
    return ask(this.raw, { type: 'whoami' });
  }

  async ephemerals(): Promise<readonly string[]> {
    const { paths } = await ask<{ readonly paths: readonly string[] }>(this.raw, {
      type: 'ephemerals',
    });
    return paths;
  }

  async watch(path: string, mode: WatchMode, { from }: WatchOptions = {}): Promise<Watcher> {
    const resumed = from === undefined ? {} : { watches: [{ path, mode }], resumeFrom: from };
    const raw = await connectTo(this.#url, { ...authOf(this.#options), ...resumed });
    const watcher = new ConnectionWatcher(raw);
    this.#watchers.add(watcher);
    if (from === undefined) await setWatch(raw, path, mode);
    return watcher;
  }

  async endSession(): Promise<void> {
    await ask(this.raw, { type: 'close' });
    await this.raw.closed;
  }

  leave(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.raw.socket.terminate();
  }
}

/** The one-shot watches by the reads that leave them, as in ZooKeeper, the others by themselves. */
export async function setWatch(raw: TestClient, path: string, mode: WatchMode): Promise<void> {
  switch (mode) {
    case 'data':
      await ask(raw, { type: 'get', path, watch: true });
      return;
    case 'exists': {
      const answer = await raw.ask({ type: 'exists', path, watch: true });
      const missing = (answer['problem'] as ProblemBody | undefined)?.code === 'NONODE';
      if (answer.type === 'error' && !missing) throw refusalOfMessage(answer);
      return;
    }
    case 'children':
      await ask(raw, { type: 'children', path, watch: true });
      return;
    default:
      await ask(raw, { type: 'watch', path, mode });
  }
}

class ConnectionWatcher implements Watcher {
  readonly #raw: TestClient;
  readonly #queue: SeenEvent[] = [];

  constructor(raw: TestClient) {
    this.#raw = raw;
  }

  async next(): Promise<SeenEvent> {
    for (;;) {
      const known = this.#queue.shift();
      if (known !== undefined) return known;
      this.#queue.push(...eventsIn(await this.#raw.nextEvents()));
    }
  }

  async upTo(zxid: number): Promise<readonly SeenEvent[]> {
    let reached = 0;
    while (reached < zxid) {
      ({ zxid: reached } = await ask<Positioned>(this.#raw, { type: 'ping' }));
    }
    while (this.#raw.events.some(({ type }) => type === 'events')) {
      this.#queue.push(...eventsIn(await this.#raw.nextEvents()));
    }
    return this.#queue.splice(0);
  }

  close(): void {
    this.#raw.socket.terminate();
  }
}

/** An `events` message taken apart. */
export function eventsIn(message: Message): SeenEvent[] {
  const events = message['events'] as readonly Pick<SeenEvent, 'type' | 'path'>[];
  return events.map(({ type, path }) => ({ type, path, zxid: message['zxid'] as number }));
}

function authOf({ credential }: ClientOptions): object {
  return credential === undefined ? {} : { auth: [{ scheme: 'digest', credential }] };
}
