/** The front doors as one Fastify app: no `listen`, no environment, no process. */
import { METHODS } from 'node:http';
import type { Server } from 'node:http';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { assert } from '../protocol/assert.ts';
import { openApiDocument } from '../protocol/rest/openapi.ts';
import { asyncApiDocument } from '../protocol/websocket/asyncapi.ts';
import type { Coordinator } from './coordinator.ts';
import { sendAnswer } from './rest/answer.ts';
import { Connections, mustWait, orderlyMessages } from './connections/index.ts';
import type { GatewayLogger, HttpContext } from './rest/context.ts';
import { registerDocs } from './rest/docs.ts';
import {
  MethodTable,
  allowOrigin,
  answerMalformed,
  answerRefused,
  checkRequestLine,
  fallbackAnswer,
  maxHeaderBytes,
  requestArrivalMs,
} from './rest/fallback.ts';
import { registerRest } from './rest/index.ts';
import { answerFailure } from './rest/runner.ts';
import { Shutdown, shuttingDown } from './rest/shutdown.ts';
import { Uploads } from './rest/uploads.ts';
import { CoordinatorRouter } from './router.ts';
import type { GatewaySettings } from './settings.ts';
import { guardConnections } from './common/connection-gate.ts';
import { OriginRules } from './common/origins.ts';
import { sharesOf } from './common/shares.ts';
import type { Shares } from './common/shares.ts';
import { UnreadStreams } from './common/unread-streams.ts';
import { registerSse } from './sse/index.ts';
import { registerWebSocket } from './websocket/index.ts';
import type { WebSocketContext, WebSocketDoor } from './websocket/index.ts';

/** What stands behind the doors, for routes that are none of theirs. */
export interface AppParts {
  readonly router: CoordinatorRouter;
  readonly webSocket: WebSocketDoor;
  readonly connections: Connections;
  readonly shares: Shares;
  readonly uploads: Uploads;
  readonly unread: UnreadStreams;
}

export interface AppOptions {
  readonly coordinator: Coordinator;
  readonly settings: GatewaySettings;
  readonly logger: GatewayLogger;
  /** Of the product, for the generated documents. */
  readonly version: string;
  /** Adds what the process serves beside the doors (health, metrics), under the same rules. */
  readonly extraRoutes?: (app: FastifyInstance, parts: AppParts) => void | Promise<void>;
}

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { coordinator, settings, logger, version } = options;
  const shares = sharesOf(settings.limits);
  const router = new CoordinatorRouter(coordinator, shares);
  const uploads = new Uploads(settings.limits, shares, () => performance.now());
  const unread = new UnreadStreams(settings.limits);
  const context: HttpContext = {
    ...{ router, settings, logger, shutdown: new Shutdown(), uploads, unread },
  };
  const openapi = openApiDocument({ version });
  const { app, connections } = createFastify(context);
  guard(app, context);
  answerTheRest(app, context);
  registerRest(app, context, {
    openapi: JSON.stringify(openapi),
    asyncapi: JSON.stringify(asyncApiDocument({ version })),
  });
  registerSse(app, context);
  const webSocket = await registerWebSocketApart(app, {
    ...{ router, settings, unread },
    handWebSocketsTo: (upgrades) => connections.handWebSocketsTo(upgrades),
  });
  closeInOrder(app, context, connections);
  await registerDocs(app, openapi);
  guardConnections(app.server, { share: shares.connections, settings, refuse: answerRefused });
  await options.extraRoutes?.(app, { router, webSocket, connections, shares, uploads, unread });
  return app;
}

/** In a scope of its own, so that the hooks of its plugin do not run for every request. */
async function registerWebSocketApart(
  app: FastifyInstance,
  context: WebSocketContext,
): Promise<WebSocketDoor> {
  let door: WebSocketDoor | undefined;
  await app.register(async (scope) => {
    door = await registerWebSocket(scope, context);
  });
  assert(door !== undefined, 'a plugin is loaded when its registration has been awaited');
  return door;
}

interface Served {
  readonly app: FastifyInstance;
  readonly connections: Connections;
}

function createFastify(context: HttpContext): Served {
  const { limits } = context.settings;
  const app: FastifyInstance = fastify({
    // The doors log failures themselves; a logger here would make a child of itself for each request.
    logger: false,
    // The proxy in front has added the last address; what stands before it is the client's own word.
    trustProxy: context.settings.trustProxy && ((_address, hop) => hop === 0),
    exposeHeadRoutes: true,
    requestTimeout: requestArrivalMs,
    keepAliveTimeout: limits.keepAliveMs,
    // The guard below answers in our own form.
    return503OnClosing: false,
    routerOptions: { maxParamLength: maxHeaderBytes },
    // The guard below refuses in our own form.
    http: {
      ...{ maxHeaderSize: maxHeaderBytes, requireHostHeader: false },
      // A repeated header must be seen; of some Node would keep the first.
      joinDuplicateHeaders: true,
      // A connection that was opened in advance is as good as a kept one.
      headersTimeout: requestArrivalMs,
      IncomingMessage: orderlyMessages(mustWait),
    },
    clientErrorHandler: (error, socket) => connections.unreadable(error, socket),
    frameworkErrors: (error, request, reply) => {
      reply.hijack();
      answerFailure(context, error, { raw: request.raw, response: reply.raw });
    },
  });
  // The doors read bodies themselves (`rest/body.ts`), so the framework must leave them alone.
  const withBodies = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'];
  for (const method of withBodies.filter((name) => METHODS.includes(name))) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  const connections = new Connections(app.server, {
    limits,
    trustProxy: context.settings.trustProxy,
    refuse: answerMalformed,
  });
  acceptWhole(app.server);
  // Nobody has to meet an unknown expectation (RFC 9110, 10.1.1), and Node's own refusal has no body.
  app.server.on('checkExpectation', (request, response) => {
    app.server.emit('request', request, response);
  });
  return { app, connections };
}

/** Settings of Node's server that are no options of its constructor. */
function acceptWhole(server: Server & { httpAllowHalfOpen?: boolean }): void {
  // Any number of header lines, within their bytes: beyond its count Node would drop them silently.
  server.maxHeadersCount = 0;
  // A client that closes its sending side behind a request gets its answer.
  server.httpAllowHalfOpen = true;
}

/** After the hook that makes the guard refuse: a client with a kept connection hears of the stop with its next request. */
function closeInOrder(
  app: FastifyInstance,
  { settings, shutdown }: HttpContext,
  connections: Connections,
): void {
  shutdown.onBegin(() => connections.beginClosing());
  app.addHook('preClose', async () => {
    await connections.emptied(settings.limits.closingNoticeMs);
    connections.closeIdle();
  });
  app.addHook('onClose', async () => connections.stop());
}

/** Before anything else of a request: is it one, may this browser call, is the node closing. */
function guard(app: FastifyInstance, { settings, shutdown }: HttpContext): void {
  const origins = new OriginRules(settings);
  app.addHook('onRequest', (request, reply, done) => {
    try {
      const { headers } = request.raw;
      checkRequestLine(request.raw);
      const kind = origins.check(headers);
      if (kind === 'foreign' && headers.origin !== undefined) {
        allowOrigin(reply.raw, headers.origin);
      }
      if (shutdown.begun) throw shuttingDown();
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('preClose', (done) => {
    shutdown.begin();
    done();
  });
}

/** Unknown routes, wrong methods, and whatever a route or plugin throws. */
function answerTheRest(app: FastifyInstance, context: HttpContext): void {
  const table = new MethodTable();
  app.addHook('onRoute', ({ url, method }) => table.add(url, method));
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    answerFailure(context, error, { raw: request.raw, response: reply.raw });
  });
  app.setNotFoundHandler((request, reply) => {
    const { raw } = request;
    const answer = fallbackAnswer(table, raw, reply.raw);
    reply.hijack();
    sendAnswer(reply.raw, answer);
  });
}
