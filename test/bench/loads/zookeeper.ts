/**
 * Load on ZooKeeper over its own protocol, pipelined, in place of its Java client: that one would take
 * most of a small machine for itself. Sessions and outstanding requests as in the WebSocket load.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { JuteWriter } from '../../crosscheck/jute.ts';
import { connectRequest, frame, OpCode, PacketSplitter } from '../../crosscheck/zookeeper-wire.ts';
import { childInput, print } from '../children.ts';
import { Window } from '../window.ts';

export interface ZooKeeperLoad {
  /** Of several, the sessions take one after another. */
  readonly port: number | readonly number[];
  readonly serverPid: number | readonly number[];
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly operation: 'read' | 'write';
  readonly connections: number;
  readonly outstanding: number;
}

const keys = 1000;
const value = Buffer.alloc(100, 'x');
const load = childInput() as ZooKeeperLoad;

function request(xid: number, type: number, write: (body: JuteWriter) => void): Buffer {
  const body = new JuteWriter().int(xid).int(type);
  write(body);
  return frame(body.finish());
}

const create = (xid: number, path: string): Buffer =>
  request(xid, OpCode.create, (body) => {
    body.string(path).bytes(value);
    body.vector(['world'], (scheme) => void body.int(31).string(scheme).string('anyone')).int(0);
  });

/** The requests for all keys, made once: only their number differs from one use to the next. */
const requests = Array.from({ length: keys }, (_, key) => {
  const path = `/bench/k${key}`;
  return load.operation === 'read'
    ? request(0, OpCode.getData, (body) => void body.string(path).boolean(false))
    : request(0, OpCode.setData, (body) => void body.string(path).bytes(value).int(-1));
});

class Session {
  readonly #socket: Socket;
  readonly #splitter = new PacketSplitter();
  readonly #sent: number[] = [];
  #oldest = 0;
  #xid = 1;
  answered = 0;
  errors = 0;
  latenciesMs: number[] | undefined;

  private constructor(socket: Socket, first: number) {
    this.#socket = socket;
    this.#xid = first;
  }

  static async open(port: number, first: number): Promise<Session> {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'connect');
    socket.write(connectRequest({ timeoutMs: 30_000 }));
    await once(socket, 'data');
    return new Session(socket, first);
  }

  async fill(): Promise<void> {
    const packets = [create(1, '/bench')];
    for (let key = 0; key < keys; key++) packets.push(create(key + 2, `/bench/k${key}`));
    this.#socket.write(Buffer.concat(packets));
    let left = packets.length;
    while (left > 0) {
      const [chunk] = (await once(this.#socket, 'data')) as [Buffer];
      left -= this.#splitter.push(chunk).length;
    }
  }

  begin(): void {
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#send(load.outstanding);
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const now = performance.now();
    const packets = this.#splitter.push(chunk);
    for (const packet of packets) {
      if (packet.readInt32BE(12) !== 0) this.errors++;
      this.latenciesMs?.push(now - (this.#sent[this.#oldest] ?? now));
      this.#oldest++;
    }
    if (this.#oldest > 4096) {
      this.#sent.splice(0, this.#oldest);
      this.#oldest = 0;
    }
    this.answered += packets.length;
    this.#send(packets.length);
  }

  #send(count: number): void {
    const now = performance.now();
    const packets: Buffer[] = [];
    for (let index = 0; index < count; index++) {
      const packet = requests[++this.#xid % keys];
      if (packet !== undefined) packets.push(packet);
      this.#sent.push(now);
    }
    if (packets.length > 0) this.#socket.write(Buffer.concat(packets));
  }
}

const sessions: Session[] = [];
const ports = [load.port].flat();
for (let index = 0; index < load.connections; index++)
  sessions.push(await Session.open(ports[index % ports.length] ?? 0, index * 61));
await sessions[0]?.fill();
for (const session of sessions) session.begin();
await delay(load.warmUpSeconds * 1000);
const total = (): number => sessions.reduce((sum, { answered }) => sum + answered, 0);
const latencies: number[] = [];
for (const session of sessions) session.latenciesMs = latencies;
const before = total();
const window = new Window(load.serverPid);
await delay(load.seconds * 1000);
const errors = sessions.reduce((sum, session) => sum + session.errors, 0);
print(window.finish(total() - before, latencies, errors));
for (const session of sessions) session.end();
process.exit(0);
