/**
 * An ensemble in one process: real replicas over disks in memory and a mesh of links that the test cuts.
 * Nothing happens by itself: time passes when the test says so, in steps in which every node's timers run
 * and everything that is under way arrives; so a run of the same program is the same run.
 */
import { crc32 } from 'node:zlib';
import type {
  CoordinatorAnswer,
  CoordinatorMessage,
  RequestMessage,
} from '../../src/protocol/coordination.ts';
import { noStream } from '../../src/protocol/coordination.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Operation } from '../../src/protocol/operations.ts';
import { parsePath } from '../../src/protocol/path.ts';
import { createReplica } from '../../src/replica/index.ts';
import type { Replica, ReplicaSettings, Scheduler } from '../../src/replica/index.ts';
import { Storage } from '../../src/storage/index.ts';
import type { StorageOptions } from '../../src/storage/storage.ts';
import { MemoryDisk } from './memory-disk.ts';
import type { MemoryDiskOptions } from './memory-disk.ts';
import { MemoryMesh } from './memory-transport.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';

export interface EnsembleOptions {
  /** Ids; default three. */
  readonly voters?: readonly number[];
  readonly observers?: readonly number[];
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<ReplicaSettings>;
  readonly storage?: Partial<StorageOptions>;
  /** Of the disk of each node, in its first life. */
  readonly disk?: (id: number) => MemoryDiskOptions;
  /** For elections and session secrets. */
  readonly seed?: number;
  /** Deliveries come in any order between links, and a cut leaves a part of what was under way. */
  readonly unruly?: boolean;
}

/** One step of time, milliseconds: the pace of the replicas' own clockwork. */
const STEP_MS = 20;

/** Turns of the event loop without anything to do after which all is quiet. */
const QUIET_TURNS = 6;

type Answer = Extract<CoordinatorAnswer, { type: 'result' | 'error' }>;

export class InProcessEnsemble {
  readonly mesh: MemoryMesh;
  readonly random: Random;
  readonly options: EnsembleOptions;
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  readonly #nodes = new Map<number, EnsembleNode>();
  nowMs = 1000;

  private constructor(options: EnsembleOptions) {
    this.options = options;
    this.voters = options.voters ?? [1, 2, 3];
    this.observers = options.observers ?? [];
    this.random = seededRandom(options.seed ?? 1);
    this.mesh = new MemoryMesh(options.unruly === true ? { random: this.random } : {});
  }

  /** All members started, and as soon as it resolves a leader serving. */
  static async start(options: EnsembleOptions = {}): Promise<InProcessEnsemble> {
    const ensemble = new InProcessEnsemble(options);
    for (const id of ensemble.members) await ensemble.startNode(id);
    await ensemble.untilServing();
    return ensemble;
  }

  get members(): readonly number[] {
    return [...this.voters, ...this.observers];
  }

  /** Those that run. */
  get nodes(): readonly EnsembleNode[] {
    return [...this.#nodes.values()].filter(({ isRunning }) => isRunning);
  }

  /** The node in its present or last life. */
  node(id: number): EnsembleNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} was never started`);
    return node;
  }

  /** Who leads and serves; of several the one with the greatest epoch. */
  get leader(): EnsembleNode | undefined {
    const leading = this.nodes.filter((node) => node.isServing && node.status.leader === node.id);
    return leading.sort((a, b) => b.status.epoch - a.status.epoch)[0];
  }

  /** @throws Error when nobody leads */
  get theLeader(): EnsembleNode {
    if (this.leader === undefined) throw new Error('nobody leads');
    return this.leader;
  }

  /** Running members that do not lead. */
  get learners(): readonly EnsembleNode[] {
    return this.nodes.filter((node) => node !== this.leader);
  }

  /** Starts a node on its disk, or on another one. */
  async startNode(id: number, disk?: MemoryDisk): Promise<EnsembleNode> {
    const present = this.#nodes.get(id);
    if (present?.isRunning === true) throw new Error(`node ${id} runs`);
    const own =
      disk ??
      present?.disk.kill(this.options.disk?.(id)) ??
      new MemoryDisk(this.options.disk?.(id));
    const node = await EnsembleNode.start(this, id, own);
    this.#nodes.set(id, node);
    return node;
  }

  /** The process ends at once; what its kernel has stays. */
  crash(id: number): void {
    this.node(id).kill();
  }

  /** The power goes: what was not synced is lost, kept or torn as chance will have it, or all lost. */
  losePower(id: number, random?: Random): void {
    const node = this.node(id);
    node.kill();
    node.disk = node.disk.powerLoss(random, this.options.disk?.(id));
  }

  async restart(id: number): Promise<EnsembleNode> {
    const node = this.node(id);
    if (node.isRunning) node.kill();
    return this.startNode(id, node.disk.kill(this.options.disk?.(id)));
  }

  /** The node's process stands still, as under SIGSTOP: nobody is told. */
  pause(id: number): void {
    this.mesh.pause(id);
    this.node(id).isPaused = true;
  }

  /** It goes on: what has come meanwhile arrives, and its timers run late, when time next passes. */
  resume(id: number): void {
    this.mesh.resume(id);
    this.node(id).isPaused = false;
  }

  /** Separates a node from all others. */
  isolate(id: number): void {
    for (const other of this.members) if (other !== id) this.mesh.cut(id, other);
  }

  /** Mends all links. */
  heal(): void {
    for (const a of this.members) for (const b of this.members) if (a < b) this.mesh.mend(a, b);
  }

  /** Everything that can happen without time passing. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS;) {
      let busy = false;
      for (const node of this.nodes) busy = node.turn() || busy;
      busy = this.mesh.settle().length > 0 || busy;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = busy ? 0 : quiet + 1;
    }
  }

  /** Time passes, step by step. */
  async pass(ms: number): Promise<void> {
    const until = this.nowMs + ms;
    while (this.nowMs < until) {
      const step = Math.min(STEP_MS, until - this.nowMs);
      this.nowMs += step;
      this.mesh.advance(step);
      for (const node of this.nodes) node.runTimers(this.nowMs);
      await this.settle();
    }
  }

  /** Time passes until `holds`. @throws Error when it does not within `maxMs` */
  async until(holds: () => boolean, maxMs = 30_000, what = 'what is waited for'): Promise<void> {
    await this.settle();
    for (const end = this.nowMs + maxMs; !holds();) {
      if (this.nowMs >= end) throw new Error(`${what}: not within ${maxMs} ms; ${this.describe()}`);
      await this.pass(STEP_MS);
    }
  }

  /** Time passes until `promise` is settled. */
  async during<Result>(promise: Promise<Result>, what = 'a promise'): Promise<Result> {
    const state = { done: false };
    const mark = (): void => {
      state.done = true;
    };
    promise.then(mark, mark);
    await this.until(() => state.done, 30_000, what);
    return promise;
  }

  /** All running members serve under one leader. */
  async untilServing(ids?: readonly number[]): Promise<void> {
    const wanted = ids ?? this.nodes.map(({ id }) => id);
    const serves = (id: number): boolean =>
      this.node(id).isServing && this.node(id).status.leader === this.leader?.id;
    await this.until(() => wanted.every(serves), 60_000, `${wanted.join(', ')} serve`);
  }

  /** All running members have applied the same. */
  async untilEqual(): Promise<void> {
    const isEqual = (): boolean =>
      new Set(this.nodes.map(({ status }) => status.appliedZxid)).size === 1;
    await this.until(isEqual, 60_000, 'all have applied the same');
  }

  describe(): string {
    const texts = [...this.#nodes.values()].map((node) => {
      if (!node.isRunning) return `${node.id} down${node.fatal ? ` (${node.fatal.message})` : ''}`;
      const { epoch, leader, appliedZxid, notReady = 'serves' } = node.status;
      return `${node.id} epoch ${epoch} leader ${leader ?? '-'} at ${appliedZxid}: ${notReady}`;
    });
    return texts.join('; ');
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.kill();
    await this.settle();
  }
}

interface Timer {
  readonly everyMs: number;
  readonly task: () => void;
  dueMs: number;
}

export class EnsembleNode {
  readonly id: number;
  readonly replica: Replica;
  disk: MemoryDisk;
  readonly answers: CoordinatorAnswer[] = [];
  /** What it has logged, one text each. */
  readonly log: readonly string[];
  /** What it said of what it found at its start. */
  readonly alarms: readonly string[];
  isPaused = false;
  readonly #world: NodeWorld;
  readonly #ensemble: InProcessEnsemble;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1_000_000;

  private constructor(
    ensemble: InProcessEnsemble,
    parts: { id: number; disk: MemoryDisk; replica: Replica; alarms: readonly string[] },
    world: NodeWorld,
  ) {
    this.#ensemble = ensemble;
    this.#world = world;
    this.id = parts.id;
    this.disk = parts.disk;
    this.replica = parts.replica;
    this.alarms = parts.alarms;
    this.log = world.log;
    this.replica.listen((batch) => {
      for (const answer of batch) this.#take(answer);
    });
  }

  static async start(
    ensemble: InProcessEnsemble,
    id: number,
    disk: MemoryDisk,
  ): Promise<EnsembleNode> {
    const { options, voters, observers, mesh, random } = ensemble;
    const world = new NodeWorld();
    const hex = (): string =>
      Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(16)).join('');
    const { storage, recovered } = await Storage.open({
      disk,
      checksum: (bytes, seed) => crc32(bytes, seed),
      randomId: hex,
      segmentBytes: 64 * 1024,
      onDamage: ensemble.members.length > 1 ? 'set-aside' : 'refuse',
      ...options.storage,
    });
    const replica = await createReplica({
      settings: {
        ...{ self: id, voters, observers, tickMs: 2000, url: `http://node${id}:8180` },
        limits: { ...defaultLimits, ...options.limits },
        ...{ sessionTimeoutMinMs: 4000, sessionTimeoutMaxMs: 600_000 },
        ...{ sessionTimeoutDefaultMs: 10_000, containerCheckMs: 60_000 },
        ...{ containerNeverUsedMs: 300_000, snapshotEveryTransactions: 1_000_000 },
        ...options.settings,
      },
      ...{ storage, recovered },
      clock: {
        monotonicMs: () => ensemble.nowMs,
        wallMs: () => 1_700_000_000_000 + ensemble.nowMs,
      },
      scheduler: world.scheduler(() => ensemble.nowMs),
      log: {
        info: (fields, text) => world.log.push(`${text} ${JSON.stringify(fields)}`),
        warn: (fields, text) => world.log.push(`warning: ${text} ${JSON.stringify(fields)}`),
      },
      randomBytes: (count) => new Uint8Array(count).map(() => Math.floor(random() * 256)),
      onFatal: (error) => {
        world.fatal ??= error;
        world.isRunning = false;
        // What its process would still do is not done.
        disk.kill();
        mesh.crash(id);
      },
    });
    const { alarms } = recovered;
    const node = new EnsembleNode(ensemble, { id, disk, replica, alarms }, world);
    const { incarnation } = recovered.identity;
    const self = {
      ...{ id, incarnation, boot: hex(), url: `http://node${id}:8180`, featureLevel: 1 },
      // As it is when a link is made.
      get clusterId(): string | undefined {
        return replica.status().clusterId || undefined;
      },
    };
    replica.start(mesh.join(self));
    return node;
  }

  get isRunning(): boolean {
    return this.#world.isRunning;
  }

  get fatal(): Error | undefined {
    return this.#world.fatal;
  }

  get status(): ReturnType<Replica['status']> {
    return this.replica.status();
  }

  get isServing(): boolean {
    return this.isRunning && this.status.notReady === undefined;
  }

  get digest(): string {
    return this.replica.metrics().digest;
  }

  submit(...messages: CoordinatorMessage[]): void {
    this.replica.submit(messages);
  }

  /** The answers since the last call, of streams and of requests with ids of the test's own. */
  take(): CoordinatorAnswer[] {
    return this.answers.splice(0);
  }

  /** A request that stands alone; resolves with its answer, which may need time to pass. */
  ask(operation: Operation, options: Partial<RequestMessage> = {}): Promise<Answer> {
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    const caller = { identities: [] };
    this.submit({ type: 'request', stream: noStream, id, operation, caller, ...options });
    return answered;
  }

  /** The same, and time passes until it is answered. */
  request(operation: Operation, options: Partial<RequestMessage> = {}): Promise<Answer> {
    return this.#ensemble.during(this.ask(operation, options), operation.type);
  }

  put(path: string, text: string): Promise<Answer> {
    const data = new TextEncoder().encode(text);
    return this.request({ type: 'put', path: parsePath(path), data });
  }

  /** The text of a znode by this node's own state; undefined where it is none. */
  async get(path: string, options: Partial<RequestMessage> = {}): Promise<string | undefined> {
    const answer = await this.request({ type: 'get', path: parsePath(path) }, options);
    if (answer.type === 'error') return undefined;
    const { data } = answer.result as { data: Uint8Array };
    return new TextDecoder().decode(data);
  }

  /** Ends at once: nothing of it does anything any more. */
  kill(): void {
    if (!this.isRunning) return;
    this.#world.isRunning = false;
    this.disk = this.disk.kill(this.#ensemble.options.disk?.(this.id));
    this.#ensemble.mesh.crash(this.id);
  }

  /** Ends in order. */
  async stop(): Promise<void> {
    await this.#ensemble.during(this.replica.stop(), `node ${this.id} stops`);
    this.#world.isRunning = false;
  }

  /** Runs what it has deferred. @returns whether there was anything */
  turn(): boolean {
    return !this.isPaused && this.#world.turn();
  }

  runTimers(nowMs: number): void {
    if (!this.isPaused) this.#world.runTimers(nowMs);
  }

  #take(answer: CoordinatorAnswer): void {
    if (!this.isRunning) return;
    const waiting =
      answer.type === 'result' || answer.type === 'error'
        ? this.#waiting.get(answer.id)
        : undefined;
    if (waiting === undefined) {
      this.answers.push(answer);
      return;
    }
    this.#waiting.delete((answer as Answer).id);
    waiting(answer as Answer);
  }
}

/** The event loop of one node. */
class NodeWorld {
  readonly log: string[] = [];
  isRunning = true;
  fatal: Error | undefined;
  readonly #deferred: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  scheduler(nowMs: () => number): Scheduler {
    return {
      defer: (task) => void this.#deferred.push(task),
      every: (everyMs, task) => {
        const timer = { everyMs, task, dueMs: nowMs() + everyMs };
        this.#timers.add(timer);
        return () => void this.#timers.delete(timer);
      },
    };
  }

  turn(): boolean {
    const tasks = this.#deferred.splice(0);
    for (const task of tasks) if (this.isRunning) task();
    return tasks.length > 0;
  }

  runTimers(nowMs: number): void {
    for (const timer of [...this.#timers]) {
      if (timer.dueMs > nowMs || !this.isRunning) continue;
      timer.dueMs = nowMs + timer.everyMs;
      timer.task();
    }
  }
}
