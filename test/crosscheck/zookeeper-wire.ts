/**
 * A client of ZooKeeper's own protocol, one socket at a time, one session across sockets.
 *
 * Written here because no npm client speaks all of it: create2, containers, TTL, per-operation results of
 * a failed multi, persistent watches, removal, setWatches2, whoAmI. It shows exactly what is on the wire
 * (error numbers, order of events and replies) and adds no behaviour of its own.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { JuteReader, JuteWriter } from './jute.ts';

/** `ZooDefs.OpCode`. */
export const OpCode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
  error: -1,
} as const;

/** Reserved request numbers of the protocol (`ClientCnxn`). */
const Xid = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** `KeeperException.Code` numbers that the client itself produces. */
export const ZkCode = { ok: 0, connectionLoss: -4, sessionExpired: -112 } as const;

/** `Watcher.Event.EventType`. */
const eventTypes: Readonly<Record<number, string>> = {
  1: 'NodeCreated',
  2: 'NodeDeleted',
  3: 'NodeDataChanged',
  4: 'NodeChildrenChanged',
};

export interface WireEvent {
  readonly type: string;
  readonly path: string;
}

export interface WireReply {
  readonly code: number;
  readonly zxid: bigint;
  readonly body: JuteReader;
}

export interface WireSession {
  readonly id: bigint;
  readonly password: Buffer;
}

export interface ConnectOptions {
  readonly port: number;
  readonly timeoutMs: number;
  /** Resumes this session; absent = a new one. */
  readonly session?: WireSession;
  readonly lastZxid?: bigint;
  readonly onEvent: (event: WireEvent) => void;
}

/** What setWatches2 re-registers after a reconnect. */
export interface WatchSets {
  readonly data: readonly string[];
  readonly exists: readonly string[];
  readonly children: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}

const protocolVersion = 0;
const passwordLength = 16;

/** Joins what arrives into the packets that were sent; keeps the unfinished rest. */
export class PacketSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: Buffer[] = [];
    let position = 0;
    while (buffer.length - position >= 4) {
      const end = position + 4 + buffer.readInt32BE(position);
      if (buffer.length < end) break;
      packets.push(buffer.subarray(position + 4, end));
      position = end;
    }
    this.#rest = buffer.subarray(position);
    return packets;
  }
}

/** A packet: its length, then the fields. */
export function frame(body: Buffer): Buffer {
  const packet = Buffer.alloc(4 + body.length);
  packet.writeInt32BE(body.length, 0);
  body.copy(packet, 4);
  return packet;
}

/** The first packet of a connection (`ConnectRequest`). */
export function connectRequest(
  options: Pick<ConnectOptions, 'timeoutMs' | 'session' | 'lastZxid'>,
): Buffer {
  const { timeoutMs, session, lastZxid } = options;
  const body = new JuteWriter()
    .int(protocolVersion)
    .long(lastZxid ?? 0n)
    .int(timeoutMs)
    .long(session?.id ?? 0n)
    .bytes(session?.password ?? Buffer.alloc(passwordLength))
    .boolean(false);
  return frame(body.finish());
}

export class ZooKeeperConnection {
  readonly #socket: Socket;
  readonly #onEvent: (event: WireEvent) => void;
  readonly #waiting = new Map<number, (reply: WireReply) => void>();
  readonly #splitter = new PacketSplitter();
  #session: WireSession | undefined;
  #handshake: ((session: WireSession | undefined) => void) | undefined;
  #xid = 0;
  #lastZxid = 0n;
  #closed = false;

  private constructor(socket: Socket, onEvent: (event: WireEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      for (const packet of this.#splitter.push(chunk)) this.#receive(packet);
    });
    // What a lost connection means is told to every waiting request by the close that follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#lost());
  }

  /** @returns undefined where the session that was to be resumed is gone (`SESSIONEXPIRED`). */
  static async open(options: ConnectOptions): Promise<ZooKeeperConnection | undefined> {
    const socket = connect(options.port, '127.0.0.1');
    await once(socket, 'connect');
    const connection = new ZooKeeperConnection(socket, options.onEvent);
    const session = new Promise<WireSession | undefined>((resolve) => {
      connection.#handshake = resolve;
    });
    socket.write(connectRequest(options));
    connection.#session = await session;
    if (connection.#session === undefined) {
      socket.destroy();
      return undefined;
    }
    connection.#lastZxid = options.lastZxid ?? 0n;
    return connection;
  }

  get session(): WireSession {
    if (this.#session === undefined) throw new Error('the connection has no session');
    return this.#session;
  }

  /** The highest zxid of any reply, which a reconnect must name. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  get closed(): boolean {
    return this.#closed;
  }

  request(type: number, body: JuteWriter): Promise<WireReply> {
    this.#xid++;
    return this.#send(this.#xid, type, body);
  }

  auth(scheme: string, credential: string): Promise<WireReply> {
    const body = new JuteWriter().int(0).string(scheme).bytes(Buffer.from(credential));
    return this.#send(Xid.auth, OpCode.auth, body);
  }

  setWatches(relativeZxid: bigint, sets: WatchSets): Promise<WireReply> {
    const body = new JuteWriter().long(relativeZxid);
    const lists = [sets.data, sets.exists, sets.children, sets.persistent, sets.recursive];
    for (const list of lists) body.vector(list, (path) => body.string(path));
    return this.#send(Xid.setWatches, OpCode.setWatches2, body);
  }

  /** Ends the session; the server answers, then closes the socket. */
  async close(): Promise<WireReply> {
    const reply = await this.request(OpCode.closeSession, new JuteWriter());
    this.#socket.destroy();
    return reply;
  }

  /** Breaks the connection and leaves the session to its timeout. */
  async drop(): Promise<void> {
    if (this.#closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #send(xid: number, type: number, body: JuteWriter): Promise<WireReply> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve(lostReply());
        return;
      }
      this.#waiting.set(xid, resolve);
      const header = new JuteWriter().int(xid).int(type).finish();
      this.#socket.write(frame(Buffer.concat([header, body.finish()])));
    });
  }

  #receive(packet: Buffer): void {
    const reader = new JuteReader(packet);
    if (this.#handshake !== undefined) {
      this.#finishHandshake(reader);
      return;
    }
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    if (xid === Xid.notification) {
      const type = reader.int();
      reader.int();
      this.#onEvent({ type: eventTypes[type] ?? `type ${type}`, path: reader.string() });
      return;
    }
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    const resolve = this.#waiting.get(xid);
    this.#waiting.delete(xid);
    resolve?.({ code, zxid, body: reader });
  }

  #finishHandshake(reader: JuteReader): void {
    const resolve = this.#handshake;
    this.#handshake = undefined;
    reader.int();
    const timeoutMs = reader.int();
    const id = reader.long();
    const password = Buffer.from(reader.bytes());
    resolve?.(timeoutMs > 0 ? { id, password } : undefined);
  }

  #lost(): void {
    this.#closed = true;
    this.#handshake?.(undefined);
    this.#handshake = undefined;
    for (const resolve of this.#waiting.values()) resolve(lostReply());
    this.#waiting.clear();
  }
}

function lostReply(): WireReply {
  return { code: ZkCode.connectionLoss, zxid: 0n, body: new JuteReader(Buffer.alloc(0)) };
}
