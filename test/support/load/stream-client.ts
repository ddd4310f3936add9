/** A client with a WebSocket and, if it wants one, a session, which it carries from node to node. */
import { WebSocket } from 'ws';
import type { OpenWatchConnection, OpenWatchLog } from '../history/recorder.ts';
import type { LockClaim, SessionFact } from '../history/facts.ts';
import { isWrite } from '../history/operation.ts';
import type { MemberRequest, Operation, Request } from '../history/operation.ts';
import { pause } from '../waiting.ts';
import { outcomeOf, resultOf } from './answers.ts';
import type { WireBody, WireProblem } from './answers.ts';
import { Client } from './client.ts';
import type { ClientContext } from './client.ts';

export interface StreamOptions {
  /** Milliseconds; absent = no session. */
  readonly sessionMs?: number;
  /** A persistent-recursive watch, kept over all connections. */
  readonly watch?: string;
}

interface Message extends WireBody {
  readonly type: string;
  readonly id?: number;
  readonly problem?: WireProblem;
  readonly session?: { readonly id: number; readonly token: string; readonly timeoutMs: number };
  /** Of the news of a session. */
  readonly state?: string;
  readonly events?: readonly { readonly type: string; readonly path: string }[];
}

interface Pending {
  readonly operation: Operation;
  readonly resolve: (operation: Operation) => void;
}

/** Longer than a node takes to say that it does not know. */
const patienceMs = 7000;
const connectMs = 6000;

export class StreamClient extends Client {
  readonly #options: StreamOptions;
  readonly #watch: OpenWatchLog | undefined;
  #socket: WebSocket | undefined;
  #node = 0;
  #connections = 0;
  #arrivals = 0;
  #nextId = 1;
  readonly #pending = new Map<number, Pending>();
  /** Resolves the wait for the answer to `connect`. */
  #onConnected: ((message: Message | undefined) => void) | undefined;
  #session: { readonly fact: SessionFact; readonly token: string; timeoutMs: number } | undefined;
  #watched: OpenWatchConnection | undefined;
  /** The zxid of the last events or bookmark. */
  #position: number | undefined;
  #connecting: Promise<boolean> | undefined;
  /** Nodes that could not go on where its watch had been, and times that its connections ended. */
  readonly counts = { gone: 0, lost: 0 };

  constructor(name: string, context: ClientContext, options: StreamOptions = {}) {
    super(name, context);
    this.#options = options;
    this.#watch =
      options.watch === undefined ? undefined : context.recorder.watch(name, options.watch);
  }

  get session(): number | undefined {
    return this.#session?.fact.id;
  }

  /** Sends one request, connecting first if need be; undefined when it could not be sent at all. */
  async ask(request: Request): Promise<Operation | undefined> {
    if (!(await this.connected())) return undefined;
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return undefined;
    const id = this.#nextId++;
    const operation = this.context.recorder.begin({
      ...{ client: this.name, stream: `${this.name}.${this.#connections}`, node: this.#node },
      ...{ request, minZxid: this.known },
      ...(this.session !== undefined && { session: this.session }),
    });
    return new Promise((resolve) => {
      this.#pending.set(id, { operation, resolve });
      socket.send(JSON.stringify({ id, ...wireOf(request) }));
    });
  }

  /** True when there is a connection; tries for a while to make one. */
  async connected(): Promise<boolean> {
    if (this.#socket?.readyState === WebSocket.OPEN && this.#onConnected === undefined) return true;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** It has found itself to hold a lock. */
  claim(claim: LockClaim): void {
    this.context.recorder.claims.push(claim);
  }

  /** Goes to another node, in the middle of whatever it is doing. */
  move(): void {
    this.#socket?.terminate();
  }

  /** Ends the session for good. */
  async closeSession(): Promise<void> {
    const session = this.#session;
    if (session === undefined || !(await this.connected())) return;
    session.fact.closed = 'uncertain';
    const answer = await new Promise<Message | undefined>((resolve) => {
      this.#onClosed = resolve;
      this.#socket?.send(JSON.stringify({ id: this.#nextId++, type: 'close' }));
    });
    if (answer?.type === 'result' && answer.zxid !== undefined) session.fact.closed = answer.zxid;
    this.#session = undefined;
    this.#socket?.terminate();
  }

  #onClosed: ((message: Message | undefined) => void) | undefined;

  async leave(): Promise<void> {
    this.finish();
    await this.#connecting;
    this.#socket?.terminate();
    this.#settle();
  }

  async #connect(): Promise<boolean> {
    const place = this.place(this.#node);
    if (place === undefined || this.hasFinished()) {
      await pause(20);
      return false;
    }
    const socket = new WebSocket(`${place.url.replace(/^http/, 'ws')}/ws`, {
      handshakeTimeout: connectMs,
    });
    this.#socket = socket;
    this.#node = place.id;
    this.#connections += 1;
    const hello = new Promise<Message | undefined>((resolve) => (this.#onConnected = resolve));
    const timer = setTimeout(() => socket.terminate(), connectMs);
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send(JSON.stringify(this.#hello())));
    socket.on('message', (data: Buffer) =>
      this.#take(socket, JSON.parse(data.toString()) as Message),
    );
    socket.on('close', () => this.#closed(socket));
    const answer = await hello;
    clearTimeout(timer);
    if (answer === undefined) {
      await pause(10 + this.below(40));
      return false;
    }
    return true;
  }

  #hello(): object {
    const { sessionMs, watch } = this.#options;
    const session = this.#session?.token ?? (sessionMs === undefined ? undefined : 'new');
    return {
      ...{ type: 'connect', id: 0, minZxid: this.known },
      ...(session !== undefined && { session, timeoutMs: sessionMs }),
      ...(watch !== undefined && { watches: [{ path: watch, mode: 'persistent-recursive' }] }),
      ...(watch !== undefined && this.#position !== undefined && { resumeFrom: this.#position }),
    };
  }

  #take(socket: WebSocket, message: Message): void {
    if (socket !== this.#socket) return;
    this.#arrivals += 1;
    if (message.type === 'events' || message.type === 'bookmark') this.#takeEvents(message);
    else if (message.type === 'gone') this.#takeGone();
    else if (message.type === 'session') this.#takeNews(message.state);
    else if (message.id === 0) this.#takeHello(message);
    else this.#takeAnswer(message);
  }

  /** A session in doubt goes on, here or elsewhere, until its end is certain. */
  #takeNews(state: string | undefined): void {
    if (state !== 'suspended' && state !== 'connected') this.#sessionGone(undefined);
  }

  #takeHello(message: Message): void {
    const { recorder } = this.context;
    const done = this.#onConnected;
    this.#onConnected = undefined;
    if (message.type !== 'connected') {
      const isGone = message.problem?.code === 'SESSIONEXPIRED';
      if (isGone) this.#sessionGone(message.zxid);
      this.#socket?.terminate();
      done?.(undefined);
      return;
    }
    this.learn(message.zxid);
    if (message.session !== undefined) {
      const { id, token, timeoutMs } = message.session;
      this.#session ??= { fact: recorder.session(id, this.name), token, timeoutMs };
    }
    if (this.#watch !== undefined) {
      const from = this.#position ?? message.zxid ?? 0;
      this.#position = from;
      this.#watched = { node: this.#node, from, seen: [] };
      this.#watch.connections.push(this.#watched);
    }
    done?.(message);
  }

  #takeEvents({ type, zxid = 0, events = [] }: Message): void {
    this.#position = zxid;
    if (type === 'bookmark') this.#watched?.seen.push({ type: 'bookmark', zxid });
    else {
      const plain = events.map((event) => ({ type: event.type, path: event.path }));
      this.#watched?.seen.push({ type: 'events', zxid, events: plain });
    }
  }

  /** A node that came by way of a snapshot does not know what was before it; another may. */
  #takeGone(): void {
    this.counts.gone += 1;
    this.#watched = undefined;
    this.#watch?.connections.pop();
    this.#socket?.terminate();
  }

  #takeAnswer(message: Message): void {
    const { id = -1, problem, zxid } = message;
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      this.#onClosed?.(message);
      return;
    }
    this.#pending.delete(id);
    const { operation, resolve } = pending;
    const outcome = problem === undefined ? 'ok' : outcomeOf(problem);
    this.context.recorder.answer(operation, {
      ...{ arrival: this.#arrivals, outcome },
      ...(zxid !== undefined && { zxid }),
      ...(problem === undefined ? { result: resultOf(message) } : { code: problem.code }),
    });
    const says = outcome === 'ok' || outcome === 'refused';
    if (says && zxid !== undefined) {
      this.learn(zxid);
      this.#watched?.seen.push({ type: 'answer', zxid });
    }
    if (problem?.code === 'SESSIONEXPIRED') this.#sessionGone(zxid);
    if (outcome === 'ok' && isWrite(operation.request)) this.#promise(operation.invokedMs);
    resolve(operation);
  }

  /** The leader has heard of the session when it took that write. */
  #promise(invokedMs: number): void {
    if (this.#session === undefined) return;
    const { fact, timeoutMs } = this.#session;
    fact.aliveUntilMs = Math.max(fact.aliveUntilMs, invokedMs + timeoutMs);
  }

  #sessionGone(zxid: number | undefined): void {
    const fact = this.#session?.fact;
    const atMs = this.context.recorder.now();
    if (fact !== undefined) fact.toldGone ??= { atMs, ...(zxid !== undefined && { zxid }) };
    this.#session = undefined;
  }

  #closed(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.counts.lost += 1;
    this.#settle();
  }

  /** Nothing more comes on this connection. */
  #settle(): void {
    this.#watched = undefined;
    this.#onConnected?.(undefined);
    this.#onConnected = undefined;
    this.#onClosed?.(undefined);
    this.#onClosed = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { operation, resolve } of pending) resolve(operation);
  }

  /** Called now and then: gives up a connection on which nothing comes. */
  checkPatience(): void {
    const [oldest] = this.#pending.values();
    if (oldest === undefined) return;
    if (this.context.recorder.now() - oldest.operation.invokedMs > patienceMs) this.move();
  }
}

function wireOf(request: Request): object {
  if (request.type === 'get' || request.type === 'children') {
    const { type, path, linearizable } = request;
    return { type, path, consistency: linearizable ? 'linearizable' : 'local' };
  }
  return request.type === 'multi'
    ? { type: 'multi', operations: request.members.map(memberOf) }
    : request;
}

export function memberOf({ type, ...fields }: MemberRequest): object {
  return { op: type, ...fields };
}
