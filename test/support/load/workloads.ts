/** What clients do in a run: each of these goes on until its client is told to finish. */
import type { MemberRequest, Operation, Request } from '../history/operation.ts';
import { pause } from '../waiting.ts';
import type { RestClient } from './rest-client.ts';
import type { StreamClient } from './stream-client.ts';

/** Below the run's root. */
export interface Paths {
  readonly root: string;
  readonly registers: string;
  readonly queue: string;
  readonly ephemerals: string;
  readonly pairs: string;
  readonly lock: string;
  readonly fence: string;
}

export function pathsIn(root: string): Paths {
  return {
    root,
    registers: `${root}/r`,
    queue: `${root}/q`,
    ephemerals: `${root}/e`,
    pairs: `${root}/m`,
    lock: `${root}/l`,
    fence: `${root}/f`,
  };
}

export interface LoadOptions {
  readonly paths: Paths;
  /** Registers that all share: the fewer, the more the clients meet. */
  readonly keys: number;
  /** Requests of one stream that are under way at once. */
  readonly window: number;
  /** Milliseconds that a client thinks between two requests, at most. */
  readonly thinkMs: number;
}

type AnyClient = Pick<StreamClient, 'text' | 'below' | 'chance'>;

/** Versions that a client has seen last, for its conditions. */
type Versions = Map<string, number>;

function remember(versions: Versions, operation: Operation | undefined): void {
  const { request, answer } = operation ?? {};
  if (request === undefined || !('path' in request)) return;
  const version = answer?.result?.stat?.version;
  if (version !== undefined) versions.set(request.path, version);
}

function registerRequest(client: AnyClient, versions: Versions, options: LoadOptions): Request {
  const path = `${options.paths.registers}/k${client.below(options.keys)}`;
  const choice = client.below(100);
  const known = versions.get(path);
  const condition = known !== undefined && client.chance(0.5) ? { version: known } : {};
  if (choice < 25) return { type: 'get', path, linearizable: true };
  if (choice < 40) return { type: 'get', path, linearizable: false };
  if (choice < 55) return { type: 'create', path, data: client.text() };
  if (choice < 65) return { type: 'put', path, data: client.text() };
  if (choice < 90) return { type: 'set', path, data: client.text(), ...condition };
  return { type: 'delete', path, ...condition };
}

/** Two znodes that are changed together or not at all. */
function pairRequest(client: AnyClient, { paths }: LoadOptions): Request {
  const pair = client.below(3);
  const both = ['a', 'b'].map((name) => `${paths.pairs}/p${pair}-${name}`);
  const choice = client.below(10);
  if (choice < 3) {
    const path = both[client.below(2)] ?? '';
    return { type: 'get', path, linearizable: client.chance(0.5) };
  }
  const members = both.map((path): MemberRequest => {
    if (choice >= 9) return { type: 'delete', path };
    return { type: choice < 5 ? 'create' : 'set', path, data: client.text() };
  });
  return { type: 'multi', members };
}

/** Own ephemerals, made and removed, and seen by all. */
function ephemeralRequest(client: StreamClient, { paths }: LoadOptions): Request {
  const path = `${paths.ephemerals}/${client.name}-${client.below(4)}`;
  const choice = client.below(10);
  if (choice < 5) return { type: 'create', path, data: client.text(), ephemeral: true };
  if (choice < 7) return { type: 'delete', path };
  if (choice < 9) return { type: 'get', path, linearizable: client.chance(0.5) };
  return { type: 'children', path: paths.ephemerals, linearizable: client.chance(0.5) };
}

/** A session's stream that keeps many requests of all kinds on their way. */
export async function streamLoad(client: StreamClient, options: LoadOptions): Promise<void> {
  const versions: Versions = new Map();
  const made: string[] = [];
  const next = (): Request => {
    const choice = client.below(100);
    if (choice < 55) return registerRequest(client, versions, options);
    if (choice < 70) return pairRequest(client, options);
    if (choice < 85) return ephemeralRequest(client, options);
    const path = choice > 94 ? made.shift() : undefined;
    if (path !== undefined) return { type: 'delete', path };
    const fresh = { path: `${options.paths.queue}/n-`, data: client.text() };
    return { type: 'create', ...fresh, sequential: true };
  };
  const lane = async (): Promise<void> => {
    while (!client.hasFinished()) {
      const operation = await client.ask(next());
      remember(versions, operation);
      const { request, answer } = operation ?? {};
      const isMade = request?.type === 'create' && request.sequential === true;
      if (isMade && answer?.result?.path !== undefined) made.push(answer.result.path);
      await think(client, options);
    }
  };
  await Promise.all(Array.from({ length: options.window }, lane));
}

/** Single requests to whichever node, some of them insisted upon under a key. */
export async function restLoad(client: RestClient, options: LoadOptions): Promise<void> {
  const versions: Versions = new Map();
  while (!client.hasFinished()) {
    const choice = client.below(100);
    const fresh = { path: `${options.paths.queue}/n-`, data: client.text() };
    const request: Request =
      choice < 70
        ? registerRequest(client, versions, options)
        : choice < 85
          ? pairRequest(client, options)
          : { type: 'create', ...fresh, sequential: true };
    remember(versions, await client.ask(request, { insist: client.chance(0.4) }));
    await think(client, options);
  }
}

/** Sessions over plain HTTP: kept alive for a while, then closed, or left to expire. */
export async function sessionLoad(client: RestClient, options: LoadOptions): Promise<void> {
  while (!client.hasFinished()) {
    const session = await client.newSession(1000 + client.below(1500));
    if (session === undefined) {
      await pause(50);
      continue;
    }
    const path = `${options.paths.ephemerals}/${client.name}-${session.fact.id}`;
    const request: Request = { type: 'create', path, data: client.text(), ephemeral: true };
    await client.ask(request, { session, insist: true });
    const beats = client.below(8);
    let isAlive = true;
    for (let beat = 0; beat < beats; beat += 1) {
      await pause(100 + client.below(300));
      isAlive = await client.heartbeat(session);
      if (!isAlive || client.hasFinished()) break;
    }
    if (isAlive && client.chance(0.5)) await client.endSession(session);
  }
}

/** A watcher that asks for something now and then, and moves on. */
export async function watchLoad(client: StreamClient, options: LoadOptions): Promise<void> {
  while (!client.hasFinished()) {
    const path = `${options.paths.registers}/k${client.below(options.keys)}`;
    await client.ask({ type: 'get', path, linearizable: client.chance(0.3) });
    await pause(client.below(150));
    if (client.chance(0.03)) client.move();
  }
}

/** ZooKeeper's lock, with a write that only its holder can make. */
export async function lockLoad(client: StreamClient, options: LoadOptions): Promise<void> {
  const { lock } = options.paths;
  while (!client.hasFinished()) {
    const data = client.text();
    const path = `${lock}/n-`;
    const made = await client.ask({
      type: 'create',
      path,
      data,
      ephemeral: true,
      sequential: true,
    });
    const own = made?.answer?.result;
    if (own?.path === undefined) {
      await pause(20);
      continue;
    }
    const session = client.session;
    await holdLock(client, options, { path: own.path, czxid: own.stat?.czxid ?? 0, session });
    await think(client, options);
  }
}

interface Ticket {
  readonly path: string;
  readonly czxid: number;
  readonly session: number | undefined;
}

async function holdLock(client: StreamClient, options: LoadOptions, own: Ticket): Promise<void> {
  const { lock, fence } = options.paths;
  const isMine = (): boolean => client.session === own.session && !client.hasFinished();
  while (isMine()) {
    const list = await client.ask({
      type: 'children',
      path: lock,
      linearizable: client.chance(0.5),
    });
    const { result, zxid } = list?.answer ?? {};
    const lowest = [...(result?.children ?? [])].sort((a, b) => (a < b ? -1 : 1))[0];
    if (zxid === undefined || zxid < own.czxid || lowest !== own.path.slice(lock.length + 1)) {
      await pause(10 + client.below(30));
      continue;
    }
    client.claim({ client: client.name, path: own.path, czxid: own.czxid, heldAt: zxid });
    for (let write = 0; write < 3 && isMine(); write += 1) {
      const data = `${own.czxid} ${client.text()}`;
      const members = [
        { type: 'check', path: own.path },
        { type: 'set', path: fence, data },
      ] as const;
      await client.ask({ type: 'multi', members });
    }
    break;
  }
  if (client.session === own.session) await client.ask({ type: 'delete', path: own.path });
}

function think(client: AnyClient, { thinkMs }: LoadOptions): Promise<void> {
  return pause(client.below(thinkMs + 1));
}
