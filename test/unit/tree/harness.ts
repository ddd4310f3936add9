/** A tree and its prep in one hand: every write is judged, encoded, decoded and applied. */
import { expect } from 'vitest';
import { CoordinationError, type ErrorCode } from '../../../src/protocol/errors.ts';
import { defaultLimits, type Limits } from '../../../src/protocol/limits.ts';
import type { Acl, Identity, Stat, ZnodePath } from '../../../src/protocol/model.ts';
import type {
  CreateOperation,
  MultiMember,
  MultiResult,
  Result,
  VersionCondition,
  WriteOperation,
  WriteResult,
} from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import {
  decodeTransaction,
  encodeTransaction,
  Prep,
  Tree,
  type Reader,
  type Transaction,
} from '../../../src/tree/index.ts';

export const ann: Identity = { scheme: 'digest', id: 'ann:AAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
export const bob: Identity = { scheme: 'digest', id: 'bob:BBBBBBBBBBBBBBBBBBBBBBBBBBB=' };
export const operator: Identity = { scheme: 'digest', id: 'op:CCCCCCCCCCCCCCCCCCCCCCCCCCC=' };

export const world = (perms: number): Acl => [{ scheme: 'world', id: 'anyone', perms }];
export const only = (who: Identity, perms = 31): Acl => [{ ...who, perms }];
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const path = (text: string): ZnodePath => parsePath(text);

interface Options {
  readonly limits?: Partial<Limits>;
}

interface Who {
  readonly as?: readonly Identity[];
  readonly session?: number;
}

export class Harness {
  readonly limits: Limits;
  readonly tree: Tree;
  readonly sessions = new Set<number>();
  readonly prep: Prep;
  zxid = 0;
  /** The leader's clock. */
  now = 1000;
  private readonly waiting: { readonly zxid: number; readonly transaction: Transaction }[] = [];

  constructor(options: Options = {}) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.tree = new Tree({ limits: this.limits });
    this.prep = new Prep({
      tree: this.tree,
      sessions: this.sessions,
      limits: this.limits,
      superIdentity: operator,
    });
  }

  /** Judges without applying. */
  judge(operation: WriteOperation, who: Who = {}): Result {
    const caller = { identities: who.as ?? [], session: who.session ?? 0 };
    const zxid = this.zxid + 1;
    const { transaction, result } = this.prep.judge({ operation, caller, zxid, time: this.now });
    this.zxid = zxid;
    this.waiting.push({ zxid, transaction: decodeTransaction(encodeTransaction(transaction)) });
    return result;
  }

  /** Applies what was judged. @returns the transactions */
  apply(): Transaction[] {
    const applied: Transaction[] = [];
    for (const { zxid, transaction } of this.waiting.splice(0)) {
      this.tree.apply(zxid, transaction);
      for (const change of transaction.changes) {
        if (change.type === 'createSession') this.sessions.add(zxid);
        if (change.type === 'closeSession') this.sessions.delete(change.session);
      }
      this.prep.applied(zxid);
      applied.push(transaction);
    }
    return applied;
  }

  write(operation: WriteOperation, who: Who = {}): Result {
    const result = this.judge(operation, who);
    this.apply();
    return result;
  }

  create(at: string, options: Partial<CreateOperation> = {}, who: Who = {}): WriteResult {
    return this.write(createOf(at, options), who) as WriteResult;
  }

  set(at: string, data: string, condition?: VersionCondition): WriteResult {
    const given = condition === undefined ? {} : { condition };
    return this.write({ type: 'set', path: path(at), data: bytes(data), ...given }) as WriteResult;
  }

  delete(at: string, options: { readonly recursive?: boolean } = {}): void {
    this.write({ type: 'delete', path: path(at), ...options });
  }

  multi(operations: readonly MultiMember[], who: Who = {}): MultiResult {
    return this.write({ type: 'multi', operations }, who) as MultiResult;
  }

  /** @returns the new session's id */
  session(): number {
    this.write({ type: 'createSession', timeoutMs: 10_000, secretHash: new Uint8Array(32) });
    return this.zxid;
  }

  stat(at: string): Stat {
    const id = this.tree.find(at);
    expect(id, `${at} exists`).not.toBe(-1);
    return this.tree.stat(id);
  }

  exists(at: string): boolean {
    return this.tree.find(at) !== -1;
  }

  /** That the write is refused with the code. @returns the refusal */
  refuses(operation: WriteOperation, code: ErrorCode, who: Who = {}): CoordinationError {
    const error = caught(() => this.judge(operation, who));
    expect(error.code, error.message).toBe(code);
    return error;
  }

  reader(identities: readonly Identity[] = []): Reader {
    return { identities, superIdentity: operator, limits: this.limits };
  }
}

export function createOf(at: string, options: Partial<CreateOperation> = {}): CreateOperation {
  return {
    type: 'create',
    path: at,
    data: new Uint8Array(0),
    kind: 'persistent',
    sequential: false,
    ...options,
  };
}

export function caught(action: () => unknown): CoordinationError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(CoordinationError);
    return error as CoordinationError;
  }
  throw new Error('nothing was refused');
}
