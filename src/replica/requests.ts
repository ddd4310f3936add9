/** What kind of request is it, and what its failures say. */
import type { RequestMessage } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { ErrorBody, ErrorCode } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import type { SessionId, Zxid } from '../protocol/model.ts';
import type {
  Operation,
  ReadOperation,
  UnwatchOperation,
  WriteOperation,
} from '../protocol/operations.ts';
import type { AvailabilityState } from './availability.ts';
import type { Pending } from './stream.ts';

const writeTypes: ReadonlySet<Operation['type']> = new Set([
  'create',
  'put',
  'set',
  'delete',
  'setAcl',
  'multi',
  'createSession',
  'attachSession',
  'closeSession',
  'reap',
] as const satisfies readonly WriteOperation['type'][]);

export function isWrite(operation: Operation): operation is WriteOperation {
  return writeTypes.has(operation.type);
}

export function isPlainLocalRead(message: RequestMessage): boolean {
  const { type } = message.operation;
  return (
    (type === 'get' || type === 'exists' || type === 'children') &&
    message.consistency !== 'linearizable' &&
    message.minZxid === undefined
  );
}

/** What a nearly full disk refuses; deletes and session ends make room, and a client that comes back needs its session. */
export function grows(operation: WriteOperation): boolean {
  switch (operation.type) {
    case 'delete':
    case 'attachSession':
    case 'closeSession':
    case 'reap':
      return false;
    case 'multi':
      return operation.operations.some(({ type }) => type === 'create' || type === 'set');
    default:
      return true;
  }
}

/** What is judged by the leader and ends its stream when its outcome is uncertain. */
export function isWriteLike(operation: Operation): boolean {
  const { type } = operation;
  return isWrite(operation) || type === 'newSession' || type === 'endSession' || type === 'attach';
}

export function isRead(operation: Operation): operation is ReadOperation {
  switch (operation.type) {
    case 'get':
    case 'exists':
    case 'children':
    case 'tree':
    case 'acl':
    case 'multiRead':
    case 'ephemerals':
    case 'sessionInfo':
    case 'whoami':
    case 'sync':
    case 'ping':
      return true;
    default:
      return false;
  }
}

/** The state a request must be answered from: what it names, and what its operation implies. */
export function minZxidOf(message: RequestMessage): Zxid {
  const named = message.minZxid ?? 0;
  const { operation } = message;
  if (operation.type === 'watch') return Math.max(named, operation.from ?? 0);
  if (operation.type === 'attach') return Math.max(named, operation.resumeFrom ?? 0);
  return named;
}

/** Where the state is not what is at fault, so that no barrier is needed to say it. */
export function saysNothingOfTheTree(code: ErrorCode): boolean {
  return code === 'THROTTLEDOP' || code === 'CONNECTIONLOSS' || code === 'NOTREADONLY';
}

export function errorOf({ code, detail, ...fields }: ErrorBody): CoordinationError {
  return new CoordinationError(code, detail, fields);
}

/** @param absent which voters are missing, as `absentText` says it */
export function noLeader(absent: string): ErrorBody {
  const detail = `this node is not in a quorum at present${absent}`;
  return { code: 'CONNECTIONLOSS', detail, retryAfterMs: 1000 };
}

/** What becomes of a request whose leader is lost. */
export function lostError(pending: Pending): ErrorBody {
  if (pending.applied) {
    const detail = 'committed, but the leader was lost before enough voters had confirmed it';
    return { code: 'ACKSTIMEOUT', detail };
  }
  if (!pending.proposed)
    return { ...noLeader(''), detail: 'the leader was lost before it was taken' };
  return {
    code: 'OPERATIONTIMEOUT',
    detail: 'the leader was lost before the outcome was known',
  };
}

/**
 * What a request needs to be answered: nothing, a state of this node that is fit to be read, or the
 * leader's word.
 */
export function needOf({ operation, consistency }: RequestMessage): 'nothing' | 'state' | 'leader' {
  if (isWriteLike(operation)) {
    return operation.type === 'attach' && operation.session === 'none' ? 'state' : 'leader';
  }
  switch (operation.type) {
    case 'sync':
      return 'leader';
    case 'ping':
    case 'identify':
    case 'unwatch':
      return 'nothing';
    default:
      return consistency === 'linearizable' ? 'leader' : 'state';
  }
}

/**
 * A write that is not taken ends its stream, so that no later one takes effect; so does asking too much.
 * A read that nobody can confirm at present is told so, and the stream goes on.
 */
export function endsStream(pending: Pending, { code }: Pick<ErrorBody, 'code'>): boolean {
  if (pending.stream === undefined) return false;
  if (code === 'THROTTLEDOP') return true;
  return saysNothingOfTheTree(code) && isWriteLike(pending.operation);
}

/** What a node that does not serve must refuse; undefined where it may go on. */
export function refusalWithout(
  state: AvailabilityState,
  message: RequestMessage,
  absent: string,
): ErrorBody | undefined {
  if (state === 'serving') return undefined;
  const need = needOf(message);
  if (need === 'nothing') return undefined;
  if (state !== 'readOnly') return noLeader(absent);
  if (need === 'state') return undefined;
  const { operation } = message;
  if (!isWriteLike(operation) && operation.type !== 'sync') return noLeader(absent);
  const detail = `this node is not in a quorum at present and answers only local reads${absent}`;
  return { code: 'NOTREADONLY', detail, retryAfterMs: 1000 };
}

/** Answered, it would say that all is well with a stream that has been told that it is not. */
export function isPingInDoubt({ operation, stream }: Pending): boolean {
  return operation.type === 'ping' && stream?.suspended === true;
}

/** The session that the request speaks for and must prove; 0 = none. */
export function sessionAskedFor({ operation, caller }: RequestMessage): SessionId {
  if (operation.type !== 'attach') return caller?.session?.id ?? 0;
  return typeof operation.session === 'string' ? 0 : operation.session.id;
}

/** @param asked the state that was waited for, when the node is at `zxid` */
export function behindError(zxid: Zxid, asked: Zxid): ErrorBody {
  const detail = `this node is at zxid ${String(zxid)} and was asked for a state at or after ${String(asked)}`;
  return { code: 'BEHIND', detail, retryAfterMs: 1000 };
}

export function throttled(detail: string): ErrorBody {
  return { code: 'THROTTLEDOP', detail };
}

export function unreadAnswers(limits: Limits): ErrorBody {
  const allowed = limitText(limits, 'unreadAnswerBytesMax');
  return throttled(`unread answers of one connection exceed, in bytes, ${allowed}`);
}

/** The outcome of a request behind an uncertain one. */
export function behindUncertain(pending: Pending): ErrorBody {
  return pending.proposed
    ? { code: 'OPERATIONTIMEOUT', detail: 'the stream ended before the outcome was known' }
    : streamEnded;
}

export const streamEnded: ErrorBody = {
  code: 'CONNECTIONLOSS',
  detail: 'the stream ended before the request was taken',
};

export function overdueError(pending: Pending, limits: Limits): ErrorBody {
  if (pending.awaitsAcks && pending.applied) return lateAcks(limits);
  if (pending.proposed) {
    const instead = 'look whether it was applied, or repeat it with its Idempotency-Key';
    const detail = `no commit within ${limitText(limits, 'requestTimeoutMs', instead)}`;
    return { code: 'OPERATIONTIMEOUT', detail };
  }
  const detail = `no quorum has confirmed it within ${limitText(limits, 'requestTimeoutMs')}`;
  return { code: 'CONNECTIONLOSS', detail, retryAfterMs: 1000 };
}

/** Applied, and that stands; only the confirmation that was asked for is missing. */
export function lateAcks(limits: Limits): ErrorBody {
  const instead = 'it is applied all the same';
  const within = limitText(limits, 'requestTimeoutMs', instead);
  const detail = `committed, but not confirmed by as many voters as acks asks for within ${within}`;
  return { code: 'ACKSTIMEOUT', detail };
}

/** False for reads, which are executed when their turn comes, and for what a session's record leaves to do. */
export function hasItsResult({ result, operation }: Pending): boolean {
  return result !== undefined && operation.type !== 'attach' && operation.type !== 'newSession';
}

export function noWatcher({ path, mode }: UnwatchOperation): CoordinationError {
  const which = mode === undefined ? 'no watch' : `no watch of mode ${mode}`;
  return new CoordinationError('NOWATCHER', `there is ${which} on ${path}`, { path });
}

/** `oldestZxid` is the smallest zxid after which events are still kept. */
export function eventsGone(
  from: Zxid,
  { oldestZxid, currentZxid }: { readonly oldestZxid: Zxid; readonly currentZxid: Zxid },
): CoordinationError {
  return new CoordinationError(
    'EVENTSGONE',
    `from: events after ${String(from)} are no longer kept, only those after ${String(oldestZxid)} ` +
      '(limits ringTransactionsMax, ringBytesMax); read the state anew, and watch from there',
    { oldestZxid, currentZxid },
  );
}
