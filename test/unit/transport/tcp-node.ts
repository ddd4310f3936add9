/** A transport on real sockets of the loopback interface that writes down what it is told. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { nodeNetwork, nodeScheduler, TcpTransport } from '../../../src/transport/index.ts';
import type { TcpTransportOptions, TransportLimits } from '../../../src/transport/index.ts';
import type { ZabMessage } from '../../../src/zab/index.ts';
import { freePort } from '../../support/free-port.ts';

export interface TcpNodeOptions {
  readonly id: number;
  /** Port of each member, by its id. */
  readonly ports: Readonly<Record<number, number>>;
  readonly observers?: readonly number[];
  readonly boot?: string;
  readonly clusterId?: string;
  readonly limits?: Partial<TransportLimits>;
  readonly network?: TcpTransportOptions['network'];
  /** False leaves it to the test to start it. */
  readonly start?: boolean;
}

export interface TcpNode {
  readonly id: number;
  readonly transport: TcpTransport;
  readonly port: number;
  /** One entry for each call of a handler. */
  readonly told: readonly string[];
  readonly messages: readonly { readonly from: number; readonly message: ZabMessage }[];
  readonly payloads: readonly { readonly from: number; readonly bytes: Uint8Array }[];
  readonly logged: readonly string[];
  /** Resolves when `holds` does, which is looked at after each call of a handler and each line of the log. */
  until(holds: () => boolean): Promise<void>;
  /** Resolves when it has been told these entries, in this order and behind those of the last call. */
  hears(...entries: readonly string[]): Promise<void>;
  /** Begins `told` anew. */
  forget(): void;
}

const open = new Set<TcpTransport>();
const strangers = new Set<Socket | Server>();

/** Everything that a test has opened and left. */
export async function closeAll(): Promise<void> {
  for (const one of strangers) if ('destroy' in one) one.destroy();
  for (const one of strangers) if ('listen' in one) one.close();
  strangers.clear();
  await Promise.all([...open].map((transport) => transport.stop()));
  open.clear();
}

export async function startTcpNode(options: TcpNodeOptions): Promise<TcpNode> {
  const { id, ports, observers = [], boot = 'a' } = options;
  const told: string[] = [];
  const messages: { from: number; message: ZabMessage }[] = [];
  const payloads: { from: number; bytes: Uint8Array }[] = [];
  const logged: string[] = [];
  let waiters: { holds: () => boolean; resolve: () => void }[] = [];
  const changed = (): void => {
    const done = waiters.filter(({ holds }) => holds());
    waiters = waiters.filter((waiter) => !done.includes(waiter));
    for (const { resolve } of done) resolve();
  };
  const note = (entry: string): void => {
    told.push(entry);
    changed();
  };
  const line = (_fields: object, text: string): void => {
    logged.push(text);
    changed();
  };
  const transport = await TcpTransport.open({
    self: { ...{ id, boot, incarnation: `i${id}` }, url: `http://node${id}`, featureLevel: 1 },
    clusterId: () => options.clusterId,
    members: Object.entries(ports).map(([member, port]) => ({
      ...{ id: Number(member), host: '127.0.0.1', port },
      role: observers.includes(Number(member)) ? 'observer' : 'voter',
    })),
    listen: { host: '127.0.0.1', port: ports[id] ?? 0 },
    network: options.network ?? nodeNetwork,
    scheduler: nodeScheduler,
    random: Math.random,
    log: { info: line, warn: line },
    limits: { redialMinMs: 5, redialMaxMs: 50, ...options.limits },
  });
  open.add(transport);
  const handlers = {
    up: (peer: { id: number; boot: string }): void => note(`up ${peer.id}${peer.boot}`),
    down: (peer: number, { refused }: { refused: boolean }): void =>
      note(`down ${peer}${refused ? ' refused' : ''}`),
    message: (from: number, message: ZabMessage): void => {
      messages.push({ from, message });
      note(`${from}: ${message.type}${'round' in message ? ` ${message.round}` : ''}`);
    },
    payload: (from: number, bytes: Uint8Array): void => {
      payloads.push({ from, bytes });
      note(`${from}: ${bytes.length} bytes`);
    },
    idle: () => undefined,
  };
  if (options.start !== false) transport.start(handlers);
  const until = (holds: () => boolean): Promise<void> =>
    holds() ? Promise.resolve() : new Promise((resolve) => waiters.push({ holds, resolve }));
  let heard = 0;
  return {
    ...{ id, transport, told, messages, payloads, logged, until },
    port: transport.port,
    forget: () => {
      told.length = 0;
      heard = 0;
    },
    hears: async (...entries) => {
      for (const entry of entries) {
        await until(() => told.includes(entry, heard));
        heard = told.indexOf(entry, heard) + 1;
      }
    },
  };
}

/** Two linked nodes: 2 calls 1. */
export async function startPair(
  limits: Partial<TransportLimits> = {},
): Promise<{ one: TcpNode; two: TcpNode; ports: Record<number, number> }> {
  const ports = { 1: await freePort(), 2: await freePort() };
  const one = await startTcpNode({ id: 1, ports, limits });
  const two = await startTcpNode({ id: 2, ports, limits });
  await Promise.all([one.hears('up 2a'), two.hears('up 1a')]);
  return { one, two, ports };
}

export interface Stranger {
  readonly socket: Socket;
  /** All that came, once the connection has ended. */
  readonly ended: Promise<Buffer>;
}

/** A bare connection to a node's port. */
export async function callAsStranger(port: number, bytes?: Uint8Array | string): Promise<Stranger> {
  const socket = connect(port, '127.0.0.1');
  strangers.add(socket);
  socket.on('error', () => undefined);
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece));
  // Not `once` of events: a reset is an end like any other here.
  const ended = new Promise<Buffer>((resolve) =>
    socket.on('close', () => resolve(Buffer.concat(pieces))),
  );
  await once(socket, 'connect');
  if (bytes !== undefined) socket.write(bytes);
  return { socket, ended };
}

/** A bare listener; resolves with its port. */
export async function listenAsStranger(take: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    strangers.add(socket);
    socket.on('error', () => undefined);
    take(socket);
  });
  strangers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
