/** The built executable as a process of its own: what a test does to it is what an operator could do. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `npm test` builds it first. */
export const executable = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url));

const START_TIMEOUT_MS = 30_000;

export interface ServerOptions {
  /** An existing one is used as it is and left; without it the process gets one that goes with the test. */
  readonly dataDir?: string;
  /** Further flags of `serve`; a `--port` among them replaces `--port 0`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How many descriptors it may open, instead of what the test's own process may (needs `prlimit`). */
  readonly descriptors?: number;
  /** What runs in the place of the built executable. */
  readonly program?: string;
}

/** How a process has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly wsUrl: string;
  readonly pid: number;
  readonly port: number;
  readonly dataDir: string;
  /** SIGTERM; resolves when the process has ended. */
  stop(): Promise<Exit>;
  /** Sends a signal; resolves when the process has ended. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
  readonly exited: Promise<Exit>;
  /** What it has written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Temporary directories and processes end with the test's own process, however it ends. */
const directories = new Set<string>();
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory that goes with the test's process. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'zoogate-test-'));
  directories.add(directory);
  return directory;
}

/** Resolves when the node serves. @throws Error with its output when it ends before that */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? temporaryDirectory();
  const { args = [] } = options;
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const run = launch(['serve', '--data-dir', dataDir, ...port, ...args], options);
  const { child, exited } = run;
  const url = await banner(run);
  const kill = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exited;
  };
  return {
    ...{ url, dataDir, exited, kill, stdout: run.stdout, stderr: run.stderr },
    wsUrl: `${url.replace(/^http/, 'ws')}/ws`,
    pid: child.pid ?? 0,
    port: Number(new URL(url).port),
    stop: () => kill('SIGTERM'),
  };
}

export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `zoogate` to its end. */
export async function runZoogate(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const { exited, stdout, stderr } = launch(args, env === undefined ? {} : { env });
  const exit = await exited;
  return { ...exit, stdout: stdout(), stderr: stderr() };
}

interface Launched {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Calls back with each line of standard output, also those that came before. */
  readonly onLine: (listener: (line: string) => void) => void;
}

function launch(
  args: readonly string[],
  {
    env = {},
    descriptors,
    program = executable,
  }: Pick<ServerOptions, 'env' | 'descriptors' | 'program'> = {},
): Launched {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ZOOGATE_'));
  const node = [process.execPath, program, ...args];
  const [command = '', ...rest] =
    descriptors === undefined ? node : ['prlimit', `--nofile=${descriptors}`, ...node];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
  });
  children.add(child);
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const listener of listeners) listener(line);
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    // `close`, unlike `exit`, comes after the last of the output.
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    child,
    exited,
    stdout: () => lines.map((line) => `${line}\n`).join(''),
    stderr: () => errors,
    onLine: (listener) => {
      lines.forEach(listener);
      listeners.push(listener);
    },
  };
}

/** The URL in the line that a node logs when it serves. */
async function banner({ child, exited, stdout, stderr, onLine }: Launched): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const output = (): string => `${stdout()}${stderr()}`;
  try {
    return await new Promise<string>((resolve, reject) => {
      onLine((line) => {
        const { url } = JSON.parse(line) as { url?: string };
        if (url !== undefined) resolve(url);
      });
      exited.then(
        ({ code, signal }) =>
          reject(
            new Error(`it ended (${code ?? signal ?? 'unknown'}) instead of serving:\n${output()}`),
          ),
        reject,
      );
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`it does not serve after ${START_TIMEOUT_MS} ms:\n${output()}`));
      }, START_TIMEOUT_MS);
    });
  } finally {
    clearTimeout(timer);
  }
}
