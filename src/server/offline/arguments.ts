/** The arguments of the commands that look into the data directory of a node that does not run. */
import { didYouMean } from '../../protocol/nearest.ts';
import { ArgumentError, parseStrictly } from '../strict-arguments.ts';

export interface OfflineArguments {
  readonly action: string;
  readonly dataDir: string;
  /** First and last zxid, both included. */
  readonly from?: number;
  readonly to?: number;
  readonly zxid?: number;
  /** One file instead of a data directory. */
  readonly file?: string;
}

export interface ArgumentRules {
  readonly actions: readonly string[];
  /** Flags beside `--data-dir`, each with a zxid. */
  readonly zxids: readonly ('from' | 'to' | 'zxid')[];
  /** Actions that take a file instead of a data directory. */
  readonly ofFiles?: readonly string[];
}

/**
 * @returns undefined when help is asked for
 * @throws ArgumentError
 */
export function parseOfflineArguments(
  args: readonly string[],
  { actions, zxids, ofFiles = [] }: ArgumentRules,
): OfflineArguments | undefined {
  const { values, positionals } = parsed(args, zxids);
  if (values['help'] === true) return undefined;
  const { action, file } = wordsOf(positionals, { actions, ofFiles });
  const extra = ['data-dir', ...zxids].find((name) => values[name] !== undefined);
  if (file !== undefined && extra !== undefined) {
    throw new ArgumentError(`--${extra} is not expected beside ${file}: one file is looked at`);
  }
  const dataDir = values['data-dir'] ?? process.env['ZOOGATE_DATA_DIR'] ?? './data/1';
  const numbers = zxids.flatMap((name) => {
    const text = values[name];
    return text === undefined ? [] : [[name, zxidOf(name, String(text))] as const];
  });
  return {
    ...{ action, dataDir: String(dataDir), ...Object.fromEntries(numbers) },
    ...(file !== undefined && { file }),
  };
}

function wordsOf(
  positionals: readonly string[],
  {
    actions,
    ofFiles,
  }: { readonly actions: readonly string[]; readonly ofFiles: readonly string[] },
): { action: string; file: string | undefined } {
  const [action, file, more] = positionals;
  if (action === undefined) throw new ArgumentError(`needs one of ${actions.join(', ')}`);
  if (!actions.includes(action)) {
    const meant = didYouMean(action, actions);
    throw new ArgumentError(`${action} is none of ${actions.join(', ')}${meant}`);
  }
  if (file !== undefined && !ofFiles.includes(action)) {
    throw new ArgumentError(`${file} is not expected here: ${action} takes no file`);
  }
  if (more !== undefined) {
    throw new ArgumentError(`${more} is not expected here: one file is looked at`);
  }
  return { action, file };
}

function parsed(
  args: readonly string[],
  zxids: ArgumentRules['zxids'],
): {
  values: Readonly<Record<string, string | boolean | undefined>>;
  positionals: readonly string[];
} {
  return parseStrictly({
    args: [...args],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(zxids.map((name) => [name, { type: 'string' }] as const)),
      'data-dir': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function zxidOf(name: string, text: string): number {
  const zxid = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(zxid)) return zxid;
  throw new ArgumentError(`--${name} must be a zxid, a whole number`);
}
