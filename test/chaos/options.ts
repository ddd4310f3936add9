/** What the chaos program is told on its command line. */
import { parseArgs } from 'node:util';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: 3 | 5;
}

export const usage = `usage: npm run chaos -- [--minutes N] [--seed S] [--nodes 3|5]

Runs an ensemble of real processes under load and does it harm, all of it chosen by the seed, for N minutes
(default 2). Every window of some seconds ends with a check of everything that clients were told. Ends with
status 0 when no promise was broken, 1 when one was; then the history is kept, and its place is told.`;

/** @throws Error for what makes no sense; undefined = only the help is wanted */
export function parseOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      nodes: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0');
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
  if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number');
  const nodes = Number(values.nodes);
  if (nodes !== 3 && nodes !== 5) throw new Error('--nodes must be 3 or 5');
  return { minutes, seed, nodes };
}
