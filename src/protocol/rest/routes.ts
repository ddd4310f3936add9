/** The one table of routes: what the doors serve, what the document describes. */
import type { RouteSpec } from './route.ts';
import { documentRoutes, ensembleRoutes, otherRoutes, watchRoutes } from './service-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import { transactionRoutes } from './transaction-routes.ts';
import { znodeRoutes } from './znode-routes.ts';

/** What the REST and SSE doors serve. */
export const servedRoutes = {
  ...znodeRoutes,
  ...transactionRoutes,
  ...sessionRoutes,
  ...watchRoutes,
  ...ensembleRoutes,
  ...documentRoutes,
} as const satisfies Readonly<Record<string, RouteSpec>>;

/** Everything that is described. */
export const describedRoutes: Readonly<Record<string, RouteSpec>> = {
  ...servedRoutes,
  ...otherRoutes,
};

export type OperationId = keyof typeof servedRoutes;
