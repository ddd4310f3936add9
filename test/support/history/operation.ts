/** What the clients of a run have asked and been told, as plain data: all that the checkers work from. */

export interface SeenStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly version: number;
  readonly ephemeralOwner: number;
  readonly numChildren: number;
}

export interface CreateRequest {
  readonly type: 'create';
  readonly path: string;
  /** Written by nobody else, ever: whoever reads it knows this request has taken effect. */
  readonly data: string;
  readonly ephemeral?: boolean;
  readonly sequential?: boolean;
}

export interface SetRequest {
  readonly type: 'set';
  readonly path: string;
  readonly data: string;
  readonly version?: number;
}

export interface DeleteRequest {
  readonly type: 'delete';
  readonly path: string;
  readonly version?: number;
}

/** Of a transaction only: that there is such a znode, at this version. */
export interface CheckRequest {
  readonly type: 'check';
  readonly path: string;
  readonly version?: number;
}

export type MemberRequest = CreateRequest | SetRequest | DeleteRequest | CheckRequest;

export type WriteRequest =
  | CreateRequest
  | SetRequest
  | DeleteRequest
  | { readonly type: 'put'; readonly path: string; readonly data: string }
  | { readonly type: 'multi'; readonly members: readonly MemberRequest[] };

export type ReadRequest =
  | { readonly type: 'get' | 'children'; readonly path: string; readonly linearizable: boolean }
  | { readonly type: 'sync' };

export type Request = WriteRequest | ReadRequest;

/**
 * `ok`; `refused` = a statement about the tree, as strong as a success; `not-applied` = not taken, which says
 * nothing about the tree; `unknown` = nobody can say.
 */
export type Outcome = 'ok' | 'refused' | 'not-applied' | 'unknown';

/** The fields of an answer that the request's type has. */
export interface Result {
  readonly path?: string;
  readonly created?: boolean;
  readonly data?: string;
  readonly stat?: SeenStat;
  readonly children?: readonly string[];
}

export interface Answer {
  readonly returnedMs: number;
  /** Place among everything that has arrived at this client's connection. */
  readonly arrival: number;
  readonly outcome: Outcome;
  /** The position that the answer carries; absent where none came. */
  readonly zxid?: number;
  /** ZooKeeper's name of what was wrong. */
  readonly code?: string;
  readonly result?: Result;
}

export interface Operation {
  /** Place in the history, in the order of sending. */
  readonly id: number;
  readonly client: string;
  /** The connection, where it orders its requests. */
  readonly stream?: string;
  readonly session?: number;
  /** The node that was asked. */
  readonly node: number;
  readonly request: Request;
  readonly invokedMs: number;
  /** The answer must not be older. */
  readonly minZxid?: number;
  /** Absent = none has come. */
  answer?: Answer;
}

export function isWrite(request: Request): request is WriteRequest {
  return request.type !== 'get' && request.type !== 'children' && request.type !== 'sync';
}

/** It states something about all that was answered before it was sent. */
export function isLinearizable(request: Request): boolean {
  if (request.type === 'get' || request.type === 'children') return request.linearizable;
  return true;
}

/** The answer of a write that was not told what became of it, or was told that nobody knows. */
export function isUncertain({ request, answer }: Operation): boolean {
  return isWrite(request) && (answer === undefined || answer.outcome === 'unknown');
}

export function describe({ id, client, node, request, answer }: Operation): string {
  const said =
    answer === undefined
      ? 'no answer'
      : `${answer.code ?? answer.outcome} at ${answer.zxid ?? 'no zxid'}`;
  return `#${id} of ${client} to node ${node}: ${JSON.stringify(request)} (${said})`;
}
