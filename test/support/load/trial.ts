/** One run: a part of the tree for itself, a load on it while something happens, and then every check. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';
import { checkRun } from '../history/check.ts';
import type { RunHistory, RunReport } from '../history/check.ts';
import type { Ledger } from '../history/facts.ts';
import { Recorder } from '../history/recorder.ts';
import type { Operation, WriteRequest } from '../history/operation.ts';
import { seededRandom } from '../random.ts';
import { until } from '../waiting.ts';
import type { ClientContext, Place, Places } from './client.ts';
import { readLedger } from './ledger-reader.ts';
import { RestClient } from './rest-client.ts';
import { StreamClient } from './stream-client.ts';
import { lockLoad, pathsIn, restLoad, sessionLoad, streamLoad, watchLoad } from './workloads.ts';
import type { LoadOptions, Paths } from './workloads.ts';

export interface TrialOptions {
  readonly places: Places;
  readonly seed: number;
  readonly root?: string;
  /** How many clients of each kind. */
  readonly streams?: number;
  readonly rests?: number;
  readonly watchers?: number;
  readonly locks?: number;
  readonly sessions?: number;
  readonly keys?: number;
  readonly window?: number;
  readonly thinkMs?: number;
  /** Of the streams' sessions. */
  readonly sessionMs?: number;
}

const patienceMs = 250;

export class Trial {
  readonly recorder = new Recorder();
  readonly paths: Paths;
  readonly load: LoadOptions;
  readonly #options: TrialOptions;
  readonly #context: ClientContext;
  readonly #streams: StreamClient[] = [];
  readonly #rests: RestClient[] = [];
  readonly #admin: RestClient;
  readonly #loads: Promise<void>[] = [];
  #failure: unknown;
  #from = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: TrialOptions) {
    this.#options = options;
    this.paths = pathsIn(options.root ?? '/trial');
    const { keys = 6, window = 6, thinkMs = 12 } = options;
    this.load = { paths: this.paths, keys, window, thinkMs };
    const random = seededRandom(options.seed);
    const run = `${this.paths.root}-${String(options.seed)}`;
    this.#context = { recorder: this.recorder, places: options.places, random, run };
    this.#admin = new RestClient('admin', this.#context);
  }

  /** The load is under way when it resolves. */
  static async begin(options: TrialOptions): Promise<Trial> {
    const trial = new Trial(options);
    await trial.#furnish();
    trial.#startLoad();
    return trial;
  }

  /** Writes of which the answer has come so far. */
  get acknowledged(): number {
    return this.recorder.operations.filter(({ answer }) => answer?.outcome === 'ok').length;
  }

  /** Waits until so many more requests have succeeded: the load goes on. */
  async progress(more = 100, deadlineMs = 30_000): Promise<void> {
    const goal = this.acknowledged + more;
    await until(
      `${more} more successes`,
      () => (this.#failure !== undefined || this.acknowledged >= goal ? true : undefined),
      deadlineMs,
    );
    this.#raise();
  }

  #raise(): void {
    if (this.#failure !== undefined)
      throw new Error('a client has failed', { cause: this.#failure });
  }

  /** A write of the test's own, insisted upon until it is done. */
  async write(request: WriteRequest): Promise<Operation> {
    return until('a write', async () => {
      const operation = await this.#admin.ask(request, { insist: true });
      return operation?.answer?.outcome === 'ok' ? operation : undefined;
    });
  }

  /** Ends the load; every node that `places` names must serve by then. */
  async finish(): Promise<void> {
    for (const client of [...this.#streams, ...this.#rests]) client.finish();
    await Promise.all(this.#streams.map((client) => client.leave()));
    await Promise.all(this.#loads);
    clearInterval(this.#timer);
    this.#raise();
  }

  /** Ends the load and checks the history. @throws Error with the violations and where the history is kept */
  async verify(): Promise<RunReport> {
    await this.finish();
    const history = await this.history();
    const report = checkRun(history);
    if (report.violations.length === 0) return report;
    const file = keep(history, this.#options.seed);
    const text = report.violations.slice(0, 10).join('\n');
    throw new Error(`${report.violations.length} violations, kept in ${file}:\n${text}`);
  }

  async history(): Promise<RunHistory> {
    const { operations, watches, sessions, claims } = this.recorder;
    const end = await this.write({ type: 'create', path: `${this.paths.root}/end`, data: 'end' });
    const to = end.answer?.zxid ?? 0;
    const ledgers: Ledger[] = [];
    for (const place of this.#options.places()) {
      const range = { root: this.paths.root, from: this.#from, to };
      const ledger = await readLedger(place, range);
      if (ledger !== undefined) ledgers.push(ledger);
    }
    if (ledgers.length === 0) throw new Error('no node knows the whole run');
    return {
      ...{ root: this.paths.root, fence: this.paths.fence },
      ...{ operations, ledgers, watches, sessions, claims },
    };
  }

  async #furnish(): Promise<void> {
    const { root, registers, queue, ephemerals, pairs, lock, fence } = this.paths;
    const before = await until('a node that answers', () => this.#admin.ask({ type: 'sync' }));
    this.#from = before.answer?.zxid ?? 0;
    for (const path of [root, registers, queue, ephemerals, pairs, lock, fence]) {
      await this.write({ type: 'create', path, data: `made-${path}` });
    }
  }

  #startLoad(): void {
    const { streams = 3, rests = 2, watchers = 2, locks = 2, sessions = 2 } = this.#options;
    const { sessionMs = 3000 } = this.#options;
    const { root } = this.paths;
    this.#many(streams, (index) =>
      streamLoad(this.#stream(`stream${index}`, { sessionMs }), this.load),
    );
    this.#many(locks, (index) => lockLoad(this.#stream(`lock${index}`, { sessionMs }), this.load));
    this.#many(watchers, (index) =>
      watchLoad(this.#stream(`watch${index}`, { watch: root }), this.load),
    );
    this.#many(rests, (index) => restLoad(this.#rest(`rest${index}`), this.load));
    this.#many(sessions, (index) => sessionLoad(this.#rest(`session${index}`), this.load));
    this.#timer = setInterval(() => {
      for (const client of this.#streams) client.checkPatience();
    }, patienceMs);
  }

  #many(count: number, start: (index: number) => Promise<void>): void {
    for (let index = 0; index < count; index += 1) {
      // What goes wrong in a load is told at its end.
      const load = start(index).catch((error: unknown) => void (this.#failure ??= error));
      this.#loads.push(load);
    }
  }

  #stream(name: string, options: ConstructorParameters<typeof StreamClient>[2]): StreamClient {
    const client = new StreamClient(name, this.#context, options);
    this.#streams.push(client);
    return client;
  }

  #rest(name: string): RestClient {
    const client = new RestClient(name, this.#context);
    this.#rests.push(client);
    return client;
  }
}

/** Keeps a history for whoever looks into it. @returns the file's path */
export function keep(history: RunHistory, seed: number): string {
  const file = join(mkdtempSync(join(tmpdir(), 'zoogate-history-')), `seed-${seed}.json`);
  writeFileSync(file, JSON.stringify(history));
  return file;
}

/** Nodes of a cluster as its clients know them: also those that are down or stand still. */
export function placesOf({ nodes }: Pick<Cluster, 'nodes'>): Places {
  const known = new Map<number, Place>();
  return () => {
    for (const { id, process } of nodes.values()) {
      if (process !== undefined) known.set(id, { id, url: process.url });
    }
    return [...known.values()];
  };
}
