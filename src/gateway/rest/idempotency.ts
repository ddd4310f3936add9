/** Idempotency keys: what makes two requests the same request. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { QuerySpec } from '../../protocol/rest/query.ts';
import type { Idempotency } from '../coordinator.ts';
import type { RestRequest } from './request.ts';

const conditionHeaders = ['if-match', 'if-none-match', 'zk-acl'] as const;

/**
 * The key of the request with the fingerprint of all that it says. The caller's address is no part of it,
 * since a retry may come by another way; whoever proves an identity must prove the same again.
 * @throws CoordinationError BADARGUMENTS for an unreadable key
 */
export function idempotencyOf<Q extends QuerySpec>(
  request: RestRequest<Q>,
  body: Uint8Array,
): Idempotency | undefined {
  const header = request.header('idempotency-key');
  if (header === undefined) return undefined;
  if (isRepeated(request.raw, 'idempotency-key')) {
    throw new CoordinationError('BADARGUMENTS', 'Idempotency-Key: is given more than once');
  }
  const key = readKey(header, request.context.settings.limits);
  const parts = [
    request.raw.method,
    // Routes share their paths: the same text may be data under /znodes and a list of rules under /acl.
    request.route,
    request.pathText,
    Object.entries(request.query).sort(([one], [other]) => (one < other ? -1 : 1)),
    conditionHeaders.map((name) => request.header(name) ?? null),
    request.session()?.id ?? 0,
    createHash('sha256').update(body).digest('base64'),
    request.identities().filter(({ scheme }) => scheme !== 'ip'),
  ];
  const fingerprint = createHash('sha256').update(JSON.stringify(parts)).digest('base64');
  return { key, fingerprint };
}

/** Node joins repeated headers, and a key may hold commas. */
function isRepeated({ rawHeaders }: IncomingMessage, name: string): boolean {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  return names.filter((each) => each.toLowerCase() === name).length > 1;
}

/** A structured string as the draft standard has it, or the same without its quotes. */
function readKey(header: string, limits: Limits): string {
  const [, quoted] = /^"([\x20\x21\x23-\x5b\x5d-\x7e]*)"$/.exec(header) ?? [];
  const key = quoted ?? header;
  if (key.length === 0 || key.length > limits.idempotencyKeyLengthMax) {
    const allowed = limitText(limits, 'idempotencyKeyLengthMax');
    const detail =
      key === ''
        ? 'Idempotency-Key: is empty, give it a text of your own for each write'
        : `Idempotency-Key: ${key.length} characters exceed ${allowed}`;
    throw new CoordinationError('BADARGUMENTS', detail);
  }
  return key;
}
