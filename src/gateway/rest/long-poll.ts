/**
 * Reads that may wait: until the entity tag differs from the one the client knows, until the znode exists,
 * or until it is absent. The answer is always that of an ordinary read, made when the waiting is over.
 */
import { CoordinationError } from '../../protocol/errors.ts';
import { connectionOf } from '../connections/index.ts';
import type { ZnodePath } from '../../protocol/model.ts';
import type { ReadOperation } from '../../protocol/operations.ts';
import type { longPollQuery } from '../../protocol/rest/znode-routes.ts';
import type { ResultAnswer } from '../coordinator.ts';
import { RequestRefused } from '../router.ts';
import type { EntityTags } from '../common/preconditions.ts';
import type { Answer } from './answer.ts';
import { emptyAnswer, representationAnswer } from './representations.ts';
import type { Representation } from './representations.ts';
import type { RestRequest } from './request.ts';
import { shuttingDown } from './shutdown.ts';
import { Waker } from './waker.ts';

export type PollRequest = RestRequest<typeof longPollQuery>;

export interface PolledRead {
  readonly operation: ReadOperation & { readonly path: ZnodePath };
  readonly represent: (answer: ResultAnswer) => Representation;
}

/** An answer, and whether it is what was waited for: else it is the answer only when time is up. */
interface Outcome {
  readonly settled: boolean;
  readonly answer: Answer;
  /** That there is no such znode. */
  readonly missing?: RequestRefused;
}

/** @throws CoordinationError; also by rejection */
export function answerRead(request: PollRequest, read: PolledRead): Promise<Answer> {
  const { until } = request.query;
  const known = request.tags('if-none-match');
  const waits = request.query.wait !== undefined && (until !== undefined || known !== undefined);
  if (until !== undefined) checkUntil(request, known);
  const judge = judgeOf(request, read, known);
  // A `wait` without anything to wait for bounds the minimum zxid, or is refused with the message.
  request.polls = waits;
  if (!waits) return request.read(read.operation).then((answer) => judge(answer).answer);
  return longPoll(request, read, judge);
}

/** Makes an outcome of a read's result or refusal; throws what ends the waiting in failure. */
type Judge = (result: ResultAnswer | RequestRefused) => Outcome;

function judgeOf(request: PollRequest, read: PolledRead, known: EntityTags | undefined): Judge {
  const { settings } = request.context;
  const { until } = request.query;
  return (result) => {
    if (result instanceof RequestRefused) {
      if (until === undefined || result.code !== 'NONODE') throw result;
      const { zxid, expiresInMs, readOnly } = result;
      const answer = emptyAnswer(settings, {
        zxid,
        ...(expiresInMs !== undefined && { expiresInMs }),
        ...(readOnly !== undefined && { readOnly }),
      });
      return { settled: until === 'absent', answer, missing: result };
    }
    const what = read.represent(result);
    const answer = representationAnswer(settings, result, { what, known });
    if (until === undefined) return { settled: answer.status !== 304, answer };
    return { settled: until === 'exists', answer };
  };
}

async function longPoll(request: PollRequest, read: PolledRead, judge: Judge): Promise<Answer> {
  const deadline = performance.now() + (request.waitMs ?? 0);
  const first = await attempt(request.read(read.operation), judge);
  if (first.settled) return first.answer;
  if (request.context.shutdown.begun) throw shuttingDown();
  const last = await waitForOutcome(request, { read, judge, deadline });
  // The session is kept alive by the arrival and by the answer, and by nothing in between.
  const final =
    last === undefined || request.hasSession
      ? await attempt(request.read(read.operation, 'local'), judge)
      : last;
  if (request.query.until === 'exists' && final.missing !== undefined) throw final.missing;
  return final.answer;
}

interface Waiting {
  readonly read: PolledRead;
  readonly judge: Judge;
  readonly deadline: number;
}

/** The outcome that was waited for, or undefined when the time is up or the client gone. */
async function waitForOutcome(
  request: PollRequest,
  { read, judge, deadline }: Waiting,
): Promise<Outcome | undefined> {
  const { context, response } = request;
  const identities = request.identities();
  const session = request.session()?.id;
  const waker = new Waker(context, { path: read.operation.path, identities, session, deadline });
  const abandon = (): void => waker.abandon();
  response.once('close', abandon);
  // It may have gone away while the first read was under way.
  if (response.destroyed) abandon();
  const { halfClosedWaitMs } = context.settings.limits;
  const forget = connectionOf(response.socket)?.whenUnheard(() => waker.hasten(halfClosedWaitMs));
  try {
    while ((await waker.next()) === 'changed') {
      const query = { operation: read.operation, caller: { identities } };
      const outcome = await attempt(context.router.request(query), judge);
      if (outcome.settled) return outcome;
    }
    return undefined;
  } finally {
    response.removeListener('close', abandon);
    forget?.();
    waker.close();
  }
}

async function attempt(answer: Promise<ResultAnswer>, judge: Judge): Promise<Outcome> {
  let result: ResultAnswer | RequestRefused;
  try {
    result = await answer;
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    result = error;
  }
  return judge(result);
}

function checkUntil(request: PollRequest, known: EntityTags | undefined): void {
  if (request.query.wait === undefined) {
    throw new CoordinationError('BADARGUMENTS', 'query parameter "until": needs "wait"');
  }
  if (known !== undefined) {
    const detail = 'query parameter "until": excludes If-None-Match, wait for one of them';
    throw new CoordinationError('BADARGUMENTS', detail);
  }
}
