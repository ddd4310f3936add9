/** Runs handlers: from the framework's request to an answer on the wire, whatever happens. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CoordinationError } from '../../protocol/errors.ts';
import { noQuery } from '../../protocol/rest/query.ts';
import type { QuerySpec, RawQuery } from '../../protocol/rest/query.ts';
import { InvariantError } from '../../protocol/assert.ts';
import { RequestRefused } from '../router.ts';
import { sendAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import type { HttpContext } from './context.ts';
import { failureAnswer } from './failure.ts';
import { frameworkError } from './fallback.ts';
import { RestRequest } from './request.ts';

type AnyHandler<Q extends QuerySpec> = (request: RestRequest<Q>) => Promise<Answer | undefined>;

/** The framework's handler of a route. It answers on the bare response, in one write. */
export function runner<Q extends QuerySpec>(
  context: HttpContext,
  spec: Q,
  handler: AnyHandler<Q>,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    reply.hijack();
    const { raw: response } = reply;
    let rest: RestRequest<Q>;
    try {
      rest = new RestRequest(context, spec, {
        raw: request.raw,
        response,
        address: request.ip,
        params: request.params as Readonly<Record<string, string | undefined>>,
        query: queryOf(request),
      });
    } catch (error) {
      answerFailure(context, error, { raw: request.raw, response });
      return;
    }
    // Handlers on the hot paths are no async functions, which would add turns of the microtask queue.
    let answering: Promise<Answer | undefined>;
    try {
      answering = handler(rest);
    } catch (error) {
      void fail(context, error, rest);
      return;
    }
    answering.then(
      (answer) => {
        if (answer !== undefined) sendAnswer(response, answer);
      },
      (error: unknown) => void fail(context, error, rest),
    );
  };
}

/**
 * The framework keeps a value as it stands where its escapes are no UTF-8: another text than was meant.
 * @throws CoordinationError BADARGUMENTS
 */
function queryOf({ raw, query }: FastifyRequest): RawQuery {
  const { url = '' } = raw;
  const start = url.indexOf('?');
  if (start < 0) return noQuery;
  if (url.includes('%', start)) checkEscapes(url.slice(start + 1));
  return query as RawQuery;
}

function checkEscapes(query: string): void {
  for (const parameter of query.split('&')) {
    try {
      decodeURIComponent(parameter);
    } catch {
      const shown = JSON.stringify(parameter.slice(0, 100));
      const detail = `query parameter ${shown}: its percent-escapes are no UTF-8, a plain "%" is written %25`;
      throw new CoordinationError('BADARGUMENTS', detail);
    }
  }
}

interface Exchange {
  readonly raw: FastifyRequest['raw'];
  readonly response: ServerResponse;
  readonly condition?: RestRequest['condition'];
}

/** Answers with the problem; a broken invariant is also what ends the process. */
export function answerFailure(context: HttpContext, error: unknown, exchange: Exchange): void {
  const known = frameworkError(error);
  if (!(known instanceof CoordinationError)) {
    const { method, url } = exchange.raw;
    context.logger.error(
      { err: known, method, url: (url ?? '').split('?', 1)[0] },
      'request failed',
    );
  }
  const answer = failureAnswer(context, known, exchange);
  if (exchange.response.headersSent) exchange.response.destroy();
  else sendAnswer(exchange.response, answer);
  if (known instanceof InvariantError) {
    queueMicrotask(() => {
      throw known;
    });
  }
}

async function fail<Q extends QuerySpec>(
  context: HttpContext,
  error: unknown,
  request: RestRequest<Q>,
): Promise<void> {
  answerFailure(context, (await sessionFault(error, request)) ?? error, request);
}

/**
 * A session is judged before an identity: where the identity could not be read, the fault of the session
 * that came with it, if it has one.
 */
async function sessionFault<Q extends QuerySpec>(
  error: unknown,
  request: RestRequest<Q>,
): Promise<RequestRefused | undefined> {
  const unauthenticated = error instanceof CoordinationError && error.code === 'AUTHFAILED';
  if (!unauthenticated || error instanceof RequestRefused || !request.hasSession) return undefined;
  try {
    const caller = request.addressCaller();
    await request.context.router.request({ operation: { type: 'whoami' }, caller });
    return undefined;
  } catch (fault) {
    // An unreadable token is the very error that is being answered.
    return fault instanceof RequestRefused ? fault : undefined;
  }
}
