/** The arguments of the commands that take few options: what is wrong with them, in our own words. */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { didYouMean } from '../protocol/nearest.ts';

/** What is wrong with the arguments; a half sentence that begins with the argument. */
export class ArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ArgumentError';
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** @throws ArgumentError */
export function parseStrictly<T extends ParseArgsConfig & { readonly options: Options }>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError) || !('code' in error)) throw error;
    throw new ArgumentError(described(error.message, Object.keys(config.options)));
  }
}

/** Node's text names the argument in quotes, and goes on with an advice that helps nobody here. */
function described(message: string, names: readonly string[]): string {
  const [, unknown] = /^Unknown option '(-[^']*)'/.exec(message) ?? [];
  if (unknown !== undefined) {
    const bare = unknown.replace(/^-+/, '');
    const first = names.find((name) => name.startsWith(bare));
    const meant = bare.length === 1 && first !== undefined ? `; did you mean --${first}?` : '';
    return `${unknown} is not an option${meant || didYouMean(bare, names, '--')}`;
  }
  const [, extra] = /^Unexpected argument '([^']*)'/.exec(message) ?? [];
  if (extra !== undefined) return `${extra} is not expected here`;
  const [, lacking] =
    /^Option '(?:-\w, )?(--[\w-]+) <value>' argument (?:missing|is ambiguous)/.exec(message) ?? [];
  if (lacking !== undefined) return `${lacking} needs a value`;
  const [sentence = message] = message.split(/[.\n]/, 1);
  return sentence;
}
