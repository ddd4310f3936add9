/**
 * `npm run fuzz`: requests that schemathesis makes of our OpenAPI document, sent to a node, and all its checks of the
 * answers. It is a program in Python; it is installed, at pinned versions, below `.cache/`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { digestId } from '../crosscheck/identity.ts';
import { commandLine, numberOf } from '../support/command-line.ts';
import { startServer } from '../support/server-process.ts';

const usage = `usage: npm run fuzz -- [--minutes N] [--seed S]

Starts a node and lets schemathesis loose on it for N minutes (default 4), with all checks but one. Needs Python 3.10 or newer
and, the first time, the Python package index. Ends with status 0 when no check has failed.`;

const folder = fileURLToPath(new URL('../../.cache/fuzz', import.meta.url));
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const settings = fileURLToPath(new URL('schemathesis.toml', import.meta.url));

/** Runs a program to its end. @throws Error when it cannot be run or fails */
function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with status ${String(status)}`);
}

/** @returns the executable; installs it when it is missing or other versions are wanted */
function install(): string {
  const bin = join(folder, 'venv/bin');
  const stamp = join(folder, 'installed');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const present = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (present !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    run('python3', ['-m', 'venv', join(folder, 'venv')]);
    run(join(bin, 'pip'), ['install', '--quiet', '--no-deps', '--requirement', requirements]);
    writeFileSync(stamp, wanted);
  }
  return join(bin, 'schemathesis');
}

/**
 * Schemathesis takes it for a failure when a request that fits the schemas is refused. OpenAPI cannot say which
 * parameters and fields exclude one another, nor what the tree and the sessions allow at that moment.
 */
const unsayable = 'positive_data_acceptance';

const user = { name: 'super', password: 'fuzz' };

/** @returns the exit status of schemathesis: 0 when no check has failed */
async function fuzz(minutes: number, seed: number): Promise<number> {
  const schemathesis = install();
  const node = await startServer({
    args: ['--super-digest', digestId(user.name, user.password)],
  });
  try {
    const { status, error } = spawnSync(
      schemathesis,
      [
        ...['--config-file', settings, 'run', `${node.url}/openapi.json`],
        ...['--auth', `${user.name}:${user.password}`, '--checks', 'all'],
        ...['--exclude-checks', unsayable],
        ...['--max-time', String(minutes * 60), '--seed', String(seed)],
        '--continue-on-failure',
      ],
      { stdio: 'inherit', cwd: folder },
    );
    if (error !== undefined) throw error;
    return status ?? 1;
  } finally {
    await node.stop();
    process.stderr.write(node.stderr());
  }
}

const { values } = commandLine(usage, {
  options: {
    minutes: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
  },
});
const minutes = numberOf(usage, 'minutes', values.minutes);
process.exit(await fuzz(minutes, numberOf(usage, 'seed', values.seed)));
