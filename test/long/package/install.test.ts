/**
 * The package as a user gets it: packed, installed into an empty project, started, used and stopped. It needs
 * a package registry, and fails where there is none. Overrides and the lock file hold in a checkout only, so
 * nothing else shows which dependencies an installed node has, and what npm says of them.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { httpClient } from '../../support/http-client.ts';
import { temporaryDirectory } from '../../support/server-process.ts';
import { until } from '../../support/waiting.ts';

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Run {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/**
 * As from a shell: `npm test` gives its scripts settings of its own, such as those of `.npmrc` here, that a user
 * does not have. Where the registry is stays as it is.
 */
function userEnvironment(): NodeJS.ProcessEnv {
  const keep =
    /^npm_config_(registry|cache|userconfig|globalconfig|cafile|https?_?proxy|noproxy)$/i;
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|ZOOGATE_|NODE_ENV$)/i.test(name) || keep.test(name),
  );
  return Object.fromEntries(entries);
}

function start(command: string, args: readonly string[], cwd: string): Run {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: userEnvironment(),
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    kill: (signal) => child.kill(signal),
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
  };
}

/** Runs npm to its end. @returns what it said beside its result @throws Error with that when it failed */
async function npm(args: readonly string[], cwd: string): Promise<string> {
  const run = start('npm', args, cwd);
  const { code } = await run.ended;
  if (code !== 0) {
    throw new Error(
      `npm ${args.join(' ')} failed with status ${code}; this test needs npm and a package registry\n` +
        run.stderr(),
    );
  }
  return run.stderr();
}

it('installs into an empty project without a warning, and serves there', async () => {
  const directory = temporaryDirectory();
  await npm(['pack', '--pack-destination', directory], process.cwd());
  const [tarball = ''] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  await npm(['init', '-y'], directory);
  // Warnings and nothing less. Advisories and calls for funds change from day to day, and are no warnings.
  const install = ['install', '--loglevel', 'warn', '--no-audit', '--no-fund', `./${tarball}`];
  expect(await npm(install, directory)).toBe('');

  const dataDir = join(directory, 'data');
  const run = start(
    'npx',
    ['--no-install', 'zoogate', 'serve', '--port', '0', '--data-dir', dataDir],
    directory,
  );
  try {
    const portFile = join(dataDir, 'http.port');
    const port = await until(
      'a node that serves',
      () => (existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0) || undefined,
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${run.stdout()}${run.stderr()}`);
    });
    const http = httpClient(`http://127.0.0.1:${port}`);
    // It listens before it leads.
    const isReady = async (): Promise<true | undefined> =>
      (await http('GET', '/health/ready')).status === 200 || undefined;
    await until('a node that is ready', isReady, 60_000);
    expect(await http('PUT', '/znodes/db', { body: 'port=5432' })).toMatchObject({ status: 201 });
    expect(await http('GET', '/znodes/db')).toMatchObject({ status: 200, text: 'port=5432' });
    const published = readFileSync('openapi/openapi.json', 'utf8');
    const served = await http('GET', '/openapi.json');
    expect(served.json()).toMatchObject({
      paths: (JSON.parse(published) as { paths: object }).paths,
    });
    const docs = await http('GET', '/docs/');
    expect(docs).toMatchObject({ status: 200 });
    expect(docs.text).toContain('Zoogate');
    expect(run.stderr()).toBe('');

    // The node takes its file with it in an orderly end only.
    const pid = Number(readFileSync(join(dataDir, 'pid'), 'utf8'));
    run.kill('SIGTERM');
    await until(
      'the end of the node',
      () => !existsSync(join(dataDir, 'pid')) || undefined,
      20_000,
    );
    await run.ended;
    await until(`the end of process ${pid}`, () => !isAlive(pid) || undefined, 20_000);
  } finally {
    run.kill('SIGKILL');
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
