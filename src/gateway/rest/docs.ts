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

/** A gate, in one colour that is seen on light and dark. */
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#2a9d6f" d="M2 30V16a14 14 0 0 1 28 0v14h-5V16a9 9 0 0 0-18 0v14zm9 0V15h3v15zm7 0V15h3v15z"/></svg>`;

/** The same with the name beside it, for the bar at the top. */
const logo = `<svg xmlns="http://www.w3.org/2000/svg" width="150" height="40" viewBox="0 0 120 32"><path fill="#2a9d6f" d="M2 30V16a14 14 0 0 1 28 0v14h-5V16a9 9 0 0 0-18 0v14zm9 0V15h3v15zm7 0V15h3v15z"/><text x="38" y="24" font-family="sans-serif" font-size="20" fill="#fff">Zoogate</text></svg>`;

const firstSteps =
  '**Begin with** `PUT /znodes/{path}` under *znodes* below: *Try it out*, any path and body, *Execute*; ' +
  'then `GET` the same path.';

/** The document as the page shows it: what to do first stands before everything else. */
function forThePage(document: object): object {
  const { info } = document as { readonly info?: { readonly description?: string } };
  const description = [firstSteps, info?.description ?? ''].join('\n\n');
  return { ...document, info: { ...info, description } };
}

export async function registerDocs(app: FastifyInstance, document: object): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.header('X-Content-Type-Options', 'nosniff');
      done();
    });
    // The plugin types the document more narrowly than the generator, whose output a test validates.
    const specification = { document: forThePage(document) } as { document: never };
    await scope.register(swagger, { mode: 'static', specification });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      logo: { type: 'image/svg+xml', content: Buffer.from(logo), href: '/docs' },
      theme: {
        title: 'Zoogate: the API',
        favicon: [
          {
            filename: 'zoogate.svg',
            rel: 'icon',
            sizes: 'any',
            type: 'image/svg+xml',
            content: Buffer.from(icon),
          },
        ],
      },
      // Otherwise the page asks a public service to validate the document.
      uiConfig: { validatorUrl: null, deepLinking: true },
    });
  });
}
