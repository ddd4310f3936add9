/**
 * The real process is killed, over and over, at any moment, under a load through every door: whatever it
 * has acknowledged is there in its next life; what it has not is there or not, as a whole.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { httpClient } from '../../support/http-client.ts';
import type { Http } from '../../support/http-client.ts';
import { seededRandom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { startServer } from '../../support/server-process.ts';
import type { ServerProcess } from '../../support/server-process.ts';
import { fail } from './fail.ts';
import type { Common, LoadClient } from './process/client.ts';
import { Counter } from './process/counter.ts';
import { History } from './process/history.ts';
import { Observer } from './process/observer.ts';
import { RestLoad } from './process/rest-load.ts';
import { WebSocketLoad } from './process/websocket-load.ts';
import { seedsFor } from './settings.ts';

/** `ZOOGATE_TEST_KILLS=5000` kills as often, however long it takes. */
const given = process.env['ZOOGATE_TEST_KILLS'];
const killsMax = given === undefined ? 200 : Number(given);
const budgetMs = given === undefined ? 200_000 : Infinity;

const args = [
  ...['--tick-ms', '100', '--min-session-timeout', '500', '--log-level', 'info'],
  ...['--segment-size', '1MiB', '--snapshot-every', '600', '--snapshots-retained', '2'],
];

interface Children {
  readonly children: readonly { readonly name: string; readonly data?: string }[];
}

/** Values of all registers, in one look. */
async function readAll(http: Http, paths: readonly string[]): Promise<Map<string, string>> {
  const operations = paths.map((path) => ({ op: 'get', path }));
  const answer = await http('POST', '/multi-read', { body: { operations } });
  const { results } = answer.json() as {
    results: { code: string; path: string; data?: string }[];
  };
  const values = new Map<string, string>();
  for (const { code, path, data } of results) {
    if (code === 'OK') values.set(path, data ?? '');
    else if (code !== 'NONODE') fail(`${path} cannot be read: ${code}`);
  }
  return values;
}

class Scene {
  readonly history = new History();
  readonly counter = new Counter();
  readonly observer = new Observer();
  readonly common: Common;
  readonly clients: readonly LoadClient[];
  readonly #rest: readonly RestLoad[];

  constructor(seed: number) {
    const common = { history: this.history, counter: this.counter, isStopping: false };
    this.common = common;
    this.#rest = ['r1', 'r2'].map(
      (name, index) => new RestLoad(name, common, seededRandom(seed + index)),
    );
    const sockets = ['w1', 'w2', 'w3'].map(
      (name, index) => new WebSocketLoad(name, common, seededRandom(seed + 10 + index)),
    );
    this.clients = [...this.#rest, ...sockets];
  }

  async furnish(url: string): Promise<void> {
    const http = httpClient(url);
    for (const path of ['/c', '/q', '/counter']) {
      const { status } = await http('POST', `/znodes${path}`, { body: {} });
      expect(status).toBe(201);
    }
  }

  /** Holds everything that the node has against what its clients were told. */
  async check(url: string): Promise<void> {
    const http = httpClient(url);
    this.history.checkOrder();
    const { json, headers } = await http('GET', '/children/q?with=data');
    const applied = Number(headers['zk-zxid']);
    if (applied < this.history.seen) fail(`the node is at ${applied}, not ${this.history.seen}`);
    this.history.checkQueue((json() as unknown as Children).children);
    const values = await readAll(
      http,
      this.clients.flatMap(({ registers }) => registers.paths),
    );
    for (const client of this.clients) client.survived((path) => values.get(path));
    const counter = await http('GET', '/znodes/counter');
    this.counter.survived(Number(counter.headers['zk-version']), counter.text);
    await this.#checkDoomed(http);
  }

  /** Of sessions that nobody keeps alive, the ephemerals are there for the timeout and then go. */
  async #checkDoomed(http: Http): Promise<void> {
    for (const { doomed } of this.#rest) {
      const values = await readAll(http, [...doomed.keys()]);
      for (const [path, madeMs] of doomed) {
        const age = this.history.now() - madeMs;
        if (age < 1500 && age > 0 && !values.has(path)) fail(`${path} is gone after ${age} ms`);
        if (!values.has(path)) doomed.delete(path);
      }
    }
  }

  /** At the end nothing is left of sessions that have ended. */
  async drain(url: string): Promise<void> {
    const http = httpClient(url);
    const deadline = this.history.now() + 10_000;
    for (;;) {
      await this.#checkDoomed(http);
      const left = this.#rest.reduce((sum, { doomed }) => sum + doomed.size, 0);
      if (left === 0) return;
      if (this.history.now() > deadline) fail(`${left} ephemerals have outlived their sessions`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async connect(url: string): Promise<void> {
    await Promise.all(this.clients.map((client) => client.connect(url)));
  }

  load(): Promise<void>[] {
    return this.clients.map((client) => client.load());
  }
}

/** One life: loaded, and killed or told to stop. */
async function liveOnce(scene: Scene, server: ServerProcess, random: Random): Promise<void> {
  const isStopped = random() < 0.1;
  const { common, observer } = scene;
  common.isStopping = false;
  await scene.connect(server.url);
  const loads = Promise.allSettled([...scene.load(), observer.watch(server.url)]);
  await new Promise((resolve) => setTimeout(resolve, 10 + random() * 250));
  common.isStopping = isStopped;
  const exit = await server.kill(isStopped ? 'SIGTERM' : 'SIGKILL');
  if (isStopped) expect(exit).toEqual({ code: 0, signal: null });
  for (const load of await loads) if (load.status === 'rejected') throw load.reason;
  await observer.compare(server.dataDir);
}

async function killOverAndOver(seed: number, dataDir: string): Promise<string> {
  const random = seededRandom(seed);
  const scene = new Scene(seed);
  const startedMs = performance.now();
  let kills = 0;
  try {
    let server = await startServer({ dataDir, args });
    await scene.furnish(server.url);
    while (kills < killsMax && performance.now() - startedMs < budgetMs) {
      await liveOnce(scene, server, random);
      kills += 1;
      server = await startServer({ dataDir, args });
      await scene.check(server.url);
    }
    await scene.drain(server.url);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  } catch (error) {
    const where = `seed ${seed}, after ${kills} kills, data in ${dataDir}`;
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
  expect(kills).toBeGreaterThanOrEqual(Math.min(killsMax, 10));
  expect(scene.observer.compared).toBeGreaterThan(kills / 2);
  return `${kills} kills, ${scene.history.acknowledged} acknowledged writes`;
}

test.for(seedsFor([], 1))(
  'a process that is killed over and over keeps its word, seed %i',
  { timeout: 1_000_000_000 },
  async (seed) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'zoogate-kill-'));
    console.log(await killOverAndOver(seed, dataDir));
    await rm(dataDir, { recursive: true });
  },
);
