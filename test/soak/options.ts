/** The command line of the soak. */
import { commandLine, refuse, numberOf } from '../support/command-line.ts';
import { abusers } from './abusers.ts';

export interface SoakOptions {
  /** How long the abuse goes on. */
  readonly minutes: number;
  /** How long the good clients are alone before it, to compare with. */
  readonly calmMinutes: number;
  /** Names of the abusers that take part. */
  readonly only: readonly string[];
}

const names = Object.keys(abusers);

const usage = `usage: npm run soak -- [--minutes N] [--calm N] [--only NAME,…]

Runs three nodes with good clients alone for --calm minutes (default 2), then with abusive clients beside them for
--minutes (default 10). Ends with status 0 when no leader has changed, no good client has met a fault, the memory of
each node stays within its limits, and the good clients' answers take at most 3 times as long as without abuse.

--only takes some of the abusers: ${names.join(', ')}.`;

export function parseOptions(): SoakOptions {
  const { values } = commandLine(usage, {
    options: {
      minutes: { type: 'string', default: '10' },
      calm: { type: 'string', default: '2' },
      only: { type: 'string', default: names.join(',') },
    },
  });
  const only = values.only.split(',');
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) refuse(usage, `--only: there is no abuser ${unknown}`);
  return {
    only,
    minutes: numberOf(usage, 'minutes', values.minutes),
    calmMinutes: numberOf(usage, 'calm', values.calm),
  };
}
