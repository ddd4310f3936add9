/**
 * The one table of errors. The wire's `code`, ZooKeeper's number, the HTTP status and what a client
 * may conclude about its request all derive from it.
 */

/** What a failed request did: nothing, everything, or nobody knows. */
export type Outcome = 'not-applied' | 'applied' | 'unknown';

interface ErrorSpec {
  /** ZooKeeper's number (`KeeperException.Code`), or null for a code of our own. */
  readonly zkCode: number | null;
  /** HTTP status without preconditions; a door refines it where a condition was given (412). */
  readonly status: number;
  readonly outcome: Outcome;
  /** True where the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly title: string;
}

function refused(zkCode: number | null, status: number, title: string): ErrorSpec {
  return { zkCode, status, outcome: 'not-applied', retryable: false, title };
}

function later(zkCode: number | null, status: number, title: string): ErrorSpec {
  return { zkCode, status, outcome: 'not-applied', retryable: true, title };
}

export const errorTable = {
  SYSTEMERROR: { ...refused(-1, 500, 'Internal error'), outcome: 'unknown' },
  RUNTIMEINCONSISTENCY: refused(-2, 424, 'Not tried, an earlier operation failed'),
  CONNECTIONLOSS: later(-4, 503, 'No quorum'),
  MARSHALLINGERROR: refused(-5, 400, 'Undecodable request'),
  UNIMPLEMENTED: refused(-6, 501, 'Unknown or unsupported operation'),
  OPERATIONTIMEOUT: {
    ...later(-7, 504, 'No answer in time'),
    outcome: 'unknown',
  },
  BADARGUMENTS: refused(-8, 400, 'Bad argument'),
  NEWCONFIGNOQUORUM: later(-13, 409, 'No quorum of the new configuration is connected'),
  RECONFIGINPROGRESS: later(-14, 409, 'Another reconfiguration is in progress'),
  NONODE: refused(-101, 404, 'No such znode'),
  NOAUTH: refused(-102, 403, 'The ACL denies it'),
  BADVERSION: refused(-103, 412, 'Version mismatch'),
  NOCHILDRENFOREPHEMERALS: refused(-108, 409, 'Ephemeral znodes cannot have children'),
  NODEEXISTS: refused(-110, 409, 'The znode exists'),
  NOTEMPTY: refused(-111, 409, 'The znode has children'),
  SESSIONEXPIRED: refused(-112, 410, 'The session has expired'),
  INVALIDACL: refused(-114, 400, 'Invalid ACL'),
  AUTHFAILED: refused(-115, 401, 'Authentication failed'),
  NOTREADONLY: later(-119, 503, 'This node is read-only at present'),
  NOWATCHER: refused(-121, 404, 'No such watch'),
  RECONFIGDISABLED: refused(-123, 403, 'Reconfiguration is disabled'),
  QUOTAEXCEEDED: refused(-125, 507, 'Quota or capacity exceeded'),
  THROTTLEDOP: later(-127, 429, 'Too many requests'),
  SESSIONREQUIRED: refused(null, 400, 'A session is required'),
  ACKSTIMEOUT: {
    ...refused(null, 504, 'Committed, but not confirmed by as many nodes as asked'),
    outcome: 'applied',
  },
  BEHIND: later(null, 503, 'This node has not reached the zxid asked for'),
  EVENTSGONE: refused(null, 410, 'The events asked for are no longer kept'),
  FORBIDDENHOST: refused(null, 403, 'Host not allowed'),
  FORBIDDENORIGIN: refused(null, 403, 'Origin not allowed'),
  HEADERSTOOLARGE: refused(null, 431, 'Request header fields too large'),
  IDEMPOTENCYCONFLICT: refused(null, 422, 'The idempotency key was used for another request'),
  METHODNOTALLOWED: refused(null, 405, 'Method not allowed'),
  NOTFOUND: refused(null, 404, 'No such route'),
  TOOLARGE: refused(null, 413, 'Too large'),
  UNSUPPORTEDMEDIATYPE: refused(null, 415, 'Unsupported media type'),
  UPGRADEREQUIRED: refused(null, 426, 'WebSocket upgrade required'),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorTable;

/** All codes, in the table's order. */
export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];

/** ZooKeeper's result code of one operation of a failed multi; `OK` means "would have worked". */
export interface FailedMultiResult {
  readonly op: string;
  readonly path: string;
  readonly code: 'OK' | ErrorCode;
}

/** What an error may carry beside its code and detail; every field is optional and plain data. */
export interface ErrorFields {
  /** The znode concerned; for a missing parent, the parent. */
  readonly path?: string;
  readonly outcome?: Outcome;
  readonly retryable?: boolean;
  readonly failedIndex?: number;
  readonly results?: readonly FailedMultiResult[];
  readonly oldestZxid?: number;
  readonly currentZxid?: number;
  /** The current version and czxid behind a BADVERSION or NODEEXISTS, only for those who may READ. */
  readonly current?: { readonly version: number; readonly czxid: number };
  /** Hint for `Retry-After`, milliseconds. */
  readonly retryAfterMs?: number;
  /** True where NONODE concerns the missing parent of a create (409 rather than 404). */
  readonly parentMissing?: boolean;
}

/** An operating condition with its code, as plain data: what crosses the coordinator's boundary. */
export interface ErrorBody extends ErrorFields {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** V8's setting, which the language does not know: how many frames an error captures. */
const capture = Error as unknown as { stackTraceLimit?: number };

/**
 * The one exception type for operating conditions; programmer errors are assertions instead. It carries
 * no stack: refusals are daily bread, a lock's every contender causes one, and the stack would cost more
 * than the judgement.
 */
export class CoordinationError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, detail: string, fields: ErrorFields = {}) {
    const { stackTraceLimit } = capture;
    capture.stackTraceLimit = 0;
    super(detail);
    if (stackTraceLimit === undefined) delete capture.stackTraceLimit;
    else capture.stackTraceLimit = stackTraceLimit;
    this.name = 'CoordinationError';
    this.code = code;
    this.fields = fields;
  }

  /** The same condition as plain data. */
  toBody(): ErrorBody {
    return { ...this.fields, code: this.code, detail: this.message };
  }
}

/** What the request did, from the body itself or its code's row. */
export function outcomeOf(body: ErrorBody): Outcome {
  return body.outcome ?? errorTable[body.code].outcome;
}
