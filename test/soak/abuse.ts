/** The process of the abusive clients: every abuser against every node, round after round, until it is ended. */
import { constants, setPriority } from 'node:os';
import { childInput, print } from '../bench/children.ts';
import { abusers } from './abusers.ts';
import type { Target } from './abusers.ts';

/** Input of this process. */
export interface AbuseInput {
  /** Client ports of all nodes. */
  readonly ports: readonly number[];
  /** Names of the abusers. */
  readonly only: readonly string[];
}

// Abusers have machines of their own: what they cost themselves must not be what the good clients wait for.
setPriority(constants.priority.PRIORITY_LOW);

async function goOn(round: (target: Target) => Promise<void>, target: Target): Promise<never> {
  for (;;) await round(target);
}

const { ports, only } = childInput() as AbuseInput;
print('begun');
await Promise.all(
  Object.entries(abusers).flatMap(([name, round], index) =>
    (only.includes(name) ? ports : []).map((port) =>
      goOn(round, { port, from: `127.0.0.${index + 10}` }),
    ),
  ),
);
