/** What kind of request is it, and what its failures say. */
import type { RequestMessage } from '../protocol/coordination.ts';
import type { CoordinationError, ErrorBody } from '../protocol/errors.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Operation, ReadOperation, WriteOperation } from '../protocol/operations.ts';
import type { Pending } from './stream.ts';

const writeTypes: ReadonlySet<Operation['type']> = new Set([
  'create',
  'put',
  'set',
  'delete',
  'setAcl',
  'multi',
  'createSession',
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

/** What a nearly full disk refuses; deletes and session ends make room. */
export function grows(operation: WriteOperation): boolean {
  switch (operation.type) {
    case 'delete':
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

export function endsStream(pending: Pending, error: CoordinationError): boolean {
  if (pending.stream === undefined) return false;
  return error.code === 'CONNECTIONLOSS' || error.code === 'THROTTLEDOP';
}

export function throttled(detail: string): ErrorBody {
  return { code: 'THROTTLEDOP', detail };
}

/** The outcome of a request behind an uncertain one. */
export function behindUncertain(pending: Pending): ErrorBody {
  return pending.proposed
    ? { code: 'OPERATIONTIMEOUT', detail: 'the stream ended before the outcome was known' }
    : { code: 'CONNECTIONLOSS', detail: 'the stream ended before the request was taken' };
}

export function overdueError(pending: Pending): ErrorBody {
  if (pending.awaitsAcks && pending.applied) {
    return {
      code: 'ACKSTIMEOUT',
      detail: 'committed, but not confirmed by as many voters in time',
    };
  }
  if (pending.proposed) return { code: 'OPERATIONTIMEOUT', detail: 'no commit in time' };
  return { code: 'CONNECTIONLOSS', detail: 'no quorum confirmed in time', retryAfterMs: 1000 };
}
