/**
 * The process of the good clients: on every node one on REST, one on a WebSocket and one on an event stream, at a
 * steady pace. Each line that comes in ends a stretch of time, and is answered with what was measured in it.
 */
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { childInput, print } from '../bench/children.ts';
import { quantile } from '../bench/statistics.ts';
import { SseClient } from '../support/sse-client.ts';
import { bigZnode } from './abusers.ts';
import { pause, until } from '../support/waiting.ts';
import { connect } from '../support/websocket-client.ts';
import type { Message, TestClient } from '../support/websocket-client.ts';

/** Input of this process. */
export interface GoodInput {
  /** Without a slash at the end, one of each node. */
  readonly urls: readonly string[];
}

/** Of one stretch of time. */
export interface GoodReport {
  readonly operations: number;
  readonly readP99Ms: number;
  readonly writeP99Ms: number;
  /** Answers that were no success, connections that ended, events that did not come. */
  readonly faults: readonly string[];
}

const paceMs = 25;
/** Of the client on each node that writes a mebibyte: all disks have such a write every two seconds. */
const largePaceMs = 6000;
const large = Buffer.alloc(1 << 20, 65);
const root = '/good';
/** A session that is kept by pings alone. */
const sessionMs = 4000;
/** A report names this many faults; more say nothing new. */
const faultsMax = 20;

let reads: number[] = [];
let writes: number[] = [];
let faults: string[] = [];
/** zxids of all writes that were acknowledged, and of those that each watcher has seen. */
const written = new Set<number>();
const seenBy = new Map<string, Set<number>>();

const { urls } = childInput() as GoodInput;
/** Nobody writes before, so that every watcher must have seen every write. */
const allWatch = until('watchers', () => (seenBy.size === 2 * urls.length ? true : undefined));

async function timed<T>(samples: () => number[], run: () => Promise<T>): Promise<T> {
  const begunMs = performance.now();
  const result = await run();
  samples().push(performance.now() - begunMs);
  return result;
}

const small = 'x'.repeat(100);

function rest(
  url: string,
  agent: Agent,
): (method: string, path: string, body?: string | Buffer) => Promise<number> {
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${url}${path}`, { method, agent }, (answer) => {
        answer.resume();
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          if (status >= 300) reject(new Error(`${method} ${path}: ${status}`));
          else resolve(Number(answer.headers['zk-zxid']));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
}

async function restClient(url: string, node: number): Promise<never> {
  const ask = rest(url, new Agent({ keepAlive: true, maxSockets: 1 }));
  const path = `/znodes${root}/rest-${node}`;
  await allWatch;
  for (;;) {
    written.add(
      await timed(
        () => writes,
        () => ask('PUT', path, small),
      ),
    );
    await pause(paceMs);
    await timed(
      () => reads,
      () => ask('GET', path),
    );
    await pause(paceMs);
  }
}

/** It is not measured: what is measured must be told from the time that the disks take for it, with abuse and without. */
async function largeWriter(url: string, node: number): Promise<never> {
  const ask = rest(url, new Agent({ keepAlive: true, maxSockets: 1 }));
  await allWatch;
  await pause((largePaceMs / urls.length) * node);
  for (;;) {
    await ask('PUT', `/znodes${bigZnode}`, large);
    await pause(largePaceMs);
  }
}

async function socketClient(url: string, node: number): Promise<never> {
  const socket = await connect(`${url.replace('http', 'ws')}/ws`, {
    connect: { session: 'new', timeoutMs: sessionMs },
  });
  const path = `${root}/socket-${node}`;
  await socket.request({ type: 'create', path: `/good-life-${node}`, ephemeral: true });
  await socket.request({ type: 'watch', path: root, mode: 'persistent-recursive' });
  void takeEvents(socket, watcher(`WebSocket of node ${node}`));
  const closed = socket.closed.then(({ code, reason }) => {
    throw new Error(`WebSocket of node ${node} closed: ${code} ${reason}`);
  });
  await Promise.race([closed, allWatch]);
  return Promise.race([closed, putAndGet(socket, path)]);
}

async function putAndGet(socket: TestClient, path: string): Promise<never> {
  for (;;) {
    const put: Message = { type: 'put', path, data: 'x'.repeat(100) };
    const { zxid } = await timed(
      () => writes,
      () => socket.request(put),
    );
    written.add(zxid as number);
    await pause(paceMs);
    await timed(
      () => reads,
      () => socket.request({ type: 'get', path }),
    );
    await pause(paceMs);
  }
}

async function takeEvents(socket: TestClient, seen: Set<number>): Promise<never> {
  for (;;) seen.add((await socket.nextEvents())['zxid'] as number);
}

async function streamClient(url: string, node: number): Promise<never> {
  const stream = await SseClient.open(url, `/watch${root}`);
  const seen = watcher(`event stream of node ${node}`);
  for (;;) {
    const message = await stream.next();
    if (message === undefined) throw new Error(`the event stream of node ${node} has ended`);
    seen.add(message.data['zxid'] as number);
  }
}

function watcher(name: string): Set<number> {
  const seen = new Set<number>();
  seenBy.set(name, seen);
  return seen;
}

/** Waits until every watcher has seen every write of before. @returns what has not come */
async function missedEvents(): Promise<string[]> {
  const expected = [...written];
  const missed = (): string[] =>
    [...seenBy].flatMap(([name, seen]) => {
      const count = expected.filter((zxid) => !seen.has(zxid)).length;
      return count === 0 ? [] : [`${name} has missed ${count} of ${expected.length} events`];
    });
  await until('all events', () => (missed().length === 0 ? true : undefined), 20_000).catch(
    () => undefined,
  );
  const found = missed();
  for (const zxid of expected) {
    written.delete(zxid);
    for (const seen of seenBy.values()) seen.delete(zxid);
  }
  return found;
}

async function report(): Promise<GoodReport> {
  const stretch = { reads, writes, faults };
  [reads, writes, faults] = [[], [], []];
  const missed = await missedEvents();
  return {
    operations: stretch.reads.length + stretch.writes.length,
    readP99Ms: quantile(stretch.reads, 0.99),
    writeP99Ms: quantile(stretch.writes, 0.99),
    faults: [...stretch.faults, ...missed].slice(0, faultsMax),
  };
}

/** Goes on after a fault with a fresh connection, as a client would; the fault is in the report. */
async function goOn(client: () => Promise<never>): Promise<never> {
  for (;;) {
    await client().catch((error: unknown) => faults.push((error as Error).message));
    await pause(paceMs * 10);
  }
}

for (const [index, url] of urls.entries()) {
  void goOn(() => streamClient(url, index + 1));
  void goOn(() => socketClient(url, index + 1));
  void goOn(() => restClient(url, index + 1));
  void goOn(() => largeWriter(url, index + 1));
}
await allWatch;
print('begun');
createInterface({ input: process.stdin }).on('line', () => void report().then(print));
