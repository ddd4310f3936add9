/** What the two doors answer, in the words of the history. */
import type { Outcome, Result, SeenStat } from '../history/operation.ts';

export interface WireProblem {
  readonly code: string;
  readonly outcome?: string;
  readonly status?: number;
}

export interface WireBody {
  readonly zxid?: number;
  readonly path?: string;
  readonly created?: boolean;
  readonly data?: string;
  readonly stat?: SeenStat;
  readonly children?: readonly string[];
}

/** Refusals that state something about the tree. */
const statements = new Set([
  ...['NODEEXISTS', 'NONODE', 'BADVERSION', 'NOTEMPTY', 'NOCHILDRENFOREPHEMERALS'],
]);

export function outcomeOf({ code, outcome }: WireProblem): Outcome {
  if (outcome === 'unknown') return 'unknown';
  if (outcome !== 'not-applied') throw new Error(`${code} has the outcome ${String(outcome)}`);
  return statements.has(code) ? 'refused' : 'not-applied';
}

export function resultOf({ path, created, data, stat, children }: WireBody): Result {
  return {
    ...(path !== undefined && { path }),
    ...(created !== undefined && { created }),
    ...(data !== undefined && { data }),
    ...(children !== undefined && { children }),
    ...(stat !== undefined && { stat: pickStat(stat) }),
  };
}

function pickStat({ czxid, mzxid, version, ephemeralOwner, numChildren }: SeenStat): SeenStat {
  return { czxid, mzxid, version, ephemeralOwner, numChildren };
}
