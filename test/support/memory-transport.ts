/**
 * The links of an ensemble in one process: every node's `Transport` over one mesh that does nothing by
 * itself. It has no timers and draws on no chance but the one it is given; time is what the test says it
 * is. Nothing arrives before the test delivers it (`step`, `settle`, `advance`), so that a run can be
 * repeated from its seed.
 *
 * What is on a connection keeps its order; connections are independent of one another. A link can be
 * `cut` (both ends are told, what was under way is lost), `hold` (it stays up and silent, as behind a
 * switch that drops everything) and made slow (`delay`), in one direction or both.
 */
import { assert } from '../../src/protocol/assert.ts';
import type {
  DownReason,
  PeerLink,
  Transport,
  TransportHandlers,
} from '../../src/transport/transport.ts';
import { decodeMessage, encodeMessage } from '../../src/transport/codec.ts';
import { frameHeaderBytes } from '../../src/transport/frames.ts';
import type { ZabMessage } from '../../src/zab/index.ts';
import type { Random } from './random.ts';

export interface MemoryMeshOptions {
  /** Which of the deliveries that are due comes next; without it the lowest pair of ids, in turn. */
  readonly random?: Random;
  /** Sees every message as it is sent; what it returns travels instead, undefined = the message is lost. */
  readonly filter?: (from: number, to: number, message: ZabMessage) => ZabMessage | undefined;
  /** False hands messages over as objects, which is faster; else they travel as bytes, as on real links. */
  readonly asBytes?: boolean;
}

type Item =
  | { readonly type: 'up'; readonly peer: PeerLink }
  | { readonly type: 'down'; readonly why: DownReason }
  | { readonly type: 'message'; readonly message: ZabMessage; readonly bytes: number }
  | { readonly type: 'payload'; readonly bytes: Uint8Array };

/** One direction: what `to` will see of `from`. */
interface Lane {
  readonly from: number;
  readonly to: number;
  items: { readonly item: Item; readonly dueMs: number }[];
  delayMs: number;
  held: boolean;
}

/** A delivery that has been made, for traces. */
export interface Delivery {
  readonly from: number;
  readonly to: number;
  readonly what: 'up' | 'down' | 'payload' | ZabMessage['type'];
}

export class MemoryMesh {
  readonly #options: MemoryMeshOptions;
  readonly #nodes = new Map<number, MemoryTransport>();
  readonly #lanes = new Map<string, Lane>();
  /** Pairs that are connected, and those that the test keeps apart. */
  readonly #connected = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #paused = new Set<number>();
  #nowMs = 0;
  #turn = 0;

  constructor(options: MemoryMeshOptions = {}) {
    this.#options = options;
  }

  /** A node of the mesh, or the next life of one that was stopped. Connects when it is started. */
  join(self: PeerLink): Transport {
    assert(!this.#nodes.has(self.id), `node ${String(self.id)} is in the mesh already`);
    return new MemoryTransport(self, this);
  }

  /** The time by which delays are judged, milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Lets time pass; delivers nothing. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** When the next delivery falls due; undefined when nothing is under way that could be delivered. */
  nextDueMs(): number | undefined {
    const due = [...this.#lanes.values()].flatMap((lane) => {
      const [first] = lane.items;
      return first === undefined || this.#isStill(lane) ? [] : [first.dueMs];
    });
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /**
   * Delivers what one read of a socket would bring: all that is due in one direction, at most `max`
   * messages, and then tells `idle`. @returns what was delivered, empty when nothing is due
   */
  step(max = Number.MAX_SAFE_INTEGER): readonly Delivery[] {
    const lanes = [...this.#lanes.values()]
      .filter((lane) => this.#isDue(lane))
      .sort((a, b) => a.from - b.from || a.to - b.to);
    if (lanes.length === 0) return [];
    const { random } = this.#options;
    const choice = random === undefined ? this.#turn++ : Math.floor(random() * lanes.length);
    const lane = lanes[choice % lanes.length];
    assert(lane !== undefined, 'one of the lanes is chosen');
    return this.#deliver(lane, max);
  }

  /** Delivers what `from` has sent to `to` and is due, at most `max` messages. */
  deliver(from: number, to: number, max = Number.MAX_SAFE_INTEGER): readonly Delivery[] {
    const lane = this.#lane(from, to);
    return this.#isDue(lane) ? this.#deliver(lane, max) : [];
  }

  /** Steps until nothing is due. @throws InvariantError when there is no end of it. */
  settle(stepsMax = 100_000): readonly Delivery[] {
    const all: Delivery[] = [];
    for (let steps = 0; ; steps++) {
      assert(steps < stepsMax, `the mesh does not settle within ${String(stepsMax)} steps`);
      const delivered = this.step();
      if (delivered.length === 0) return all;
      all.push(...delivered);
    }
  }

  /** Messages under way from one node to another. */
  inFlight(from: number, to: number): readonly ZabMessage[] {
    return this.#lane(from, to).items.flatMap(({ item }) =>
      item.type === 'message' ? [item.message] : [],
    );
  }

  /** Ends the connection of two nodes and keeps them apart until `mend`. */
  cut(a: number, b: number, reason = 'The test has cut the link.'): void {
    this.#cut.add(pairOf(a, b));
    this.#disconnect(a, b, { reason, refused: false });
  }

  /** Lets two nodes connect again, and connects them if both are there. */
  mend(a: number, b: number): void {
    this.#cut.delete(pairOf(a, b));
    this.#connect(a, b);
  }

  /** Cuts all links between members of different groups, and mends those within a group. */
  partition(...groups: readonly (readonly number[])[]): void {
    const all = groups.flat();
    for (const a of all) {
      for (const b of all.filter((id) => id > a)) {
        const together = groups.some((group) => group.includes(a) && group.includes(b));
        if (together) this.mend(a, b);
        else this.cut(a, b);
      }
    }
  }

  /** What is sent from one node to the other waits until `release`; neither end is told. */
  hold(from: number, to: number): void {
    this.#lane(from, to).held = true;
  }

  release(from: number, to: number): void {
    this.#lane(from, to).held = false;
  }

  /** From now on what is sent from one node to the other takes `ms` milliseconds. */
  delay(from: number, to: number, ms: number): void {
    this.#lane(from, to).delayMs = ms;
  }

  /** Nothing is delivered to a node that stands still, as under SIGSTOP, until `resume`. */
  pause(node: number): void {
    this.#paused.add(node);
  }

  resume(node: number): void {
    this.#paused.delete(node);
  }

  /** Ends a node as `kill -9` does: its peers learn that its port refuses. */
  crash(node: number): void {
    this.#leave(node);
  }

  /** For `MemoryTransport` only. */
  readonly internals = {
    entered: (node: MemoryTransport): void => {
      const { id } = node.self;
      assert(!this.#nodes.has(id), `node ${String(id)} is in the mesh already`);
      this.#nodes.set(id, node);
      for (const other of this.#nodes.keys()) if (other !== id) this.#connect(id, other);
    },
    left: (node: MemoryTransport): void => {
      if (this.#nodes.get(node.self.id) === node) this.#leave(node.self.id);
    },
    send: (from: number, to: number, item: Item): void => {
      if (!this.#connected.has(pairOf(from, to))) return;
      if (item.type === 'message') this.#pushMessage(from, to, item.message);
      else this.#push(from, to, item);
    },
    disconnect: (from: number, to: number, reason: string): void => {
      if (!this.#connected.has(pairOf(from, to))) return;
      this.#disconnect(from, to, { reason, refused: false }, from);
      const isTold = [this.#lane(from, to), this.#lane(to, from)].some(
        ({ items }) => items.at(-1)?.item.type === 'down',
      );
      if (!isTold) this.#connect(from, to);
    },
    connected: (a: number, b: number): boolean => this.#connected.has(pairOf(a, b)),
    queuedBytes: (from: number, to: number): number =>
      this.#lane(from, to).items.reduce((sum, { item }) => sum + bytesOf(item), 0),
  };

  #lane(from: number, to: number): Lane {
    const key = `${String(from)}>${String(to)}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { from, to, items: [], delayMs: 0, held: false };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #isStill(lane: Lane): boolean {
    return lane.held || this.#paused.has(lane.to);
  }

  #isDue(lane: Lane): boolean {
    const [first] = lane.items;
    return first !== undefined && first.dueMs <= this.#nowMs && !this.#isStill(lane);
  }

  #push(from: number, to: number, item: Item): void {
    const lane = this.#lane(from, to);
    const before = lane.items.at(-1)?.dueMs ?? 0;
    lane.items.push({ item, dueMs: Math.max(before, this.#nowMs + lane.delayMs) });
  }

  #pushMessage(from: number, to: number, sent: ZabMessage): void {
    const { filter, asBytes = true } = this.#options;
    const message = filter === undefined ? sent : filter(from, to, sent);
    if (message === undefined) return;
    if (!asBytes) {
      this.#push(from, to, { type: 'message', message, bytes: 0 });
      return;
    }
    const { head, tail } = encodeMessage(message);
    const bytes = Buffer.concat([head.subarray(frameHeaderBytes), ...tail]);
    this.#push(from, to, { type: 'message', message: decodeMessage(bytes), bytes: bytes.length });
  }

  #connect(a: number, b: number): void {
    const [first, second] = [this.#nodes.get(a), this.#nodes.get(b)];
    if (first === undefined || second === undefined) return;
    const pair = pairOf(a, b);
    if (this.#connected.has(pair) || this.#cut.has(pair)) return;
    this.#connected.add(pair);
    this.#push(a, b, { type: 'up', peer: { ...first.self } });
    this.#push(b, a, { type: 'up', peer: { ...second.self } });
  }

  /**
   * What was under way is lost; by chance, where there is one, a first part of it still arrives, as after a
   * crash whose last packets were out already, but not at the end that has ended it. An `up` that nobody has
   * seen goes without a `down`.
   */
  #disconnect(a: number, b: number, why: DownReason, by?: number): void {
    if (!this.#connected.delete(pairOf(a, b))) return;
    const { random } = this.#options;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const lane = this.#lane(from, to);
      const up = lane.items.findLastIndex(({ item }) => item.type === 'up');
      const down = lane.items.findLastIndex(({ item }) => item.type === 'down');
      const isUnseen = up > down;
      const start = isUnseen ? up : down + 1;
      const count = lane.items.length - start;
      const isSpared = random !== undefined && to !== by;
      const kept = isSpared ? Math.floor(random() * (count + 1)) : 0;
      lane.items = lane.items.slice(0, start + kept);
      if (kept > 0 || !isUnseen) this.#push(from, to, { type: 'down', why });
    }
  }

  #leave(node: number): void {
    this.#nodes.get(node)?.forget();
    this.#nodes.delete(node);
    this.#paused.delete(node);
    const reason = `Node ${String(node)} has ended: its port refuses connections.`;
    for (const other of this.#nodes.keys()) {
      this.#disconnect(node, other, { reason, refused: true });
    }
    for (const lane of this.#lanes.values()) if (lane.to === node) lane.items = [];
  }

  #deliver(lane: Lane, max: number): readonly Delivery[] {
    const node = this.#nodes.get(lane.to);
    const delivered: Delivery[] = [];
    while (delivered.length < max && this.#isDue(lane)) {
      const item = lane.items.shift()?.item;
      if (item === undefined || node?.handlers === undefined) break;
      delivered.push({ from: lane.from, to: lane.to, what: whatOf(item) });
      tell(node.handlers, lane.from, item);
    }
    if (delivered.length > 0) node?.handlers?.idle();
    // Whoever has learned of the end of a connection makes a new one.
    if (delivered.some(({ what }) => what === 'down')) this.#connect(lane.from, lane.to);
    return delivered;
  }
}

class MemoryTransport implements Transport {
  readonly self: PeerLink;
  readonly #mesh: MemoryMesh['internals'];
  handlers: TransportHandlers | undefined;

  constructor(self: PeerLink, mesh: MemoryMesh) {
    this.self = self;
    this.#mesh = mesh.internals;
  }

  start(handlers: TransportHandlers): void {
    assert(this.handlers === undefined, 'a transport is started once');
    this.handlers = handlers;
    this.#mesh.entered(this);
  }

  send(peer: number, message: ZabMessage): void {
    this.#mesh.send(this.self.id, peer, { type: 'message', message, bytes: 0 });
  }

  sendPayload(peer: number, bytes: Uint8Array): void {
    this.#mesh.send(this.self.id, peer, { type: 'payload', bytes });
  }

  disconnect(peer: number, reason: string): void {
    this.#mesh.disconnect(this.self.id, peer, reason);
  }

  connected(peer: number): boolean {
    return this.#mesh.connected(this.self.id, peer);
  }

  queuedBytes(peer: number): number {
    return this.#mesh.queuedBytes(this.self.id, peer);
  }

  async stop(): Promise<void> {
    this.#mesh.left(this);
  }

  /** Of a node that has ended no handler is called any more. */
  forget(): void {
    this.handlers = undefined;
  }
}

function tell(handlers: TransportHandlers, from: number, item: Item): void {
  switch (item.type) {
    case 'up':
      handlers.up(item.peer);
      break;
    case 'down':
      handlers.down(from, item.why);
      break;
    case 'message':
      handlers.message(from, item.message);
      break;
    case 'payload':
      handlers.payload(from, item.bytes);
  }
}

const pairOf = (a: number, b: number): string =>
  a < b ? `${String(a)}-${String(b)}` : `${String(b)}-${String(a)}`;

const whatOf = (item: Item): Delivery['what'] =>
  item.type === 'message' ? item.message.type : item.type;

const bytesOf = (item: Item): number =>
  item.type === 'message' ? item.bytes : item.type === 'payload' ? item.bytes.length : 0;
