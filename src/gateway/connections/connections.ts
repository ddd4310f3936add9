/**
 * Between Node's HTTP server and the app: all connections of a node. What is accounted for connections and
 * requests belongs here, where each begins and ends: `#accepted`, `#closed`, `#begun`, `#ended`.
 *
 * Of one connection one request is executed at a time. Those behind it wait unread (`connection.ts`), so that
 * each response has its socket from the beginning: a wait or a stream that ends with its response ends with
 * the connection.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { EventEmitter } from 'node:events';
import type { Limits } from '../../protocol/limits.ts';
import { clientOf } from '../common/clients.ts';
import { HttpConnection } from './connection.ts';
import type { ConnectionOwner } from './connection.ts';
import { headBytes } from './orderly-message.ts';
import type { Socket } from './orderly-message.ts';
import { takeAuthorityOff } from './target.ts';
import { UnreadAnswers } from './unread-answers.ts';
import { isWebSocket, upgradeOffers } from './upgrades.ts';

export interface ConnectionsOptions {
  readonly limits: Limits;
  /** Connections come from a proxy: their addresses are those of no client. */
  readonly trustProxy: boolean;
  /** Answers what is no readable request, on the bare socket, which it ends. */
  readonly refuse: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

/** What the page of measurements shows. */
export interface ConnectionCounts {
  /** Connections that are open, WebSockets not counted. */
  readonly connections: number;
  /** Bytes that wait behind requests. */
  readonly waitingBytes: number;
  /** Bytes of answers that their clients have not taken. */
  readonly unreadBytes: number;
  /** Clients that such bytes belong to; none where a proxy stands between. */
  readonly unreadClients: number;
  /** Connections that were given up since their clients did not read, ever. */
  readonly readersGivenUp: number;
}

const known = Symbol('connection');

interface KnownSocket extends Socket {
  [known]?: HttpConnection | undefined;
}

/** Absent for a WebSocket, and where there is no server. */
export function connectionOf(socket: Socket | null | undefined): HttpConnection | undefined {
  return (socket as KnownSocket | null | undefined)?.[known];
}

/** For `orderlyMessages`. */
export function mustWait(socket: Socket): boolean {
  return connectionOf(socket)?.mustWait === true;
}

export class Connections {
  readonly #server: Server;
  readonly #options: ConnectionsOptions;
  readonly #all = new Set<HttpConnection>();
  readonly #unread: UnreadAnswers;
  readonly #owner: ConnectionOwner;
  #heldBytes = 0;
  #webSockets: EventEmitter | undefined;
  /** Resolves what waits until all connections are closed. */
  #onEmpty: (() => void) | undefined;

  /** Must come before anything else listens to the server's requests. */
  constructor(server: Server, options: ConnectionsOptions) {
    this.#server = server;
    this.#options = options;
    const { limits } = options;
    this.#unread = new UnreadAnswers({
      ...{ limits, connections: this.#all },
      clientOf: ({ socket }) => {
        // A proxy brings answers for many on one connection.
        if (options.trustProxy) return undefined;
        return clientOf((socket as { readonly remoteAddress?: string }).remoteAddress);
      },
    });
    this.#owner = {
      hold: (bytes) => {
        this.#heldBytes += bytes;
        return this.#heldBytes <= limits.waitingBytesMax;
      },
      release: (bytes) => {
        this.#heldBytes -= bytes;
      },
      unread: (connection) => this.#unread.written(connection),
      attach: (socket) => this.#attach(socket),
      heldBytesMax: limits.connectionWaitingBytesMax,
    };
    this.#listen(server);
  }

  get counts(): ConnectionCounts {
    return {
      connections: this.#all.size,
      waitingBytes: this.#heldBytes,
      unreadBytes: this.#unread.bytes,
      unreadClients: this.#unread.clients,
      readersGivenUp: this.#unread.givenUp,
    };
  }

  /** Who gets the upgrades that are WebSockets, as the event `upgrade`. */
  handWebSocketsTo(webSockets: EventEmitter): void {
    this.#webSockets = webSockets;
  }

  /** For the server's event `clientError`. */
  unreadable(error: NodeJS.ErrnoException, socket: KnownSocket): void {
    const connection = socket[known];
    if (error.code === 'ECONNRESET') socket.destroy();
    else if (connection?.breakOff() === true) return;
    else if (!socket.writable) socket.destroy();
    else {
      this.#options.refuse(error, socket);
      connection?.linger();
    }
  }

  /**
   * The answers under way are the last of their connections, and kept connections get to hear of the stop
   * with their next request.
   */
  beginClosing(): void {
    for (const connection of this.#all) {
      connection.hurry();
      if (connection.isBusy) connection.closeAfterAnswer();
    }
  }

  /** Resolves when all connections are closed, after `mostMs` at the latest. */
  async emptied(mostMs: number): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onEmpty = undefined;
  }

  /** Ends the connections that have nothing under way: Node does not count what has never sent anything. */
  closeIdle(): void {
    for (const connection of this.#all) {
      if (!connection.isBusy && connection.socket.bytesRead === 0) connection.socket.destroy();
    }
  }

  /** Cuts every connection. */
  destroyAll(): void {
    for (const { socket } of this.#all) socket.destroy();
  }

  stop(): void {
    this.#unread.stop();
  }

  #listen(server: Server): void {
    server.on('connection', (socket: Socket) => this.#accepted(socket));
    const begun: RequestListener = (request, response) => {
      takeAuthorityOff(request);
      this.#begun(response);
    };
    server.prependListener('request', begun);
    const upgrade = (request: IncomingMessage, socket: Socket, rest: Buffer): void => {
      this.#upgrade(request, socket, rest);
    };
    server.on('upgrade', upgrade);
    server.on('connect', upgrade);
  }

  /** A connection begins; or one that has waited is read again. */
  #accepted(socket: KnownSocket): void {
    if (socket[known] !== undefined) return;
    const connection = new HttpConnection(socket, this.#owner);
    socket[known] = connection;
    this.#all.add(connection);
    socket.on('end', onEnd);
    socket.on('drain', onDrain);
    socket.on('timeout', onTimeout);
    socket.on('error', onError);
    socket.on('close', () => this.#closed(connection));
  }

  /** A connection is gone, or has become a WebSocket. */
  #closed(connection: HttpConnection): void {
    if (!this.#all.delete(connection)) return;
    this.#unread.forget(connection);
    connection.closed();
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** A request is executed from here on. */
  #begun(response: ServerResponse): void {
    const connection = connectionOf(response.req.socket);
    if (connection === undefined) return;
    connection.begin(response);
    response.on('close', this.#onResponseClosed);
  }

  /** Its answer is with the system, or the connection is gone. */
  #ended(connection: HttpConnection, response: ServerResponse): void {
    this.#unread.forget(connection);
    connection.end(response);
  }

  /** One for all, so that a request costs no closure. */
  readonly #onResponseClosed = onResponseClosed((connection, response) => {
    this.#ended(connection, response);
  });

  #attach(socket: Socket): void {
    // What TLS has decrypted must not be taken for the beginning of a handshake.
    this.#server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
  }

  /** The parser has stopped: at a real upgrade, or at a request that has to wait. */
  #upgrade(request: IncomingMessage, socket: KnownSocket, rest: Buffer): void {
    const connection = socket[known];
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    if (connection.mustWait) {
      connection.queue(request, rest);
      return;
    }
    takeAuthorityOff(request);
    if (request.method === 'CONNECT') {
      this.#options.refuse(new NoTunnel(), socket);
      connection.linger();
    } else if (isWebSocket(request) && this.#webSockets !== undefined) {
      this.#leave(connection);
      this.#webSockets.emit('upgrade', request, socket, rest);
    } else {
      connection.reread(Buffer.concat([headBytes(request, upgradeOffers), rest]));
    }
  }

  /** The connection is HTTP's no longer. */
  #leave(connection: HttpConnection): void {
    const socket: KnownSocket = connection.socket;
    socket.off('end', onEnd);
    socket.off('drain', onDrain);
    socket.off('timeout', onTimeout);
    socket.off('error', onError);
    Reflect.deleteProperty(socket, 'destroySoon');
    socket[known] = undefined;
    this.#closed(connection);
  }
}

/** The parser takes everything behind a CONNECT for the tunnel. */
class NoTunnel extends Error {
  readonly code = 'NO_TUNNEL';
}

function onResponseClosed(
  ended: (connection: HttpConnection, response: ServerResponse) => void,
): (this: ServerResponse) => void {
  return function (this: ServerResponse): void {
    const connection = connectionOf(this.req.socket);
    if (connection !== undefined) ended(connection, this);
  };
}

function onEnd(this: KnownSocket): void {
  this[known]?.halfClose();
}

function onDrain(this: KnownSocket): void {
  this[known]?.drained();
}

/** Node listens too, but not while what comes waits unread. */
function onTimeout(this: KnownSocket): void {
  this.destroy();
}

/** The socket is destroyed, of which its `close` tells. */
function onError(): void {
  // Nothing is to be done here.
}
