/** `--fault NAME=MS`: how often something is done to the ensemble, whatever the seed draws. */
import type { FaultSwarm } from './swarm.ts';
import { drawSwarm } from './swarm.ts';
import { Chance } from './world/chance.ts';

const kinds = Object.keys(drawSwarm(new Chance(0)).faults) as (keyof FaultSwarm)[];

/** What is done to the ensemble; that it is mended is none of it. */
export const faultKinds = kinds.filter((kind) => kind !== 'healMs');

/** The names that the trace has, and the option. */
export const faultNames: readonly string[] = kinds.map(nameOf);

/**
 * Means, milliseconds, by name or for `all`; 0 leaves a fault out. A later one counts more.
 * @throws Error saying what cannot be understood
 */
export function faultsOf(texts: readonly string[]): Partial<FaultSwarm> {
  return Object.fromEntries(texts.flatMap(meansOf));
}

/** True for what is done to the ensemble at present. */
export function isFault(kind: string): boolean {
  return (faultKinds as readonly string[]).includes(kind);
}

/** What would be given on the command line. */
export function faultArguments(faults: Partial<FaultSwarm>): readonly string[] {
  return Object.entries(faults).map(([kind, ms]) => `--fault ${nameOf(kind)}=${ms}`);
}

function meansOf(text: string): readonly (readonly [string, number])[] {
  const [, name, digits] = /^(\w+)=(\d+)$/.exec(text) ?? [];
  const wanted = name === 'all' ? faultKinds : kinds.filter((kind) => nameOf(kind) === name);
  if (digits !== undefined && wanted.length > 0) {
    return wanted.map((kind) => [kind, Number(digits)] as const);
  }
  throw new Error(`--fault is NAME=MS, not ${text}; NAME is all, ${faultNames.join(', ')}`);
}

/** As the trace and the command line call it. */
export function nameOf(kind: string): string {
  return kind.replace(/Ms$/, '');
}
