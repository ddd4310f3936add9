/** The WebSocket door: `GET /ws`. What refuses a client before the upgrade is an HTTP problem like any other. */
import { Server } from 'node:http';
import type { EventEmitter } from 'node:events';
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Identity } from '../../protocol/model.ts';
import { subprotocol } from '../../protocol/websocket/client.ts';
import { identitiesOf } from '../common/identities.ts';
import { Connection } from './connection.ts';
import type { ClientSocket } from './connection.ts';
import { Hub } from './hub.ts';
import type { HubContext } from './hub.ts';
import { webSocketPath } from '../connections/index.ts';

export interface WebSocketContext extends HubContext {
  /** Has the event `upgrade` of WebSockets emitted on `upgrades`. */
  readonly handWebSocketsTo: (upgrades: EventEmitter) => void;
}

/** What the server may ask of the door. */
export interface WebSocketDoor {
  /** Connections that are open now. */
  readonly connections: number;
  /** Bytes of frames whose requests have not all been answered. */
  readonly inFlightBytes: number;
  /** Clients that these belong to. */
  readonly inFlightClients: number;
  /**
   * Tells every client to come back after `retryAfterMs`, there or elsewhere, and closes with 1012; resolves
   * when all are closed, after three seconds at most. Closing the app does it too.
   */
  drain(retryAfterMs: number): Promise<void>;
}

/** How long a client should wait when the app is simply closed, milliseconds. */
const RETRY_AFTER_MS = 500;

/** How long a close frame of ours may stay unanswered, milliseconds. */
const CLOSE_TIMEOUT_MS = 3000;

const versions: ReadonlySet<string | undefined> = new Set(['8', '13']);
const keyPattern = /^[+/0-9A-Za-z]{22}==$/;

/** Registers the route; `app` must translate a thrown CoordinationError into its problem. */
export async function registerWebSocket(
  app: FastifyInstance,
  context: WebSocketContext,
): Promise<WebSocketDoor> {
  const hub = new Hub(context);
  // Never listens: it only has the event that the plugin looks for.
  const upgrades = new Server();
  context.handWebSocketsTo(upgrades);
  await app.register(websocket, {
    options: socketOptions(upgrades, context),
    preClose: async () => {
      await hub.drain(RETRY_AFTER_MS);
      hub.stop();
    },
  });
  app.addHook('onResponse', (request, _reply, done) => {
    // The plugin ends the socket of a handshake that is refused, unless that was before it had a look.
    if (!request.ws && request.raw.headers.upgrade !== undefined) {
      request.raw.socket.destroySoon();
    }
    done();
  });
  app.route({
    method: 'GET',
    url: webSocketPath,
    preValidation: (request, _reply, done) => {
      if (request.ws) admit(request, hub);
      done();
    },
    preHandler: (request, reply, done) => {
      // The library writes its answer by itself. Left attached, the response would stay with the socket for
      // as long as that lives, and then count as a request that took as long.
      if (request.ws) reply.raw.detachSocket(request.raw.socket);
      done();
    },
    handler: () => {
      throw new CoordinationError('UPGRADEREQUIRED', 'this is a WebSocket, ask for an upgrade');
    },
    wsHandler: (webSocket, request) => {
      connect(hub, webSocket, request);
    },
  });
  return {
    get connections() {
      return hub.size;
    },
    get inFlightBytes() {
      return hub.inFlightBytes;
    },
    get inFlightClients() {
      return hub.inFlightClients;
    },
    drain: (retryAfterMs) => hub.drain(retryAfterMs),
  };
}

function socketOptions(server: Server, { settings }: WebSocketContext) {
  return {
    server,
    maxPayload: settings.limits.frameBytesMax,
    perMessageDeflate: false,
    // Frames are checked where they are decoded, so that the fault has our own close code.
    skipUTF8Validation: true,
    clientTracking: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: () => subprotocol,
  };
}

/** @throws CoordinationError for a handshake that must not succeed */
function admit(request: FastifyRequest, hub: Hub): void {
  const { headers } = request.raw;
  if (hub.isDraining) {
    throw new CoordinationError('CONNECTIONLOSS', 'this node is shutting down, ask another one');
  }
  const { limits } = hub.settings;
  if (hub.size >= limits.streamsMax) {
    const detail = `the WebSockets of this node reach ${limitText(limits, 'streamsMax')}`;
    throw new CoordinationError('THROTTLEDOP', detail);
  }
  if (!versions.has(headers['sec-websocket-version'])) {
    throw badHandshake('Sec-WebSocket-Version: must be 13');
  }
  if (!keyPattern.test(headers['sec-websocket-key'] ?? '')) {
    throw badHandshake('Sec-WebSocket-Key: must be 16 bytes in base64');
  }
  checkSubprotocol(headers['sec-websocket-protocol']);
  identitiesAt(request, hub);
}

function checkSubprotocol(header: string | undefined): void {
  if (header === undefined) return;
  const asked = header.split(',').map((name) => name.trim());
  if (asked.includes(subprotocol) && new Set(asked).size === asked.length) return;
  throw badHandshake(`Sec-WebSocket-Protocol: the subprotocol must be ${subprotocol}`);
}

function badHandshake(detail: string): CoordinationError {
  return new CoordinationError('BADARGUMENTS', detail);
}

function identitiesAt(request: FastifyRequest, hub: Hub): readonly Identity[] {
  const { superIdentity } = hub.settings;
  const { authorization } = request.raw.headers;
  return identitiesOf({ address: request.ip, authorization, superIdentity });
}

/** Links a socket with its connection, so that the listeners below are the same for all sockets. */
const connectionOf = Symbol('connection');

interface LinkedSocket extends ClientSocket {
  [connectionOf]?: Connection;
  on(event: 'message', listener: (this: LinkedSocket, data: Buffer) => void): unknown;
  on(event: 'error' | 'ping' | 'pong' | 'close', listener: (this: LinkedSocket) => void): unknown;
  removeAllListeners(event: 'error'): unknown;
}

function connect(hub: Hub, webSocket: LinkedSocket, request: FastifyRequest): void {
  const { socket } = request.raw;
  const identities = identitiesAt(request, hub);
  webSocket[connectionOf] = new Connection({ hub, webSocket, socket, identities });
  // The listener that is there keeps the whole request alive, for as long as the connection lasts.
  webSocket.removeAllListeners('error');
  webSocket.on('error', onFailure);
  webSocket.on('message', onMessage);
  webSocket.on('ping', onSign);
  webSocket.on('pong', onSign);
  webSocket.on('close', onClose);
}

function onMessage(this: LinkedSocket, data: Buffer): void {
  this[connectionOf]?.receive(data);
}

function onSign(this: LinkedSocket): void {
  this[connectionOf]?.receiveSign();
}

/** The library has sent the close code for what violates the protocol. */
function onFailure(this: LinkedSocket): void {
  this[connectionOf]?.failed();
}

function onClose(this: LinkedSocket): void {
  this[connectionOf]?.ended();
}
