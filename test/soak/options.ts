/** The command line of the soak. */
import { commandLine, numberOf } from '../support/command-line.ts';

export interface SoakOptions {
  /** How long the abuse goes on. */
  readonly minutes: number;
  /** How long the good clients are alone before it, to compare with. */
  readonly calmMinutes: number;
}

const usage = `usage: npm run soak -- [--minutes N] [--calm N]

Runs three nodes with good clients alone for --calm minutes (default 2), then with abusive clients beside them for
--minutes (default 10). Ends with status 0 when no leader has changed, no good client has met a fault, the memory of
each node stays within its limits, and the good clients' answers take at most 3 times as long as without abuse.`;

export function parseOptions(): SoakOptions {
  const { values } = commandLine(usage, {
    options: {
      minutes: { type: 'string', default: '10' },
      calm: { type: 'string', default: '2' },
    },
  });
  return {
    minutes: numberOf(usage, 'minutes', values.minutes),
    calmMinutes: numberOf(usage, 'calm', values.calm),
  };
}
