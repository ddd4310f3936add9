/**
 * The network between machines, as TCP shows it: what is written on a connection arrives in order or not at
 * all, in pieces that nobody has chosen; connections are independent of one another. Each direction between
 * two machines can be slow or cut; nobody is told of a cut.
 */
import { crc32 } from 'node:zlib';
import type {
  Address,
  CloseReason,
  Connection,
  ConnectionEvents,
  Listener,
  Network,
} from '../../../src/transport/network.ts';
import { Lane } from './lane.ts';
import type { Segment } from './lane.ts';
import type { Chance } from './chance.ts';
import type { World } from './world.ts';

const US_PER_MS = 1000;

/** A SYN that is not answered is sent again, microseconds. */
const SYN_AGAIN_US = 1_000_000;

const endedByPeer: CloseReason = { reason: 'the other end closed it', refused: false };
const reset: CloseReason = { reason: 'read ECONNRESET', refused: false };
const refused: CloseReason = { reason: 'connect ECONNREFUSED', refused: true };

/** One direction between two machines. */
export interface Link {
  /** The mean time of a packet, milliseconds: a fixed part and one by chance. */
  baseMs: number;
  jitterMs: number;
  /** Bytes a millisecond. */
  bandwidth: number;
  isCut: boolean;
  /** When the last byte that was sent has left, microseconds. */
  busyUntilUs: number;
}

/** Who is behind an address; a machine that is off is nobody. */
export interface Host {
  readonly id: number;
  /** Hands input to the process; false when it is gone. */
  input(task: () => void): void;
  readonly isAlive: boolean;
  /** False when it is no more, and does not write what it is about to. */
  sends(): boolean;
}

interface Listening {
  readonly host: Host;
  readonly accept: (connection: Connection) => ConnectionEvents;
}

export interface NetworkOptions {
  /** Probability that what arrives is read in two pieces. */
  readonly fragmentation: number;
}

export class SimulatedNetwork {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #options: NetworkOptions;
  readonly #links = new Map<number, Link>();
  readonly #listening = new Map<number, Listening>();
  /** Machines whose kernel answers. */
  readonly #powered = new Set<number>();
  readonly #open = new Set<Endpoint>();

  constructor(world: World, options: NetworkOptions) {
    this.#world = world;
    this.#chance = world.chance.fork('network');
    this.#options = options;
  }

  get world(): World {
    return this.#world;
  }

  get chance(): Chance {
    return this.#chance;
  }

  get fragmentation(): number {
    return this.#options.fragmentation;
  }

  link(from: number, to: number): Link {
    const key = from * 1000 + to;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { baseMs: 0.2, jitterMs: 0.1, bandwidth: 100_000, isCut: false, busyUntilUs: 0 };
      this.#links.set(key, link);
    }
    return link;
  }

  /** Nothing arrives in this direction any more; nobody is told. */
  cut(from: number, to: number): void {
    this.link(from, to).isCut = true;
  }

  /** What has not arrived is sent again, a little later. */
  mend(from: number, to: number): void {
    const link = this.link(from, to);
    if (!link.isCut) return;
    link.isCut = false;
    for (const end of this.#open) {
      if (!end.isBetween(to, from)) continue;
      end.inbound.resume(this.#chance.exponential(50_000));
    }
  }

  /** Ends the connections of two machines, as a router does that has forgotten them; one end may not see it. */
  resetBetween(a: number, b: number, ends: 'both' | 'first' = 'both'): void {
    for (const end of [...this.#open]) {
      if (!end.isBetween(a, b)) continue;
      end.lose(reset);
      if (ends === 'both') end.peer.lose(reset);
    }
  }

  power(machine: number, isOn: boolean): void {
    if (isOn) this.#powered.add(machine);
    else this.#powered.delete(machine);
  }

  hasPower(machine: number): boolean {
    return this.#powered.has(machine);
  }

  /** The process has ended: its kernel closes what it had open. */
  processEnded(host: Host): void {
    for (const end of [...this.#open]) if (end.host === host) end.abandon();
    this.#unlisten(host);
  }

  /** The machine is off: nobody is told anything. */
  powerLost(host: Host): void {
    for (const end of [...this.#open]) if (end.host === host) end.vanish();
    this.#unlisten(host);
    this.power(host.id, false);
  }

  /** What one process sees of the network. */
  of(host: Host): Network {
    return {
      listen: async (_at, accept) => this.#listen(host, accept),
      connect: (to, events) => this.#connect(host, to, events),
    };
  }

  /** What was written concerns a connection that the other machine no longer knows, and says so if it is on. */
  unknown(end: Endpoint): void {
    const [own, other] = [end.host.id, end.peer.host.id];
    const delayUs = this.delayUs(own, other, 60) + this.delayUs(other, own, 60);
    this.#world.after(delayUs, () => {
      const isHeard =
        this.#powered.has(other) && !this.isCut(own, other) && !this.isCut(other, own);
      if (isHeard) end.lose(reset);
    });
  }

  opened(end: Endpoint): void {
    this.#open.add(end);
  }

  closed(end: Endpoint): void {
    this.#open.delete(end);
  }

  /** How long a packet is under way, microseconds. */
  delayUs(from: number, to: number, bytes: number): number {
    const link = this.link(from, to);
    const { nowUs } = this.#world;
    const sentUs = Math.max(nowUs, link.busyUntilUs) + (bytes / link.bandwidth) * US_PER_MS;
    link.busyUntilUs = sentUs;
    const latencyMs = link.baseMs + this.#chance.exponential(link.jitterMs);
    return sentUs - nowUs + latencyMs * US_PER_MS;
  }

  isCut(from: number, to: number): boolean {
    return this.link(from, to).isCut;
  }

  #listen(host: Host, accept: Listening['accept']): Listener {
    const listening = { host, accept };
    this.#listening.set(host.id, listening);
    return {
      port: 1,
      close: async () => this.#unlisten(host),
    };
  }

  #unlisten(host: Host): void {
    if (this.#listening.get(host.id)?.host === host) this.#listening.delete(host.id);
  }

  #connect(host: Host, to: Address, events: ConnectionEvents): Connection {
    const end = new Endpoint(this, host, events);
    this.opened(end);
    this.#knock(end, Number(to.host.slice('node'.length)));
    return end;
  }

  /** Sends a SYN, again and again. */
  #knock(end: Endpoint, target: number): void {
    const { id } = end.host;
    this.#world.after(this.delayUs(id, target, 60), () => {
      if (end.isOver) return;
      if (this.isCut(id, target) || !this.#powered.has(target) || this.isCut(target, id)) {
        this.#world.after(SYN_AGAIN_US, () => {
          if (!end.isOver) this.#knock(end, target);
        });
        return;
      }
      this.#answerSyn(end, target);
    });
  }

  #answerSyn(end: Endpoint, target: number): void {
    const listening = this.#listening.get(target);
    const delayUs = this.delayUs(target, end.host.id, 60);
    if (listening?.host.isAlive !== true) {
      this.#world.after(delayUs, () => end.lose(refused));
      return;
    }
    const other = new Endpoint(this, listening.host, undefined);
    end.join(other);
    this.opened(other);
    listening.host.input(() => {
      other.accepted(listening.accept(other));
    });
    this.#world.after(delayUs, () => end.established());
  }
}

/** One end of a connection. */
export class Endpoint implements Connection {
  readonly host: Host;
  readonly inbound: Lane;
  readonly #network: SimulatedNetwork;
  #events: ConnectionEvents | undefined;
  #peer: Endpoint | undefined;
  #isOver = false;
  /** What has come before the process has accepted the connection. */
  #early: Segment[] | undefined = [];

  constructor(network: SimulatedNetwork, host: Host, events: ConnectionEvents | undefined) {
    this.#network = network;
    this.host = host;
    this.#events = events;
    if (events !== undefined) this.#early = undefined;
    this.inbound = new Lane({
      world: network.world,
      chance: network.chance,
      fragmentation: network.fragmentation,
      isCut: () => network.isCut(this.peer.host.id, this.host.id),
      delayUs: (bytes) => network.delayUs(this.peer.host.id, this.host.id, bytes),
      deliver: (segment) => this.#arrive(segment),
    });
  }

  get remote(): string {
    return this.#peer === undefined ? 'an unknown address' : `node${this.#peer.host.id}`;
  }

  /** @throws Error before it is connected */
  get peer(): Endpoint {
    if (this.#peer === undefined) throw new Error('the connection has no other end');
    return this.#peer;
  }

  /** True when the process knows that it has ended, or has ended itself. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get unsentBytes(): number {
    return this.#peer?.inbound.unsentBytes ?? 0;
  }

  /** True for the end at `own` of a connection with `other`. */
  isBetween(own: number, other: number): boolean {
    return this.host.id === own && this.#peer?.host.id === other;
  }

  join(other: Endpoint): void {
    this.#peer = other;
    other.#peer = this;
  }

  established(): void {
    this.#tell((events) => events.opened?.());
  }

  accepted(events: ConnectionEvents): void {
    this.#events = events;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const segment of early) this.#take(segment);
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#isOver || this.#peer === undefined || !this.host.sends()) return;
    if (this.#peer.isOver) this.#network.unknown(this);
    else this.#peer.inbound.push(Buffer.concat(pieces));
  }

  end(): void {
    if (this.#isOver) return;
    if (this.#peer === undefined) this.destroy();
    else this.#peer.inbound.push('end');
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#peer?.inbound.push('end');
    // Whoever is just accepting it has not said yet who is to be told.
    this.#network.world.endOfTurn(() => {
      if (this.host.isAlive) this.#events?.closed(endedByPeer);
    });
  }

  /** The process has ended: what it had sent arrives, or a first part of it. */
  abandon(): void {
    this.#finish();
    this.#peer?.inbound.cutShort('reset');
  }

  /** The power has gone: of what was under way a first part arrives, and nothing says that it was the last. */
  vanish(): void {
    this.#finish();
    this.#peer?.inbound.cutShort(undefined);
  }

  /** This end learns that the connection is over. */
  lose(why: CloseReason): void {
    if (this.#isOver) return;
    this.#finish();
    // A process that has been asleep accepts it first.
    this.host.input(() => this.#events?.closed(why));
  }

  #finish(): void {
    this.#isOver = true;
    this.inbound.close();
    this.#network.closed(this);
  }

  #arrive(segment: Segment): void {
    if (this.#isOver) return;
    if (this.#early !== undefined) {
      this.#early.push(segment);
      return;
    }
    this.host.input(() => this.#take(segment));
  }

  #take(segment: Segment): void {
    if (this.#isOver) return;
    const { trace } = this.#network.world;
    if (typeof segment !== 'string') {
      trace.mix(this.host.id);
      trace.mix(crc32(segment));
      this.#events?.data(segment);
      return;
    }
    this.#finish();
    if (segment === 'end') this.#peer?.inbound.push('end');
    this.#events?.closed(segment === 'end' ? endedByPeer : reset);
  }

  #tell(what: (events: ConnectionEvents) => void): void {
    if (this.#isOver) return;
    const events = this.#events;
    this.host.input(() => {
      if (!this.#isOver && events !== undefined) what(events);
    });
  }
}
