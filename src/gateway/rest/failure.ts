/** Failures as answers: the one translation of errors to HTTP. */
import type { IncomingMessage } from 'node:http';
import type { ErrorBody } from '../../protocol/errors.ts';
import { RequestRefused } from '../router.ts';
import { errorBodyOf, problemOf, statusOf } from '../common/problems.ts';
import { declaredLength } from './body.ts';
import type { Answer } from './answer.ts';
import type { HttpContext } from './context.ts';
import { wholeMs } from './representations.ts';
import { UploadTooSlow } from './uploads.ts';

/** What the failed request knew of itself. */
export interface FailedRequest {
  readonly raw: IncomingMessage;
  readonly condition?: 'If-Match' | 'If-None-Match' | undefined;
}

/** Rest of a refused body that is read and thrown away, so that the client gets to read the answer. */
const drainedBytesMax = 64 * 1024 * 1024;

const defaultRetryAfterMs = 1000;

export function failureAnswer(
  context: HttpContext,
  error: unknown,
  request: FailedRequest,
): Answer {
  const body = errorBodyOf(error);
  const refused = error instanceof RequestRefused ? error : undefined;
  const zxid = refused?.zxid ?? context.router.status().appliedZxid;
  const tooSlow = error instanceof UploadTooSlow;
  const status = tooSlow ? 408 : refinedStatus(body, request);
  const [instance = '/'] = (request.raw.url ?? '/').split('?', 1);
  const flags = request.raw.method === 'POST' ? 'fields' : 'query';
  const problem = problemOf(body, { instance, zxid, status, flags });
  const headers = [
    ...['Content-Type', 'application/problem+json', 'Zk-Zxid', String(zxid)],
    ...['Zk-Server', String(context.settings.serverId), ...statusHeaders(status, body)],
  ];
  if (refused?.expiresInMs !== undefined) {
    headers.push('Zk-Session-Expires-In', String(wholeMs(refused.expiresInMs)));
  }
  if (refused?.readOnly === true) headers.push('Zk-Read-Only', '1');
  if (tooSlow || isUndrainable(request.raw)) headers.push('Connection', 'close');
  return { status, headers, body: JSON.stringify(problem) };
}

/**
 * A condition of the request that failed is a 412, whatever the code says elsewhere. The deletion of
 * nothing is a 404 even under one, since it would be so without (RFC 9110, 13.2.1).
 */
function refinedStatus(body: ErrorBody, { raw, condition }: FailedRequest): number {
  if (body.code === 'NODEEXISTS' && condition === 'If-None-Match') return 412;
  const missing = body.code === 'NONODE' && body.parentMissing !== true;
  if (missing && condition === 'If-Match' && raw.method === 'PUT') return 412;
  return statusOf(body);
}

function statusHeaders(status: number, body: ErrorBody): string[] {
  switch (status) {
    case 401:
      return ['WWW-Authenticate', 'Basic realm="zoogate", charset="UTF-8"'];
    case 412:
      if (body.current === undefined) return [];
      return ['ETag', `"${body.current.version}.${body.current.czxid}"`];
    case 426:
      return ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
    case 429:
    case 503:
      return ['Retry-After', String(Math.ceil((body.retryAfterMs ?? defaultRetryAfterMs) / 1000))];
    default:
      return [];
  }
}

function isUndrainable(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const declared = declaredLength(request);
  return declared === undefined || declared > drainedBytesMax;
}
