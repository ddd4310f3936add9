/** Problem bodies (RFC 9457), the one shape of every failure on every door. */
import { CoordinationError, errorTable, outcomeOf } from '../../protocol/errors.ts';
import type { ErrorBody, ErrorCode, FailedMultiResult, Outcome } from '../../protocol/errors.ts';
import type { Zxid } from '../../protocol/model.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The path of the request, without its query; only over HTTP. */
  readonly instance?: string;
  readonly code: ErrorCode;
  readonly zkCode: number | null;
  readonly path?: string;
  readonly zxid?: Zxid;
  readonly outcome: Outcome;
  readonly retryable: boolean;
  readonly failedIndex?: number;
  readonly results?: readonly FailedMultiResult[];
  readonly oldestZxid?: Zxid;
  readonly currentZxid?: Zxid;
}

/** What the door knows beside the error itself. */
export interface ProblemContext {
  readonly instance?: string;
  readonly zxid?: Zxid;
  /** Where the request's form asks for another status than the table's. */
  readonly status?: number;
  /** How a request of this form asks for `parents` and `recursive`: as JSON fields unless it says so. */
  readonly flags?: 'query' | 'fields';
}

export const problemTypePrefix = 'urn:zoogate:error:';

export function problemOf(body: ErrorBody, context: ProblemContext = {}): Problem {
  const { title, zkCode, retryable } = errorTable[body.code];
  const { path, failedIndex, results, oldestZxid, currentZxid } = body;
  const { instance, zxid } = context;
  return {
    type: problemTypePrefix + body.code,
    title,
    status: context.status ?? statusOf(body),
    detail: detailOf(body, context),
    ...(instance !== undefined && { instance }),
    code: body.code,
    zkCode,
    ...(path !== undefined && { path }),
    ...(zxid !== undefined && { zxid }),
    outcome: outcomeOf(body),
    retryable: body.retryable ?? retryable,
    ...(failedIndex !== undefined && { failedIndex }),
    ...(results !== undefined && { results }),
    ...(oldestZxid !== undefined && { oldestZxid }),
    ...(currentZxid !== undefined && { currentZxid }),
  };
}

/** A newcomer does not know that the same request can also make the parents, or delete the children. */
function detailOf({ detail, failedIndex, ...body }: ErrorBody, { flags }: ProblemContext): string {
  // The members of a multi have neither flag.
  if (flags === undefined || failedIndex !== undefined) return detail;
  const flag = (name: string): string => (flags === 'query' ? `?${name}` : `"${name}": true`);
  if (body.parentMissing === true) return `${detail}; ${flag('parents')} makes missing parents too`;
  if (body.code === 'NOTEMPTY') return `${detail}; ${flag('recursive')} deletes them too`;
  return detail;
}

/** The status of an error without regard to preconditions, which only REST has. */
export function statusOf(body: ErrorBody): number {
  const { status } = errorTable[body.code];
  if (body.code === 'NONODE' && body.parentMissing === true) return 409;
  // A write whose leader was lost in flight may have happened: no 503, which invites a blind retry.
  if (status === 503 && outcomeOf(body) !== 'not-applied') return 504;
  return status;
}

/** Any thrown value as an error body; what is no operating condition tells the client nothing of the inside. */
export function errorBodyOf(error: unknown): ErrorBody {
  if (error instanceof CoordinationError) return error.toBody();
  return { code: 'SYSTEMERROR', detail: 'an internal error, see the log of this node' };
}
