/** Who asks, after the session's secret has been checked. */
import { createHash } from 'node:crypto';
import type { Identity, SessionId } from '../protocol/model.ts';

export interface ResolvedCaller {
  readonly identities: readonly Identity[];
  /** 0 without a session. */
  readonly session: SessionId;
}

export const nobody: ResolvedCaller = { identities: [], session: 0 };

/**
 * Whose share the remembered keys of the caller count for: the session's, else that of the first identity that was
 * proved, else that of the address. Identities are hashed, as they can be long and hold what proves them.
 */
export function ownerOf({ session, identities }: ResolvedCaller): string {
  if (session !== 0) return `session ${session}`;
  const proved = identities.find(({ scheme }) => scheme !== 'ip');
  const { scheme, id } = proved ?? identities[0] ?? { scheme: '', id: '' };
  const hash = createHash('sha256').update(`${scheme}:${id}`).digest('base64url');
  return hash.slice(0, OWNER_CHARACTERS);
}

/** 132 bits. */
const OWNER_CHARACTERS = 22;
