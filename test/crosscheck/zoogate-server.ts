/** Starts the built Zoogate as a process of its own and stops it, by its process id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ownCheckout = fileURLToPath(new URL('../..', import.meta.url));
const defaultStartTimeoutMs = 30_000;
const stopTimeoutMs = 20_000;

export interface ZoogateOptions {
  /** Another built checkout than this one. */
  readonly checkout?: string;
  /** Further flags of `serve`. */
  readonly flags?: readonly string[];
  /** An existing data folder, which is then left where it is. */
  readonly dataFolder?: string;
  /** Flags for Node itself. */
  readonly nodeFlags?: readonly string[];
  readonly startTimeoutMs?: number;
}

export interface RunningZoogate {
  readonly port: number;
  readonly pid: number;
  /** From the start of the process to the first ready answer, milliseconds. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export async function startZoogate(options: ZoogateOptions = {}): Promise<RunningZoogate> {
  const entry = join(options.checkout ?? ownCheckout, 'dist/server/main.js');
  const folder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'zoogate-')));
  const portFile = join(folder, 'http.port');
  await rm(portFile, { force: true });
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeFlags ?? []),
      ...[entry, 'serve', '--port', '0', '--data-dir', folder, '--log-level', 'warn'],
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log = keepTail(child);
  const remove = (): void => {
    if (options.dataFolder !== undefined) return;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const kill = (): void => {
    child.kill('SIGKILL');
    remove();
  };
  // Before whoever removes a folder around this one.
  process.prependOnceListener('exit', kill);
  const stop = async (): Promise<void> => {
    await end(child);
    process.off('exit', kill);
    remove();
  };
  try {
    const deadline = Date.now() + (options.startTimeoutMs ?? defaultStartTimeoutMs);
    const port = await waitUntilReady({ child, portFile, deadline });
    return { port, pid: child.pid ?? 0, startMs: performance.now() - begun, stop };
  } catch (error) {
    await stop();
    throw new Error(`Zoogate does not start: ${String(error)}\n${log()}`, { cause: error });
  }
}

/** Reads the output so that the process never waits for it; keeps the end for the error text. */
function keepTail(child: ChildProcess): () => string {
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-4000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => tail;
}

interface Waiting {
  readonly child: ChildProcess;
  readonly portFile: string;
  readonly deadline: number;
}

async function waitUntilReady({ child, portFile, deadline }: Waiting): Promise<number> {
  for (;;) {
    const port = existsSync(portFile) ? Number(await readFile(portFile, 'utf8')) : 0;
    if (port > 0 && (await isReady(port))) return port;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    if (Date.now() > deadline) throw new Error('it was not ready in time');
    await delay(5);
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/health/ready' }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
    });
    asked.once('error', () => resolve(false));
    asked.end();
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}
