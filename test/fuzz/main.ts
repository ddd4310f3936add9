/**
 * `npm run fuzz`: requests that schemathesis makes of our OpenAPI document, sent to a node, and all its checks of the
 * answers. It is a program in Python; it is installed, at pinned versions, below `.cache/`.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { digestId } from '../crosscheck/identity.ts';
import { commandLine, numberOf } from '../support/command-line.ts';
import { startServer } from '../support/server-process.ts';

const usage = `usage: npm run fuzz -- [--minutes N] [--examples N] [--seed S]

Starts a node and lets schemathesis loose on it, with all its checks, for N minutes at most (default 4) and N made-up
requests of each kind in each round (default 100). One seed makes the same requests, as far as the time goes. Needs
Python 3.10 or newer and, the first time, the Python package index. Ends with status 0 when no check has failed.`;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = here('../../.cache/fuzz');
const requirements = here('requirements.txt');

/** What a run that does not come to its end by itself gets beyond its time. */
const GRACE_MS = 120_000;

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** It is killed after this time. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. @returns its status. @throws Error when it cannot be run or is killed */
async function run(
  command: string,
  args: readonly string[],
  { env = {}, timeoutMs }: RunOptions = {},
): Promise<number> {
  // Not synchronously: what the node writes has to be taken meanwhile, or its pipes fill up and it stands still.
  const child = spawn(command, args, {
    ...{ stdio: 'inherit', cwd: folder, env: { ...process.env, ...env } },
    ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: 'SIGKILL' }),
  });
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (status === null) throw new Error(`${command} was ended by ${String(signal)}`);
  return status;
}

/** @returns the executable; installs it when it is missing or other versions are wanted */
async function install(): Promise<string> {
  const bin = join(folder, 'venv/bin');
  const stamp = join(folder, 'installed');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const present = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (present !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [command, ...args] of [
      ['python3', '-m', 'venv', join(folder, 'venv')],
      [join(bin, 'pip'), 'install', '--quiet', '--no-deps', '--requirement', requirements],
    ] as const) {
      const status = await run(command, args);
      if (status !== 0) throw new Error(`${command} ended with status ${status}`);
    }
    writeFileSync(stamp, wanted);
  }
  return join(bin, 'schemathesis');
}

const user = { name: 'super', password: 'fuzz' };

interface Bounds {
  readonly minutes: number;
  readonly examples: number;
  readonly seed: number;
}

/** @returns the exit status of schemathesis: 0 when no check has failed */
async function fuzz({ minutes, examples, seed }: Bounds): Promise<number> {
  const schemathesis = await install();
  const node = await startServer({
    args: ['--super-digest', digestId(user.name, user.password)],
  });
  console.log(`fuzz: a node at ${node.url}, process ${node.pid}, seed ${seed}, ${minutes} minutes`);
  try {
    const status = await run(
      schemathesis,
      [
        ...['--config-file', here('schemathesis.toml'), 'run', `${node.url}/openapi.json`],
        ...['--auth', `${user.name}:${user.password}`, '--continue-on-failure'],
        ...['--max-time', String(Math.ceil(minutes * 60)), '--max-examples', String(examples)],
        // Nothing that an earlier run has found: the seed alone says what is sent.
        ...['--seed', String(seed), '--generation-database', 'none'],
      ],
      {
        env: { FUZZ_CHECKS: here('checks.py'), PYTHONDONTWRITEBYTECODE: '1' },
        timeoutMs: minutes * 60_000 + GRACE_MS,
      },
    );
    const verdict = status === 0 ? 'no check has failed' : `failed, see above (status ${status})`;
    console.log(`fuzz: the node at ${node.url}, seed ${seed}: ${verdict}`);
    return status;
  } finally {
    const { code, signal } = await node.stop();
    process.stderr.write(node.stderr());
    if (code !== 0) throw new Error(`the node ended with ${String(signal ?? code)}`);
  }
}

const { values } = commandLine(usage, {
  options: {
    minutes: { type: 'string', default: '4' },
    examples: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
process.exit(
  await fuzz({
    minutes: numberOf(usage, 'minutes', values.minutes),
    examples: numberOf(usage, 'examples', values.examples),
    seed: numberOf(usage, 'seed', values.seed),
  }),
);
