/** What a handler is: it takes a request and gives its answer, or throws. */
import type { OperationId, servedRoutes } from '../../protocol/rest/routes.ts';
import type { Answer } from './answer.ts';
import type { RestRequest } from './request.ts';

export type QueryOf<Id extends OperationId> = (typeof servedRoutes)[Id]['query'];

/** Answers nothing when it has taken over the response, as an event stream does. */
export type Handler<Id extends OperationId> = (
  request: RestRequest<QueryOf<Id>>,
) => Promise<Answer | undefined>;

export type Handlers<Id extends OperationId> = { readonly [K in Id]: Handler<K> };
