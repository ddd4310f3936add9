/**
 * An ensemble of real processes of the built executable, on real directories, with a proxy between any two of
 * them: everything that can happen to machines and cables short of their breaking can be done to it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { httpClient } from './http-client.ts';
import type { Http, HttpAnswer } from './http-client.ts';
import { startServer, temporaryDirectory } from './server-process.ts';
import type { Exit, ServerProcess } from './server-process.ts';
import { TcpProxy } from './tcp-proxy.ts';
import type { LinkFault } from './tcp-proxy.ts';
import { until } from './waiting.ts';
import { freePort } from './free-port.ts';

export interface ClusterOptions {
  readonly voters: number;
  readonly observers?: number;
  /** Flags of every node. */
  readonly args?: readonly string[];
  /** Where a node keeps its data; by default below a directory that goes with the test. */
  readonly dataDir?: (id: number) => string;
  /** How many descriptors each node may open. */
  readonly descriptors?: number;
}

export interface MemberStatus {
  readonly id: number;
  readonly role: string;
  readonly state: string;
  readonly zxid: number | null;
  readonly lag: number | null;
}

export interface EnsembleStatus {
  readonly clusterId: string;
  readonly epoch: number;
  readonly leader: number | null;
  readonly readOnly: boolean;
  readonly members: readonly MemberStatus[];
  readonly self: number;
}

/** How a node is started otherwise than the others. */
export interface StartOptions {
  /** Behind the flags that it has anyway. */
  readonly args?: readonly string[];
  /** Instead of the member list that goes through the proxies. */
  readonly members?: readonly string[];
  readonly dataDir?: string;
  /** Says that it is another node. */
  readonly as?: number;
}

/** Small and quick, so that little time has everything in it. */
const usualArgs = [
  ...['--tick-ms', '100', '--min-session-timeout', '500', '--log-level', 'info'],
  ...['--segment-size', '1MiB', '--log-format', 'json'],
];

const statusDeadlineMs = 1000;

export class ClusterNode {
  readonly id: number;
  readonly role: 'voter' | 'observer';
  readonly peerPort: number;
  readonly dataDir: string;
  process: ServerProcess | undefined;
  isPaused = false;
  /** Everything that its earlier processes have logged. */
  pastLog = '';

  constructor(fields: Pick<ClusterNode, 'id' | 'role' | 'peerPort' | 'dataDir'>) {
    this.id = fields.id;
    this.role = fields.role;
    this.peerPort = fields.peerPort;
    this.dataDir = fields.dataDir;
  }

  get isUp(): boolean {
    return this.process !== undefined && !this.isPaused;
  }

  /** @throws Error while there is no process */
  get running(): ServerProcess {
    if (this.process === undefined) throw new Error(`node ${this.id} is not running`);
    return this.process;
  }

  get url(): string {
    return this.running.url;
  }

  get http(): Http {
    return httpClient(this.url);
  }

  /** A request that does not wait for ever, as one to a paused process would. */
  ask(method: string, path: string, deadlineMs = statusDeadlineMs): Promise<HttpAnswer> {
    return this.http(method, path, { signal: AbortSignal.timeout(deadlineMs) });
  }

  async status(): Promise<EnsembleStatus> {
    return (await this.ask('GET', '/ensemble')).json() as unknown as EnsembleStatus;
  }

  /** Everything it has logged. */
  get log(): string {
    const { process } = this;
    return `${this.pastLog}${process?.stdout() ?? ''}${process?.stderr() ?? ''}`;
  }
}

export class Cluster {
  readonly nodes = new Map<number, ClusterNode>();
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #args: readonly string[];
  readonly #descriptors: number | undefined;

  private constructor({ args = [], descriptors }: ClusterOptions) {
    this.#args = [...usualArgs, ...args];
    this.#descriptors = descriptors;
  }

  /** All nodes serve when it resolves. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.prepare(options);
    try {
      await Promise.all([...cluster.nodes.keys()].map((id) => cluster.startNode(id)));
      await cluster.settled();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** The same without any process yet. */
  static async prepare({ voters, observers = 0, ...options }: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster({ voters, ...options });
    const place = temporaryDirectory();
    for (let id = 1; id <= voters + observers; id += 1) {
      const dataDir = options.dataDir?.(id) ?? join(place, `node-${id}`);
      mkdirSync(dataDir, { recursive: true });
      const role = id <= voters ? 'voter' : 'observer';
      const peerPort = await freePort();
      cluster.nodes.set(id, new ClusterNode({ id, role, peerPort, dataDir }));
    }
    for (const from of cluster.nodes.values()) {
      for (const to of cluster.nodes.values()) {
        if (from === to) continue;
        const target = { host: '127.0.0.1', port: to.peerPort };
        const proxy = await TcpProxy.start(() => target);
        cluster.#proxies.set(`${from.id}>${to.id}`, proxy);
      }
    }
    return cluster;
  }

  get ids(): readonly number[] {
    return [...this.nodes.keys()];
  }

  get voters(): readonly number[] {
    return this.ids.filter((id) => this.node(id).role === 'voter');
  }

  /** Those that run and are not paused. */
  get up(): readonly number[] {
    return this.ids.filter((id) => this.node(id).isUp);
  }

  node(id: number): ClusterNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** The flags by which a node knows the others, each behind its proxy. */
  memberFlags(id: number): readonly string[] {
    if (this.nodes.size === 1) return [];
    return this.ids.flatMap((other) => {
      const { role, peerPort } = this.node(other);
      const proxy = this.#proxies.get(`${id}>${other}`);
      const flag = role === 'voter' ? '--member' : '--observer';
      return [flag, `${other}=127.0.0.1:${proxy?.port ?? peerPort}`];
    });
  }

  /** Resolves when its client port is open; whether it serves is another matter. */
  async startNode(id: number, options: StartOptions = {}): Promise<ClusterNode> {
    const node = this.node(id);
    if (node.process !== undefined) throw new Error(`node ${id} runs already`);
    const args = [
      ...['--id', String(options.as ?? id), ...this.#args, '--peer-port', String(node.peerPort)],
      ...(options.members ?? this.memberFlags(id)),
      ...(options.args ?? []),
    ];
    const process = await startServer({
      ...{ dataDir: options.dataDir ?? node.dataDir, args },
      ...(this.#descriptors !== undefined && { descriptors: this.#descriptors }),
    });
    node.process = process;
    node.isPaused = false;
    // A process that ends by itself is no longer there.
    void process.exited.then(() => this.#forget(node, process));
    return node;
  }

  /** SIGKILL, or SIGTERM and the end in order. */
  async end(id: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<Exit> {
    const node = this.node(id);
    const { running } = node;
    if (node.isPaused && signal === 'SIGTERM') this.resume(id);
    const exit = await running.kill(signal);
    this.#forget(node, running);
    return exit;
  }

  async restart(id: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.end(id, signal);
    await this.startNode(id);
  }

  /** The machine stands still, and knows nothing of it afterwards. */
  pause(id: number): void {
    const node = this.node(id);
    process.kill(node.running.pid, 'SIGSTOP');
    node.isPaused = true;
  }

  resume(id: number): void {
    const node = this.node(id);
    process.kill(node.running.pid, 'SIGCONT');
    node.isPaused = false;
  }

  /** A new disk; the process must have ended. */
  wipe(id: number): void {
    const node = this.node(id);
    if (node.process !== undefined) throw new Error(`node ${id} is still running`);
    rmSync(node.dataDir, { recursive: true, force: true });
    mkdirSync(node.dataDir, { recursive: true });
  }

  /** What becomes of the bytes that `from` sends to `to`, whoever of the two has dialled. */
  link(from: number, to: number, fault: LinkFault): void {
    this.#proxies.get(`${from}>${to}`)?.set('out', fault);
    this.#proxies.get(`${to}>${from}`)?.set('back', fault);
  }

  /** Both directions. */
  between(one: number, other: number, fault: LinkFault): void {
    this.link(one, other, fault);
    this.link(other, one, fault);
  }

  /** Nobody of `group` hears anybody outside it, nor the other way. */
  partition(group: readonly number[], fault: LinkFault = { cut: true }): void {
    for (const one of group) {
      for (const other of this.ids) if (!group.includes(other)) this.between(one, other, fault);
    }
  }

  reset(one: number, other: number): void {
    this.#proxies.get(`${one}>${other}`)?.reset();
    this.#proxies.get(`${other}>${one}`)?.reset();
  }

  /** Every link is as it should be; paused processes go on. */
  heal(): void {
    for (const proxy of this.#proxies.values()) {
      proxy.set('out', {});
      proxy.set('back', {});
    }
    for (const id of this.ids) if (this.node(id).isPaused) this.resume(id);
  }

  /** The node that leads in its own opinion, of the highest epoch; undefined when there is none. */
  async leader(): Promise<number | undefined> {
    const statuses = await Promise.all(
      this.up.map((id) =>
        this.node(id)
          .status()
          .catch(() => undefined),
      ),
    );
    const leading = statuses.filter((status) => status?.leader === status?.self);
    leading.sort((a, b) => (b?.epoch ?? 0) - (a?.epoch ?? 0));
    return leading[0]?.self;
  }

  /** A leader that is none of those. */
  async newLeader(...notThose: readonly number[]): Promise<number> {
    return until('a new leader', async () => {
      const leader = await this.leader();
      return leader === undefined || notThose.includes(leader) ? undefined : leader;
    });
  }

  /** Resolves when every node that is up serves clients. */
  async settled(ids: readonly number[] = this.up, deadlineMs = 30_000): Promise<void> {
    let last = '';
    const isReady = async (id: number): Promise<boolean> => {
      const { status, text } = await this.node(id).ask('GET', '/health/ready');
      if (status !== 200) last = `node ${id}: ${text}`;
      return status === 200;
    };
    const ask = async (): Promise<true | undefined> => {
      const ready = await Promise.all(ids.map(isReady));
      return ready.every(Boolean) ? true : undefined;
    };
    try {
      await until('readiness', ask, deadlineMs);
    } catch (error) {
      throw new Error(`nodes ${ids.join()} do not serve: ${last}\n${this.tails()}`, {
        cause: error,
      });
    }
  }

  /** The last lines of every node's log. */
  tails(lines = 12): string {
    return [...this.nodes.values()]
      .map(({ id, log }) => `--- node ${id}\n${log.trimEnd().split('\n').slice(-lines).join('\n')}`)
      .join('\n');
  }

  /** Ends everything, whatever state it is in. */
  async stop(): Promise<void> {
    const running = [...this.nodes.values()].flatMap(({ process }) => process ?? []);
    await Promise.all(running.map((process) => process.kill('SIGKILL')));
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }

  #forget(node: ClusterNode, process: ServerProcess): void {
    if (node.process !== process) return;
    node.pastLog = node.log;
    node.process = undefined;
    node.isPaused = false;
  }
}
