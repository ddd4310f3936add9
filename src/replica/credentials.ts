/** Session secrets: 128 random bits, shown once; only their hash is in the log. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CoordinationError } from '../protocol/errors.ts';
import type { SessionCredential } from '../protocol/coordination.ts';
import type { SessionRow, SessionTable } from '../sessions/index.ts';
import { sessionGone } from './reads.ts';

export const secretBytes = 16;

/** 22 characters of base64url. */
export function secretText(random: Uint8Array): string {
  return Buffer.from(random).toString('base64url');
}

export function hashSecret(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

/**
 * The live session that `credential` proves.
 * @param lastZxid no session younger than this can exist
 * @throws CoordinationError AUTHFAILED for an id that never existed or a wrong secret of a live session,
 *   SESSIONEXPIRED for any other id that is not live
 */
export function verifyCredential(
  sessions: SessionTable,
  credential: SessionCredential,
  lastZxid: number,
): SessionRow {
  const { id, secret } = credential;
  const row = sessions.get(id);
  if (row === undefined) {
    if (id > lastZxid || id < 1) {
      throw new CoordinationError('AUTHFAILED', `session ${String(id)} never existed`);
    }
    throw sessionGone(id);
  }
  if (!timingSafeEqual(row.secretHash, hashSecret(secret))) {
    throw new CoordinationError('AUTHFAILED', `wrong secret for session ${String(id)}`);
  }
  return row;
}
