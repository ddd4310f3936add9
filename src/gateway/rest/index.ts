/** The REST door: serves the table of routes. */
import type { FastifyInstance } from 'fastify';
import { CoordinationError } from '../../protocol/errors.ts';
import { requestHeaders } from '../../protocol/rest/headers.ts';
import { servedRoutes } from '../../protocol/rest/routes.ts';
import type { OperationId } from '../../protocol/rest/routes.ts';
import type { QuerySpec } from '../../protocol/rest/query.ts';
import type { RouteSpec } from '../../protocol/rest/route.ts';
import type { Answer } from './answer.ts';
import type { HttpContext } from './context.ts';
import type { Handlers } from './handler.ts';
import { readHandlers } from './reads.ts';
import type { RestRequest } from './request.ts';
import { runner } from './runner.ts';
import { serviceHandlers } from './service.ts';
import type { Documents } from './service.ts';
import { sessionHandlers } from './sessions.ts';
import { transactionHandlers } from './transactions.ts';
import { writeHandlers } from './writes.ts';

/** What the SSE door serves in the same table. */
type RestId = Exclude<OperationId, 'watch'>;

export function registerRest(
  app: FastifyInstance,
  context: HttpContext,
  documents: Documents,
): void {
  const handlers: Handlers<RestId> = {
    ...readHandlers,
    ...writeHandlers,
    ...transactionHandlers,
    ...sessionHandlers,
    ...serviceHandlers(documents),
  };
  for (const id of Object.keys(handlers) as RestId[]) {
    // The table gives each handler the query that its route declares.
    registerRoute(app, context, { spec: servedRoutes[id], handler: handlers[id] });
  }
}

export interface ServedRoute {
  readonly spec: RouteSpec;
  readonly handler: (request: RestRequest) => Promise<Answer | undefined>;
}

/** Every GET has its HEAD: the same handler, whose body Node leaves out. */
export function registerRoute(
  app: FastifyInstance,
  context: HttpContext,
  { spec, handler }: ServedRoute,
): void {
  const unused = unusedHeaders(spec);
  const run = runner<QuerySpec>(context, spec.query, (request) => {
    refuseHeaders(request, unused, spec);
    return handler(request);
  });
  const hasOwnHead = Object.values(servedRoutes).some(
    (other: RouteSpec) => other.method === 'HEAD' && other.path === spec.path,
  );
  const method = spec.method === 'GET' && !hasOwnHead ? ['GET', 'HEAD'] : [spec.method];
  for (const url of urlsOf(spec.path)) {
    app.route({ method, url, handler: run, exposeHeadRoute: false });
  }
}

/**
 * Headers that would change what a request does, where the route has a use for them. `Prefer` is not among
 * them: a preference may be ignored (RFC 7240).
 */
const effective = ['If-Match', 'If-None-Match', 'Zk-Acl', 'Idempotency-Key', 'Last-Event-ID'].map(
  (name) => ({ name, field: name.toLowerCase() }),
);

type EffectiveHeader = (typeof effective)[number];

function unusedHeaders({ headers }: RouteSpec): readonly EffectiveHeader[] {
  const used = headers.map((key) => requestHeaders[key].name ?? key);
  return effective.filter(({ name }) => !used.includes(name));
}

/** @throws CoordinationError BADARGUMENTS for a condition, ACL or key that would otherwise be ignored */
function refuseHeaders(
  { raw }: RestRequest,
  unused: readonly EffectiveHeader[],
  { method, path }: RouteSpec,
): void {
  for (const { name, field } of unused) {
    if (raw.headers[field] === undefined) continue;
    const detail = `${name}: has no effect on ${method} ${path}, leave it out`;
    throw new CoordinationError('BADARGUMENTS', detail);
  }
}

/** `/znodes/{path}` also serves `/znodes`: both are the root. */
function urlsOf(path: string): readonly string[] {
  if (!path.endsWith('/{path}')) return [path.replace(/\{(\w+)\}/g, ':$1')];
  const base = path.slice(0, -'/{path}'.length);
  return [base, `${base}/*`];
}
