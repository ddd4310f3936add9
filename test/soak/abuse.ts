/** The process of the abusive clients: every abuser against every node, round after round, until it is ended. */
import { childInput, print } from '../bench/children.ts';
import { abusers } from './abusers.ts';
import type { Target } from './abusers.ts';

/** Input of this process. */
export interface AbuseInput {
  /** Client ports of all nodes. */
  readonly ports: readonly number[];
}

async function goOn(round: (target: Target) => Promise<void>, target: Target): Promise<never> {
  for (;;) await round(target);
}

const { ports } = childInput() as AbuseInput;
print('begun');
await Promise.all(
  Object.values(abusers).flatMap((round, index) =>
    ports.map((port) => goOn(round, { port, from: `127.0.0.${index + 10}` })),
  ),
);
