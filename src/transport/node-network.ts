/** The links' network over Node's sockets: the only file between the ensemble and `node:net`. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type {
  Address,
  CloseReason,
  Connection,
  ConnectionEvents,
  Listener,
  Network,
  TransportScheduler,
} from './network.ts';

/** Quiet time before the system itself asks whether the other machine is there, milliseconds. */
const KEEP_ALIVE_MS = 10_000;

const BACKLOG = 128;

class NodeConnection implements Connection {
  readonly #socket: Socket;
  #error: NodeJS.ErrnoException | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
  }

  get remote(): string {
    return this.#socket.remoteAddress ?? 'an unknown address';
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  write(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    const [only] = pieces;
    if (pieces.length === 1) {
      socket.write(only ?? '');
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  tell(events: ConnectionEvents): void {
    const socket = this.#socket;
    socket.on('data', (bytes) => events.data(bytes));
    // Whoever has said its last word hears no more of us either: both ways are one link.
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => events.closed(this.#closeReason()));
    socket.on('connect', () => events.opened?.());
  }

  #closeReason(): CloseReason {
    const error = this.#error;
    if (error === undefined) return { reason: 'the other end closed it', refused: false };
    return { reason: error.message, refused: error.code === 'ECONNREFUSED' };
  }
}

export const nodeNetwork: Network = {
  async listen(at, accept) {
    const server = createServer({ noDelay: true }, (socket) => {
      const connection = new NodeConnection(socket);
      connection.tell(accept(connection));
    });
    await listening(server, at);
    // An error after this one concerns a connection that could not be accepted; the next one may be.
    server.on('error', () => undefined);
    return listenerOf(server);
  },

  connect(to, events) {
    const connection = new NodeConnection(connect({ host: to.host, port: to.port }));
    connection.tell(events);
    return connection;
  },
};

function listening(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function listenerOf(server: Server): Listener {
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

export const nodeScheduler: TransportScheduler = {
  nowMs: () => performance.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
  endOfTurn: (task) => process.nextTick(task),
};
