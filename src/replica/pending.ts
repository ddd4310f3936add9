/** A request on its way through the replica. */
import type { RequestMessage } from '../protocol/coordination.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { Identity, SessionId, Zxid } from '../protocol/model.ts';
import type { Operation, Result, WriteOperation } from '../protocol/operations.ts';
import type { Stream } from './stream.ts';

/** Who asks, after the session's secret has been checked. */
export interface ResolvedCaller {
  readonly identities: readonly Identity[];
  /** 0 without a session. */
  readonly session: SessionId;
}

export const nobody: ResolvedCaller = { identities: [], session: 0 };

/**
 * - `queued`: behind others of its stream, nothing has been done for it.
 * - `waiting`: for a minimum zxid, a barrier, or its transaction's commit.
 * - `ready`: answered (or, a read, executed and answered) as soon as its turn comes.
 * - `over`: answered, or of a stream that has ended.
 */
export type PendingPhase = 'queued' | 'waiting' | 'ready' | 'over';

export class Pending {
  readonly message: RequestMessage;
  readonly stream: Stream | undefined;
  phase: PendingPhase = 'queued';
  caller: ResolvedCaller = nobody;
  /** True while it counts in its stream's `blocking`. */
  blocks = false;
  /** True once its transaction is in the log: its outcome can be unknown. */
  proposed = false;
  /** What must still happen before a write's answer may leave, beside its application. */
  awaitsAcks = false;
  applied = false;
  /** True once a barrier has confirmed it; only its zxid may still be awaited. */
  confirmed = false;
  /** The secret of the session that it creates; leaves with the answer and is never kept. */
  secret: string | undefined;
  /** The answer, once known; a read has none before its turn. */
  result: Result | undefined;
  error: ErrorBody | undefined;
  /** Zxid of the answer; 0 = that of the state when it is answered. */
  zxid: Zxid = 0;
  /** Monotonic time at which its wait ends. */
  deadlineMs = 0;

  constructor(message: RequestMessage, stream: Stream | undefined) {
    this.message = message;
    this.stream = stream;
  }

  get operation(): Operation {
    return this.message.operation;
  }
}

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
