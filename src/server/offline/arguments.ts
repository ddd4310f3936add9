/** The arguments of the commands that look into the data directory of a node that does not run. */
import { parseArgs } from 'node:util';

export interface OfflineArguments {
  readonly action: string;
  readonly dataDir: string;
  /** First and last zxid, both included. */
  readonly from?: number;
  readonly to?: number;
  readonly zxid?: number;
}

/** What is wrong with the arguments; a half sentence. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export interface ArgumentRules {
  readonly actions: readonly string[];
  /** Flags beside `--data-dir`, each with a zxid. */
  readonly zxids: readonly ('from' | 'to' | 'zxid')[];
}

/**
 * @returns undefined when help is asked for
 * @throws UsageError
 */
export function parseOfflineArguments(
  args: readonly string[],
  { actions, zxids }: ArgumentRules,
): OfflineArguments | undefined {
  const { values, positionals } = parsed(args, zxids);
  if (values['help'] === true) return undefined;
  const [action, ...rest] = positionals;
  if (action === undefined || !actions.includes(action) || rest.length > 0) {
    throw new UsageError(`needs one of ${actions.join(', ')}`);
  }
  const dataDir = values['data-dir'] ?? process.env['ZOOGATE_DATA_DIR'] ?? './data/1';
  const numbers = zxids.flatMap((name) => {
    const text = values[name];
    return text === undefined ? [] : [[name, zxidOf(name, String(text))] as const];
  });
  return { action, dataDir: String(dataDir), ...Object.fromEntries(numbers) };
}

function parsed(
  args: readonly string[],
  zxids: ArgumentRules['zxids'],
): {
  values: Readonly<Record<string, string | boolean | undefined>>;
  positionals: readonly string[];
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(zxids.map((name) => [name, { type: 'string' }] as const)),
        'data-dir': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function zxidOf(name: string, text: string): number {
  const zxid = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(zxid)) return zxid;
  throw new UsageError(`--${name} must be a zxid, a whole number`);
}
