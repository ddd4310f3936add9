/** The command lines of what is run by `npm run`. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

/** What was asked for; `--help`, and what is not understood, end the process with the usage. */
export function commandLine<Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    refuse(usage, (error as Error).message);
  }
}

/** Ends the process: what was asked for is not possible, and the usage says what is. */
export function refuse(usage: string, problem: string): never {
  console.error(`${problem}\n\n${usage}`);
  process.exit(2);
}

/** The number that an option has, from 0 on; anything else ends the process with the usage. */
export function numberOf(usage: string, option: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  refuse(usage, `--${option} is a number from 0 on, not ${text}`);
}
