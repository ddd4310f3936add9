/** Several nodes, the links between them and the time, all of it as chance or a test wants it. */
import type { LogRecord, ZabMessage } from '../../../../src/zab/index.ts';
import { seededRandom } from '../../../support/random.ts';
import { emptyImage } from './disk.ts';
import type { Image } from './disk.ts';
import { Node } from './node.ts';
import { Oracle } from './oracle.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers: number;
  readonly ringRecords?: number;
}

const TICK_MS = 20;

export class World {
  readonly oracle = new Oracle();
  readonly random: (bound: number) => number;
  readonly nodes = new Map<number, Node>();
  readonly images = new Map<number, Image>();
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  /** First directories that are lost. What was acknowledged from there counted rightly. */
  readonly wiped = new Map<number, Image | undefined>();
  nowMs = 0;
  readonly #options: WorldOptions;
  /** Messages on their way, by `from-to`. */
  readonly #links = new Map<string, ZabMessage[]>();
  /** Pairs that cannot be linked. */
  readonly #cut = new Set<string>();
  #proposals = 0;
  #lives = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const random = seededRandom(options.seed);
    this.random = (bound) => Math.floor(random() * bound);
    const ids = (count: number, from: number): number[] =>
      Array.from({ length: count }, (_, index) => from + index);
    this.voters = ids(options.voters, 1);
    this.observers = ids(options.observers, options.voters + 1);
    for (const id of this.ids) this.images.set(id, emptyImage(this.#life(id)));
    for (const id of this.ids) this.boot(id);
  }

  get ids(): readonly number[] {
    return [...this.voters, ...this.observers];
  }

  get leaders(): readonly Node[] {
    return [...this.nodes.values()].filter(({ zab }) => zab.status.established);
  }

  send(from: number, to: number, message: ZabMessage): void {
    this.#links.get(`${from}-${to}`)?.push(message);
  }

  isOnQuorum(record: LogRecord): boolean {
    const holders = this.voters.filter((id) => {
      const now = this.nodes.get(id)?.image ?? this.images.get(id);
      const before = this.wiped.get(id);
      const isCounted = before === undefined || before.incarnation === now?.incarnation;
      return [before, isCounted ? now : undefined].some(
        (image) => image !== undefined && holds(image, record),
      );
    });
    return holders.length > this.voters.length / 2;
  }

  boot(id: number): void {
    const image = this.images.get(id);
    if (image === undefined || this.nodes.has(id)) return;
    const { voters, observers, random } = this;
    const { ringRecords = 5 } = this.#options;
    const node = new Node({ self: id, voters, observers, random, ringRecords }, this, image);
    this.nodes.set(id, node);
    node.start(this.nowMs);
    for (const other of this.ids) this.connect(id, other);
  }

  crash(id: number): void {
    const node = this.nodes.get(id);
    if (node === undefined) return;
    this.nodes.delete(id);
    for (const other of this.ids) if (other !== id) this.disconnect(id, other);
    this.images.set(id, node.crashImage(this.random));
  }

  /** The log of a node that is down is found to be damaged; its promise and its name are intact. */
  damage(id: number): void {
    const image = this.images.get(id);
    if (image?.clusterId === undefined) return;
    const { incarnation, promise, clusterId } = image;
    this.wiped.set(id, image);
    this.images.set(id, { ...emptyImage(incarnation), promise, clusterId, recovering: true });
  }

  /** The directory of a node that is down is lost. */
  wipe(id: number): void {
    this.wiped.set(id, this.images.get(id));
    this.images.set(id, emptyImage(this.#life(id)));
  }

  connect(a: number, b: number): void {
    const [one, other] = [this.nodes.get(a), this.nodes.get(b)];
    if (a === b || one === undefined || other === undefined) return;
    if (this.#cut.has(pair(a, b)) || this.#links.has(`${a}-${b}`)) return;
    if (one.paused || other.paused) return;
    this.#links.set(`${a}-${b}`, []);
    this.#links.set(`${b}-${a}`, []);
    const [onePeer, otherPeer] = [one.peer, other.peer];
    one.zab.peerUp(otherPeer);
    other.zab.peerUp(onePeer);
    one.drive();
    other.drive();
  }

  disconnect(a: number, b: number): void {
    if (!this.#links.delete(`${a}-${b}`)) return;
    this.#links.delete(`${b}-${a}`);
    for (const [id, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const node = this.nodes.get(id);
      node?.zab.peerDown(peer);
      node?.drive();
    }
  }

  cut(a: number, b: number): void {
    this.#cut.add(pair(a, b));
    // A cable that is cut tells nobody; only a closed connection does.
    if (this.random(2) === 0) this.disconnect(a, b);
  }

  heal(): void {
    this.#cut.clear();
    for (const node of this.nodes.values()) node.paused = false;
  }

  /** Delivers one message of some link. */
  deliver(): boolean {
    const busy = [...this.#links].filter(([key, queue]) => {
      if (queue.length === 0) return false;
      const [from = 0, to = 0] = key.split('-').map(Number);
      return !this.#cut.has(pair(from, to)) && this.nodes.get(to)?.paused === false;
    });
    const chosen = busy[this.random(busy.length)];
    if (chosen === undefined) return false;
    const [key, queue] = chosen;
    const [from = 0, to = 0] = key.split('-').map(Number);
    const message = queue.shift();
    const node = this.nodes.get(to);
    if (message === undefined || node === undefined) return false;
    node.zab.step(from, message);
    node.drive();
    return true;
  }

  /** Completes one piece of some disk's work, but not of the disk of `slow`. */
  completeDisk(slow = 0): boolean {
    const busy = [...this.nodes.values()].filter(
      ({ id, work, promises, reads, paused }) =>
        !paused && id !== slow && work.length + promises.length + reads.length > 0,
    );
    const node = busy[this.random(busy.length)];
    if (node === undefined) return false;
    const kind = this.random(3);
    if (kind === 0 && node.completePromise()) return true;
    if (kind === 1 && node.completeRead()) return true;
    return node.completeWork() || node.completePromise() || node.completeRead();
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.nowMs += TICK_MS;
      for (const node of this.nodes.values()) if (!node.paused) node.tick(this.nowMs);
      if (this.nowMs % 100 === 0) this.#reconnect();
    }
  }

  propose(): void {
    const leaders = this.leaders.filter(({ paused }) => !paused);
    leaders[this.random(leaders.length)]?.propose(`proposal ${this.#proposals++}`);
  }

  pick(): Node | undefined {
    const all = [...this.nodes.values()];
    return all[this.random(all.length)];
  }

  /** Lets everything go on undisturbed for a while. */
  settle(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      for (let steps = 0; steps < 10_000; steps++) {
        if (!this.deliver() && !this.completeDisk()) break;
      }
      this.pass(TICK_MS);
    }
  }

  #reconnect(): void {
    for (const a of this.ids) for (const b of this.ids) if (a < b) this.connect(a, b);
  }

  #life(id: number): string {
    return `life-${id}-${this.#lives++}`;
  }
}

function holds({ base, records }: Image, { zxid, chain }: LogRecord): boolean {
  return (
    base.position.zxid >= zxid || records.some((kept) => kept.zxid === zxid && kept.chain === chain)
  );
}

function pair(a: number, b: number): string {
  return `${Math.min(a, b)}-${Math.max(a, b)}`;
}
