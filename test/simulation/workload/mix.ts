/** Which kinds of requests clients make, and how often: drawn for each run, some left out of it. */
import type { Chance } from '../world/chance.ts';

const usual = {
  ...{ create: 20, put: 15, set: 25, delete: 15, multi: 10, setAcl: 4 },
  ...{ get: 20, exists: 8, children: 8, tree: 2, acl: 2, multiRead: 3 },
  ...{ ephemerals: 1, sessionInfo: 1, whoami: 1, sync: 4, ping: 2, watch: 4, unwatch: 1 },
} as const;

export type Kind = keyof typeof usual;

export interface Mix {
  readonly weights: readonly (readonly [kind: Kind, weight: number])[];
  readonly total: number;
}

/** Without these nothing would ever happen, or nobody would know. */
const indispensable: ReadonlySet<Kind> = new Set(['create', 'set', 'get', 'sync']);

/** @param withAcls whether ACLs are set at all */
export function drawMix(chance: Chance, withAcls: boolean): Mix {
  const weights: [Kind, number][] = [];
  for (const kind of Object.keys(usual) as Kind[]) {
    const isLeftOut = chance.happens(0.15) && !indispensable.has(kind);
    const weight = usual[kind] * chance.pick([1, 1, 1, 4]);
    if (!isLeftOut && (withAcls || kind !== 'setAcl')) weights.push([kind, weight]);
  }
  return mixOf(weights);
}

export function mixOf(weights: Mix['weights']): Mix {
  return { weights, total: weights.reduce((sum, [, weight]) => sum + weight, 0) };
}
