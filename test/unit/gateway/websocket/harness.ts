/** The WebSocket door over real sockets, before a coordinator that the test scripts. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fastify from 'fastify';
import { afterEach } from 'vitest';
import {
  Connections,
  mustWait,
  orderlyMessages,
} from '../../../../src/gateway/connections/index.ts';
import { sharesOf } from '../../../../src/gateway/common/shares.ts';
import { UnreadStreams } from '../../../../src/gateway/common/unread-streams.ts';
import { CoordinatorRouter } from '../../../../src/gateway/router.ts';
import type { GatewaySettings } from '../../../../src/gateway/settings.ts';
import { errorBodyOf, problemOf } from '../../../../src/gateway/common/problems.ts';
import { registerWebSocket } from '../../../../src/gateway/websocket/index.ts';
import type { WebSocketDoor } from '../../../../src/gateway/websocket/index.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import type { Limits } from '../../../../src/protocol/limits.ts';
import { FakeStreamCoordinator } from '../../../support/fake-stream-coordinator.ts';
import { connect } from '../../../support/websocket-client.ts';
import type { ConnectOptions, TestClient } from '../../../support/websocket-client.ts';

export interface Door {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly door: WebSocketDoor;
  readonly coordinator: FakeStreamCoordinator;
  /** A client that has said `connect`, unless the options say otherwise. */
  connect(options?: ConnectOptions): Promise<TestClient>;
}

export interface DoorOptions {
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<GatewaySettings>;
}

const open: FastifyInstance[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const coordinator = new FakeStreamCoordinator();
  const settings: GatewaySettings = {
    serverId: 2,
    limits: { ...defaultLimits, ...options.limits },
    listensOnLoopback: true,
    allowedHosts: [],
    allowedOrigins: [],
    restConsistencyDefault: 'linearizable',
    trustProxy: false,
    ...options.settings,
  };
  const router = new CoordinatorRouter(coordinator, sharesOf(settings.limits));
  const app = fastify({
    ...{ forceCloseConnections: 'idle', http: { IncomingMessage: orderlyMessages(mustWait) } },
    clientErrorHandler: (error, socket) => connections.unreadable(error, socket),
  });
  const { limits } = settings;
  const connections = new Connections(app.server, {
    trustProxy: false,
    limits,
    refuse: (_, socket) => socket.end(),
  });
  app.addHook('onClose', async () => connections.stop());
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(errorBodyOf(error));
    void reply.code(problem.status).send(problem);
  });
  const door = await registerWebSocket(app, {
    ...{ router, settings, unread: new UnreadStreams(settings.limits) },
    handWebSocketsTo: (upgrades) => connections.handWebSocketsTo(upgrades),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  open.push(app);
  const { port } = app.server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/ws`;
  return {
    url,
    app,
    door,
    coordinator,
    connect: (connectOptions) => connect(url, connectOptions),
  };
}
