/** A node goes with what has started it: nobody has to look for a process that `kill` has left behind. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../support/free-port.ts';
import { executable, temporaryDirectory } from '../support/server-process.ts';
import { until } from '../support/waiting.ts';

interface Launched {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/** Processes of nodes that a failed test may leave. */
const nodes = new Set<number>();
afterEach(() => {
  for (const pid of nodes) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  nodes.clear();
});

function launch(command: string, args: readonly string[], cwd = process.cwd()): Launched {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return { child, output: () => output };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The process of the node that has that directory, once it serves. */
async function serving({ output }: Launched, dataDir: string): Promise<number> {
  const isReady = async (): Promise<true | undefined> => {
    const file = join(dataDir, 'http.port');
    if (!existsSync(file)) return undefined;
    const url = `http://127.0.0.1:${readFileSync(file, 'utf8').trim()}/health/ready`;
    const answer = await fetch(url).catch(() => undefined);
    return answer?.status === 200 || undefined;
  };
  await until(`a node in ${dataDir}`, isReady, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output()}`);
  });
  const pid = Number(readFileSync(join(dataDir, 'pid'), 'utf8'));
  nodes.add(pid);
  return pid;
}

/** In order: it has taken its files with it, which one that was killed leaves. */
async function expectOrderlyEnd(pid: number, dataDir: string): Promise<void> {
  await until(`the end of process ${pid}`, () => !isAlive(pid) || undefined, 20_000);
  expect(existsSync(join(dataDir, 'pid'))).toBe(false);
}

/** A directory in which `npx zoogate` finds this build. */
function project(scripts: Readonly<Record<string, string>> = {}): string {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, scripts }));
  mkdirSync(join(directory, 'node_modules', '.bin'), { recursive: true });
  const bin = join(directory, 'node_modules', '.bin', 'zoogate');
  writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${executable}' "$@"\n`);
  chmodSync(bin, 0o755);
  return directory;
}

describe('kill', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)('of npm start (%s) ends its node', async (signal) => {
    const dataDir = temporaryDirectory();
    const npm = launch('npm', ['start', '--', '--port', '0', '--data-dir', dataDir]);
    const pid = await serving(npm, dataDir);
    npm.child.kill(signal);
    await expectOrderlyEnd(pid, dataDir);
  });

  it('of npx zoogate ends its node', async () => {
    const dataDir = temporaryDirectory();
    const args = ['zoogate', 'serve', '--port', '0', '--data-dir', dataDir];
    const npx = launch('npx', args, project());
    const pid = await serving(npx, dataDir);
    npx.child.kill('SIGTERM');
    await expectOrderlyEnd(pid, dataDir);
  });

  it('of a script of one’s own that is a node ends it, of one in its background does not', async () => {
    const dataDir = temporaryDirectory();
    const [front, back] = [join(dataDir, 'front'), join(dataDir, 'back')];
    const directory = project({
      front: `zoogate serve --port 0 --data-dir ${front}`,
      back: `zoogate serve --port 0 --data-dir ${back} > back.log 2>&1 &`,
    });
    const frontRun = launch('npm', ['run', 'front'], directory);
    const backRun = launch('npm', ['run', 'back'], directory);
    const [frontPid, backPid] = [await serving(frontRun, front), await serving(backRun, back)];
    frontRun.child.kill('SIGTERM');
    await expectOrderlyEnd(frontPid, front);
    expect(backRun.child.exitCode).toBe(0);
    expect(isAlive(backPid)).toBe(true);
  });

  it('of npm run ensemble, and kill -9 of an ensemble, end all of its nodes', async () => {
    for (const [command, args, signal] of [
      ['npm', ['run', 'ensemble', '--'], 'SIGTERM'],
      [process.execPath, [executable, 'ensemble'], 'SIGKILL'],
    ] as const) {
      const dataDir = join(temporaryDirectory(), 'data');
      const port = await freePorts(10);
      const bases = ['--port-base', String(port), '--peer-port-base', String(port + 5)];
      const run = launch(command, [...args, '--data-dir', dataDir, ...bases]);
      const started: [number, string][] = [];
      for (const id of [1, 2, 3]) {
        const directory = join(dataDir, String(id));
        started.push([await serving(run, directory), directory]);
      }
      run.child.kill(signal);
      for (const [pid, directory] of started) await expectOrderlyEnd(pid, directory);
    }
  });
});
