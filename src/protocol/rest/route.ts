/** What a route is, as data: the doors serve the table, the OpenAPI document is generated from it. */
import type { TSchema } from '@sinclair/typebox';
import type { QuerySpec } from './query.ts';

export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';

/** Request headers that have a meaning here, as `headers.ts` describes them. */
export type RequestHeader =
  | 'Zk-Session'
  | 'Zk-Min-Zxid'
  | 'If-Match'
  | 'If-None-Match'
  /** `If-None-Match` of a write, which takes only `*`. */
  | 'CreateOnly'
  | 'Prefer'
  | 'Idempotency-Key'
  | 'Zk-Acl'
  | 'Last-Event-ID';

export type ResponseHeader =
  | 'Zk-Zxid'
  | 'Zk-Server'
  | 'Zk-Session-Expires-In'
  | 'Zk-Read-Only'
  | 'Zk-Version'
  | 'Zk-Stat'
  | 'ETag'
  | 'Location'
  | 'Content-Disposition'
  | 'Preference-Applied'
  | 'Vary';

export interface MediaSpec {
  readonly schema: TSchema;
  readonly example?: unknown;
}

export interface ResponseSpec {
  readonly description: string;
  readonly headers?: readonly ResponseHeader[];
  /** By media type; absent = no body. */
  readonly content?: Readonly<Record<string, MediaSpec>>;
}

export type BodySpec =
  | { readonly kind: 'raw'; readonly description: string; readonly example: string }
  | {
      readonly kind: 'json';
      readonly schema: TSchema;
      readonly required: boolean;
      readonly example: unknown;
    };

export interface RouteSpec {
  readonly method: Method;
  /** With `{path}` for a znode path, which may hold slashes and be empty, and `{id}` for one number. */
  readonly path: string;
  readonly tag: 'znodes' | 'transactions' | 'sessions' | 'watching' | 'ensemble' | 'documents';
  readonly summary: string;
  readonly description?: string;
  readonly query: QuerySpec;
  readonly headers: readonly RequestHeader[];
  readonly body?: BodySpec;
  /** Without failures. */
  readonly responses: Readonly<Record<number, ResponseSpec>>;
  /** Statuses that carry a problem, in ascending order. */
  readonly problems: readonly number[];
  /** Served by another part of the process: here only for the document. */
  readonly elsewhere?: true;
}

/** Keeps the literal types of a route while checking its form. */
export function route<const R extends RouteSpec>(spec: R): R {
  return spec;
}

/** What every request to the coordinator may be answered with. */
export const coordinationProblems = [400, 401, 403, 408, 410, 429, 431, 500, 503, 504] as const;

/** `coordinationProblems` and more, in ascending order. */
export function problemsWith(...statuses: readonly number[]): readonly number[] {
  return [...new Set([...coordinationProblems, ...statuses])].sort((a, b) => a - b);
}
