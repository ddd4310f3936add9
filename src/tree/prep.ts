/**
 * Prep: turns a request into a transaction, or refuses it (`PrepRequestProcessor`). Requests are judged
 * one after another, each against the effects of all before it, applied or not.
 */
import { CoordinationError, type FailedMultiResult } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import { ttlMaxMs, type Limits } from '../protocol/limits.ts';
import type { Acl, Identity, SessionId, Zxid } from '../protocol/model.ts';
import type {
  CreateOperation,
  MultiMember,
  MultiMemberResult,
  MultiOperation,
  Result,
  WriteOperation,
} from '../protocol/operations.ts';
import { unreachable } from '../protocol/assert.ts';
import { Draft } from './draft.ts';
import {
  judgeCheck,
  judgeCreate,
  judgePut,
  judgeSet,
  judgeSetAcl,
  lengthProblem,
} from './judge.ts';
import { deleteEphemerals, judgeDelete, judgeReap } from './judge-delete.ts';
import { Outstanding } from './outstanding.ts';
import type { Transaction } from './transaction.ts';
import type { Tree } from './tree.ts';

/** The replicated session table, as of the tree's zxid. */
export interface SessionView {
  has(id: SessionId): boolean;
  /** Sessions in it. */
  readonly size: number;
}

export interface PrepOptions {
  readonly tree: Tree;
  readonly sessions: SessionView;
  readonly limits: Limits;
  readonly superIdentity?: Identity | undefined;
}

export interface JudgeRequest {
  readonly operation: WriteOperation;
  readonly caller: {
    readonly identities: readonly Identity[];
    /** 0 for none. */
    readonly session: SessionId;
  };
  /** What the transaction will have, if there is one. */
  readonly zxid: Zxid;
  /** The leader's wall clock, milliseconds since the epoch. */
  readonly time: number;
}

export interface Judgement {
  readonly transaction: Transaction;
  /** The whole answer, valid once the transaction is committed. */
  readonly result: Result;
}

export class Prep {
  private readonly options: PrepOptions;
  private outstanding: Outstanding;

  constructor(options: PrepOptions) {
    this.options = options;
    this.outstanding = new Outstanding(options.tree);
  }

  /**
   * Judges a request. Its effects are seen by the next ones until `applied` or `reset`.
   * @throws CoordinationError when it is refused; nothing of it remains then
   */
  judge(request: JudgeRequest): Judgement {
    const { operation, caller, zxid, time } = request;
    const { limits, superIdentity } = this.options;
    this.checkForm(operation);
    this.checkSession(operation, caller.session);
    const draft = new Draft({
      outstanding: this.outstanding,
      limits,
      superIdentity,
      identities: caller.identities,
      session: caller.session,
      zxid,
      time,
    });
    const result = this.judgeOperation(draft, operation);
    if (operation.type !== 'closeSession') draft.checkSize();
    draft.commit();
    const transaction = { time, session: caller.session, changes: draft.changes };
    return { transaction, result };
  }

  /** The tree and the session table have got everything up to `zxid`. */
  applied(zxid: Zxid): void {
    this.outstanding.applied(zxid);
  }

  /** Forgets everything that is not applied: the leadership under which it was judged has ended. */
  reset(): void {
    this.outstanding = new Outstanding(this.options.tree);
  }

  private judgeOperation(draft: Draft, operation: WriteOperation): Result {
    switch (operation.type) {
      case 'create':
        return judgeCreate(draft, operation);
      case 'put':
        return judgePut(draft, operation);
      case 'set':
        return judgeSet(draft, operation);
      case 'setAcl':
        return judgeSetAcl(draft, operation);
      case 'delete':
        judgeDelete(draft, operation);
        return {};
      case 'reap':
        judgeReap(draft, operation);
        return {};
      case 'multi':
        return { results: judgeMulti(draft, operation) };
      case 'createSession':
        return this.createSession(draft, operation);
      case 'attachSession':
        return this.attachSession(draft, operation);
      case 'closeSession':
        return this.closeSession(draft, operation.session);
      default:
        return unreachable(operation);
    }
  }

  private createSession(
    draft: Draft,
    operation: { readonly timeoutMs: number; readonly secretHash: Uint8Array },
  ): Result {
    const { sessionsMax } = this.options.limits;
    const { timeoutMs, secretHash } = operation;
    if (this.options.sessions.size + this.outstanding.sessionsAdded >= sessionsMax) {
      throw new CoordinationError(
        'QUOTAEXCEEDED',
        `sessions reach ${limitText(this.options.limits, 'sessionsMax')}`,
      );
    }
    draft.changes.push({ type: 'createSession', timeoutMs, secretHash });
    draft.sessionOpened = draft.zxid;
    return {};
  }

  private attachSession(
    draft: Draft,
    { session, timeoutMs }: { readonly session: SessionId; readonly timeoutMs: number },
  ): Result {
    this.requireLive(session);
    draft.changes.push({ type: 'attachSession', session, timeoutMs });
    return {};
  }

  private closeSession(draft: Draft, session: SessionId): Result {
    this.requireLive(session);
    draft.changes.push({ type: 'closeSession', session });
    draft.sessionClosed = session;
    deleteEphemerals(draft, this.outstanding, session);
    return {};
  }

  /** What can be said without the tree: sizes, and what the kinds of znodes allow. */
  private checkForm(operation: WriteOperation): void {
    switch (operation.type) {
      case 'createSession':
      case 'attachSession':
      case 'closeSession':
      case 'reap':
        return;
      case 'multi':
        this.checkMulti(operation);
        return;
      default:
        this.checkPathAndData(operation);
        if (operation.type === 'create') checkKind(operation);
    }
  }

  private checkMulti({ operations }: MultiOperation): void {
    const { multiOperationsMax, transactionBytesMax } = this.options.limits;
    if (operations.length > multiOperationsMax) {
      throw new CoordinationError(
        'TOOLARGE',
        `operations: ${String(operations.length)} operations exceed ${limitText(this.options.limits, 'multiOperationsMax')}`,
      );
    }
    let bytes = 0;
    for (const operation of operations) {
      bytes += operation.path.length + ('data' in operation ? operation.data.length : 0);
    }
    if (bytes > transactionBytesMax) {
      throw new CoordinationError(
        'TOOLARGE',
        `operations: ${String(bytes)} bytes of data and paths exceed ${limitText(this.options.limits, 'transactionBytesMax')}`,
      );
    }
    for (const [index, operation] of operations.entries()) {
      try {
        this.checkPathAndData(operation);
        if (operation.type === 'create') checkKind(operation);
      } catch (error) {
        throw failedMulti(error, operations, index);
      }
    }
  }

  private checkPathAndData(operation: {
    readonly path: string;
    readonly data?: Uint8Array;
    readonly acl?: Acl;
    readonly inheritAcl?: boolean;
  }): void {
    if (operation.acl !== undefined && operation.inheritAcl === true) {
      throw new CoordinationError('BADARGUMENTS', 'acl and inheritAcl exclude one another');
    }
    const { limits } = this.options;
    const problem = lengthProblem(operation.path, limits);
    if (problem !== undefined) throw new CoordinationError('BADARGUMENTS', `path: ${problem}`);
    const { data } = operation;
    if (data === undefined || data.length <= limits.znodeDataBytesMax) return;
    throw new CoordinationError(
      'TOOLARGE',
      `data: ${String(data.length)} bytes exceed ${limitText(limits, 'znodeDataBytesMax')}`,
    );
  }

  /** Sessions are opened, taken over and closed, and housekeeping is done, on nobody's behalf. */
  private checkSession({ type }: WriteOperation, session: SessionId): void {
    if (session === 0) return;
    if (type === 'createSession' || type === 'attachSession') return;
    if (type === 'closeSession' || type === 'reap') return;
    this.requireLive(session);
  }

  private requireLive(session: SessionId): void {
    const known = this.outstanding.isOpened(session) || this.options.sessions.has(session);
    if (known && !this.outstanding.isClosing(session)) return;
    throw new CoordinationError('SESSIONEXPIRED', `session ${String(session)} has ended`);
  }
}

function checkKind({ kind, sequential, ttlMs }: CreateOperation): void {
  if (kind === 'container' && sequential) {
    throw new CoordinationError('BADARGUMENTS', 'a container cannot be sequential');
  }
  if (kind !== 'ttl') {
    if (ttlMs === undefined) return;
    throw new CoordinationError('BADARGUMENTS', `ttlMs: a znode of kind ${kind} cannot have one`);
  }
  if (ttlMs !== undefined && Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= ttlMaxMs) return;
  throw new CoordinationError(
    'BADARGUMENTS',
    `ttlMs: must be a whole number from 1 to ${String(ttlMaxMs)} milliseconds`,
  );
}

function judgeMulti(draft: Draft, { operations }: MultiOperation): readonly MultiMemberResult[] {
  const results: MultiMemberResult[] = [];
  for (const [index, operation] of operations.entries()) {
    try {
      results.push(judgeMember(draft, operation));
      draft.checkSize();
    } catch (error) {
      throw failedMulti(error, operations, index);
    }
  }
  return results;
}

function judgeMember(draft: Draft, operation: MultiMember): MultiMemberResult {
  const op = operation.type;
  switch (op) {
    case 'create': {
      const { path, stat, sequence } = judgeCreate(draft, operation);
      return sequence === undefined ? { op, path, stat } : { op, path, stat, sequence };
    }
    case 'set': {
      const { path, stat } = judgeSet(draft, operation);
      return { op, path, stat };
    }
    case 'delete':
      judgeDelete(draft, operation);
      return { op, path: operation.path };
    case 'check':
      judgeCheck(draft, operation);
      return { op, path: operation.path };
    default:
      return unreachable(op);
  }
}

/** ZooKeeper's results of a failed multi: OK before, the code at, RUNTIMEINCONSISTENCY after. */
function failedMulti(
  error: unknown,
  operations: readonly MultiMember[],
  failedIndex: number,
): unknown {
  if (!(error instanceof CoordinationError)) return error;
  const results = operations.map(({ type, path }, index): FailedMultiResult => {
    if (index < failedIndex) return { op: type, path, code: 'OK' };
    const code = index === failedIndex ? error.code : 'RUNTIMEINCONSISTENCY';
    return { op: type, path, code };
  });
  const detail = `operation ${String(failedIndex)}: ${error.message}`;
  return new CoordinationError(error.code, detail, { ...error.fields, failedIndex, results });
}
