/** What makes a retry under an idempotency key the same request. */
import { createHash } from 'node:crypto';
import type { Identity, SessionId } from '../../protocol/model.ts';
import type { Fields } from './fields.ts';

export interface FingerprintSource {
  readonly message: Fields;
  /** 0 without a session. */
  readonly session: SessionId;
  readonly identities: readonly Identity[];
}

/** SHA-256 over the message but for `id` and the key itself, the session and the identities, in any order. */
export function fingerprintOf({ message, session, identities }: FingerprintSource): string {
  const { id: _id, idempotencyKey: _key, ...rest } = message;
  // A retry may come by another way; whoever proves an identity must prove the same again.
  const proven = identities.filter(({ scheme }) => scheme !== 'ip');
  const who = proven.map(({ scheme, id }) => `${scheme}:${id}`).sort();
  const text = JSON.stringify(['websocket', canonical(rest), session, who]);
  return createHash('sha256').update(text).digest('base64');
}

/** Objects with their fields in order, so that two ways of writing the same compare equal. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.map(([name, item]) => [name, canonical(item)]);
}
