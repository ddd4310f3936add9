/** Session tokens: `<id>:<secret>`, what `Zk-Session` and a WebSocket's `connect` carry. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { SessionId } from '../../protocol/model.ts';
import type { SessionCredential } from '../coordinator.ts';

const tokenPattern = /^([1-9][0-9]{0,15}):([A-Za-z0-9_-]{1,64})$/;

export function formatToken(id: SessionId, secret: string): string {
  return `${id}:${secret}`;
}

/** @throws CoordinationError AUTHFAILED, never repeating the text, which may hold a secret */
export function parseToken(text: string): SessionCredential {
  const match = tokenPattern.exec(text);
  const id = Number(match?.[1]);
  const secret = match?.[2];
  if (secret === undefined || !Number.isSafeInteger(id)) {
    throw new CoordinationError('AUTHFAILED', 'the session token is not of the form <id>:<secret>');
  }
  return { id, secret };
}
