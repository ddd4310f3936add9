/** What `zoogate ensemble` is asked for. */
import { integer, ValueError } from '../config/values.ts';
import { votersMax } from '../config/members.ts';
import type { Mistake } from '../config/mistake.ts';
import { ArgumentError, parseStrictly } from '../strict-arguments.ts';

export interface EnsembleOptions {
  /** Members with a vote: ids 1 to this. */
  readonly nodes: number;
  /** Members without one: the ids behind. */
  readonly observers: number;
  /** Holds a directory for each node, and its settings. */
  readonly dataDir: string;
  /** Clients of node i are served on this plus i. */
  readonly portBase: number;
  /** The other members are, on this plus i. */
  readonly peerPortBase: number;
  /** Further flags of `serve`, for each node. */
  readonly serveArgs: readonly string[];
}

export const ensembleHelp = `Usage: zoogate ensemble [options] [-- options of serve]

Runs several nodes on this machine, to try an ensemble out. Ctrl-C stops them all; what they hold is kept
for the next time. A node that ends is not started again, so that you can see how the others go on.

  --nodes N            members with a vote [default 3]
  --observers N        members without one [default 0]
  --data-dir DIR       where node i keeps its data, in DIR/i, and its settings, in DIR/i.yaml
                       [default ./data/ensemble]
  --port-base N        clients of node i are served on port N + i [default 8180]
  --peer-port-base N   the other members are served on port N + i [default 8280]
  -h, --help           show this text
`;

const OBSERVERS_MAX = 16;
const PORT_BASE_MAX = 65_000;

const defaults = {
  nodes: 3,
  observers: 0,
  // Not where a node that is started alone keeps its data: that is an ensemble of its own.
  dataDir: './data/ensemble',
  portBase: 8180,
  peerPortBase: 8280,
};

const numbers = {
  nodes: integer({ min: 1, max: votersMax }),
  observers: integer({ min: 0, max: OBSERVERS_MAX }),
  'port-base': integer({ min: 1, max: PORT_BASE_MAX }),
  'peer-port-base': integer({ min: 1, max: PORT_BASE_MAX }),
} as const;

type NumberName = keyof typeof numbers;

/** The options, or everything that is wrong with them; undefined where the help is asked for. */
export function parseEnsembleOptions(
  args: readonly string[],
): EnsembleOptions | readonly Mistake[] | undefined {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const serveArgs = end === -1 ? [] : args.slice(end + 1);
  const mistakes: Mistake[] = [];
  const values = parseFlags(own, mistakes);
  if (values.help === true) return undefined;
  const number = (name: NumberName, usual: number): number => {
    const text = values[name];
    if (text === undefined) return usual;
    try {
      return numbers[name].parse(text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      mistakes.push({ key: `--${name}`, problem: error.message });
      return usual;
    }
  };
  const options = {
    nodes: number('nodes', defaults.nodes),
    observers: number('observers', defaults.observers),
    dataDir: values['data-dir'] ?? defaults.dataDir,
    portBase: number('port-base', defaults.portBase),
    peerPortBase: number('peer-port-base', defaults.peerPortBase),
    serveArgs,
  };
  const count = options.nodes + options.observers;
  if (Math.abs(options.portBase - options.peerPortBase) < count) {
    const problem = `is too near to --port-base: ${count} nodes need ${count} ports of each kind`;
    mistakes.push({ key: '--peer-port-base', problem });
  }
  return mistakes.length > 0 ? mistakes : options;
}

type FlagValues = { readonly help?: boolean; readonly 'data-dir'?: string } & Readonly<
  Partial<Record<NumberName, string>>
>;

function parseFlags(args: readonly string[], mistakes: Mistake[]): FlagValues {
  try {
    return parseStrictly({
      args: [...args],
      options: {
        nodes: { type: 'string' },
        observers: { type: 'string' },
        'data-dir': { type: 'string' },
        'port-base': { type: 'string' },
        'peer-port-base': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const [key = '', ...problem] = error.message.split(' ');
    mistakes.push({ key, problem: problem.join(' ') });
    return {};
  }
}
