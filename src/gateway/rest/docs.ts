/** The browsable page of the OpenAPI document: nothing on it comes from elsewhere. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** The page shows what znodes hold when somebody tries a request, so nothing in it may run. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export async function registerDocs(app: FastifyInstance, document: object): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.header('X-Content-Type-Options', 'nosniff');
      done();
    });
    // The plugin types the document more narrowly than the generator, whose output a test validates.
    const specification = { document } as { document: never };
    await scope.register(swagger, { mode: 'static', specification });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      theme: { title: 'Zoogate: the API' },
      // Otherwise the page asks a public service to validate the document.
      uiConfig: { validatorUrl: null, deepLinking: true },
    });
  });
}
