/** Who asks, after the session's secret has been checked. */
import type { Identity, SessionId } from '../protocol/model.ts';

export interface ResolvedCaller {
  readonly identities: readonly Identity[];
  /** 0 without a session. */
  readonly session: SessionId;
}

export const nobody: ResolvedCaller = { identities: [], session: 0 };
