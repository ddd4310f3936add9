/** `GET /health/live` and `GET /health/ready`: for whoever restarts the process, and whoever sends it requests. */
import type { FastifyInstance } from 'fastify';
import { CoordinationError } from '../protocol/errors.ts';

export interface HealthOptions {
  /** Why the node does not serve clients; absent when it does. */
  readonly notReady: () => string | undefined;
  /** What does not keep it from serving, and should not stay so. */
  readonly warnings: () => readonly string[];
}

export function registerHealth(app: FastifyInstance, { notReady, warnings }: HealthOptions): void {
  app.get('/health/live', (_request, reply) => {
    reply.header('Cache-Control', 'no-store').send({ status: 'ok' });
  });
  app.get('/health/ready', (_request, reply) => {
    const reason = notReady();
    if (reason !== undefined) {
      throw new CoordinationError('CONNECTIONLOSS', `this node is not ready: ${reason}`);
    }
    const texts = warnings();
    const body = { status: 'ok', ...(texts.length > 0 && { warnings: texts }) };
    reply.header('Cache-Control', 'no-store').send(body);
  });
}
