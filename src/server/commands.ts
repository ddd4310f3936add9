/**
 * The command line of `zoogate`: finds the command and runs it. Loads no more than the command needs, since
 * the parts of a node take half a second.
 */
import process from 'node:process';
import { didYouMean } from '../protocol/nearest.ts';
import { ConfigError, configText, loadConfig, mistakesText, settingsHelp } from './config/index.ts';
import type { ResolvedConfig } from './config/index.ts';
import { ExitStatus } from './exit-status.ts';
import { productVersion } from './version.ts';

const help = `zoogate: a ZooKeeper you can curl

Usage: zoogate <command> [options]

Commands:
  serve                      run a node
  ensemble                   run several nodes on this machine, to try an ensemble out
  health                     ask a node whether it works, or is ready
  log list|verify|print      show the log of a stopped node
  snapshot list|verify|print show the snapshots of a stopped node, or one that was downloaded
  hash-password              make the value of --super-digest from a password
  help COMMAND               show the options of a command

Options:
  -h, --help                 show this text, or that of a command
  --version                  show the version
`;

const serveHelp = `Usage: zoogate serve [options]

Runs a node. Settings come from flags, from the environment and from a file, in this order of precedence.

  --config FILE
      A YAML or JSON file whose keys are the flags below without their dashes. [ZOOGATE_CONFIG]
  --print-config
      Show the settings in force and where each comes from, and exit. Secrets are hidden.
  -h, --help
      Show this text.

Durations: 500ms, 30s, 5m, 2h, 1d; a bare number is milliseconds. Sizes: 65536, 64KiB, 8MiB, 2GiB.
`;

type Command = (args: readonly string[]) => Promise<ExitStatus>;

const commands: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  ensemble: async (args) => (await import('./ensemble/index.ts')).ensembleCommand(args),
  health: async (args) => (await import('./health-check.ts')).healthCommand(args),
  log: async (args) => (await import('./offline/index.ts')).logCommand(args),
  'hash-password': async (args) => (await import('./hash-password.ts')).hashPasswordCommand(args),
  snapshot: async (args) => (await import('./offline/index.ts')).snapshotCommand(args),
};

/** Runs what the arguments ask for; resolves with the exit status of the process. */
export async function runCommand(args: readonly string[]): Promise<ExitStatus> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') return print(help);
  if (name === '--version') return print(`${productVersion()}\n`);
  const [topic] = rest;
  if (name === 'help') return topic === undefined ? print(help) : runNamed(topic, ['--help']);
  return runNamed(name, rest);
}

async function runNamed(name: string, args: readonly string[]): Promise<ExitStatus> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command(args);
  // The error stands alone: behind the whole help it would have scrolled away.
  const hint = name.startsWith('-') ? optionHint(name) : commandHint(name);
  process.stderr.write(`zoogate: ${name} is not a command${hint}\n\`zoogate help\` lists them.\n`);
  return ExitStatus.USAGE;
}

function optionHint(name: string): string {
  if (/^--?v/i.test(name)) return '; did you mean --version?';
  return `; options of a node stand behind \`serve\`: zoogate serve ${name} …`;
}

/** Words that other programs have for the same. */
const otherWords: Readonly<Partial<Record<string, string>>> = {
  ...{ start: 'serve', run: 'serve', server: 'serve', cluster: 'ensemble' },
  ...{ status: 'health', version: '--version' },
};

function commandHint(name: string): string {
  const other = Object.hasOwn(otherWords, name) ? otherWords[name] : undefined;
  return other === undefined
    ? didYouMean(name, [...Object.keys(commands), 'help'])
    : `; did you mean ${other}?`;
}

async function serveCommand(args: readonly string[]): Promise<ExitStatus> {
  const { flags, resolve } = loadConfig({ args, env: process.env });
  if (flags.help) return print(`${serveHelp}\n${settingsHelp()}\n`);
  let resolved: ResolvedConfig;
  try {
    resolved = resolve();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(mistakesText(error.mistakes, 'serve'));
    return ExitStatus.USAGE;
  }
  if (flags.printConfig) return print(configText(resolved));
  const { runProcess } = await import('./process.ts');
  return runProcess(resolved);
}

function print(text: string): ExitStatus {
  process.stdout.write(text);
  return ExitStatus.OK;
}
