/**
 * A network that misbehaves, between processes that do not know of it: a TCP proxy for one link between two
 * nodes. Each direction can be cut without a word, slowed, held and made narrow, and a connection reset.
 */
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';

/** `out` = from the one who dials to the one who listens, `back` = the other way. */
export type Direction = 'out' | 'back';

export interface LinkFault {
  /** Bytes are swallowed, as on a broken cable; the connections stay. A TCP stream with a gap is never delivered. */
  readonly cut?: boolean;
  /** Bytes wait until this is lifted. */
  readonly stall?: boolean;
  /** Milliseconds that each piece is late. */
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

/** Where a proxy's connections go; asked for each. */
export type Target = () => { readonly host: string; readonly port: number } | undefined;

interface Piece {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** Pieces beyond this many unread bytes stop the reading of their source, as a full pipe would. */
const queuedBytesMax = 1024 * 1024;

/** One direction of one connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #fault: () => LinkFault;
  #queue: Piece[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the narrow link has carried what it was given so far. */
  #freeMs = 0;
  /** Something has been swallowed: what comes after is of no use to the other end. */
  isBroken = false;
  #isEnding = false;

  constructor(from: Socket, to: Socket, fault: () => LinkFault) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => {
      this.#isEnding = true;
      this.pump();
    });
    to.on('drain', () => this.pump());
    from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  /** Sends on what is due; called again when the fault has changed. */
  pump(): void {
    clearTimeout(this.#timer);
    const { cut, stall } = this.#fault();
    if (cut === true) this.#swallow();
    if (cut === true || stall === true || this.isBroken || this.#to.destroyed) return;
    while (this.#queue.length > 0) {
      const [piece] = this.#queue;
      if (piece === undefined || this.#to.writableNeedDrain) break;
      const lateMs = piece.dueMs - performance.now();
      if (lateMs > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(lateMs));
        break;
      }
      this.#queue.shift();
      this.#queuedBytes -= piece.bytes.length;
      this.#to.write(piece.bytes);
    }
    if (this.#queuedBytes < queuedBytesMax) this.#from.resume();
    if (this.#isEnding && this.#queue.length === 0) this.#to.end();
  }

  #take(bytes: Buffer): void {
    const { cut, delayMs = 0, bytesPerSecond } = this.#fault();
    if (cut === true || this.isBroken) {
      this.isBroken = true;
      return;
    }
    const nowMs = performance.now();
    const carriedMs = bytesPerSecond === undefined ? 0 : (bytes.length / bytesPerSecond) * 1000;
    this.#freeMs = Math.max(this.#freeMs, nowMs) + carriedMs;
    this.#queue.push({ bytes, dueMs: this.#freeMs + delayMs });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes >= queuedBytesMax) this.#from.pause();
    this.pump();
  }

  #swallow(): void {
    if (this.#queue.length > 0) this.isBroken = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#from.resume();
  }
}

interface Connection {
  readonly sockets: readonly Socket[];
  readonly flows: Flow[];
  /** An end has gone while the network kept that from the other: the other learns it when the fault is lifted. */
  isForsaken: boolean;
}

export class TcpProxy {
  readonly #target: Target;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #faults: Record<Direction, LinkFault> = { out: {}, back: {} };
  #port = 0;

  private constructor(target: Target) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Listens on a free port of this machine. */
  static async start(target: Target): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const address = proxy.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a proxy without a port');
    proxy.#port = address.port;
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections through it. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Replaces what was wrong with that direction; `{}` = nothing any more. */
  set(direction: Direction, fault: LinkFault): void {
    this.#faults[direction] = fault;
    for (const { flows } of this.#connections) flows.forEach((flow) => flow.pump());
    if (isSilent(fault)) return;
    for (const connection of [...this.#connections]) {
      const { flows, isForsaken } = connection;
      if (isForsaken || flows.some((flow) => flow.isBroken)) this.#drop(connection);
    }
  }

  /** Ends every connection with a reset, which both sides see. */
  reset(): void {
    for (const connection of [...this.#connections]) this.#drop(connection);
  }

  async stop(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    near.on('error', () => undefined);
    const target = this.#target();
    if (target === undefined) {
      near.resetAndDestroy();
      return;
    }
    near.pause();
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const connection: Connection = { sockets: [near, far], flows: [], isForsaken: false };
    this.#connections.add(connection);
    // What the error means comes with `close`.
    far.on('error', () => undefined);
    near.on('close', () => this.#left(connection, 'out'));
    far.on('close', () => this.#left(connection, 'back'));
    far.on('connect', () => {
      connection.flows.push(new Flow(near, far, () => this.#faults.out));
      connection.flows.push(new Flow(far, near, () => this.#faults.back));
    });
  }

  #left(connection: Connection, direction: Direction): void {
    if (isSilent(this.#faults[direction])) connection.isForsaken = true;
    else this.#drop(connection);
  }

  #drop(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    for (const flow of connection.flows) flow.stop();
    for (const socket of connection.sockets) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }
}

function isSilent({ cut, stall }: LinkFault): boolean {
  return cut === true || stall === true;
}
