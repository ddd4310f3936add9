/** Starts a standalone ZooKeeper of this machine's packages and stops it, by its process id. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';

/** Where Debian's `zookeeper` and `libzookeeper-java` put it; the manifest names the other jars. */
const classPath = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];
const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export interface ZooKeeperOptions {
  readonly tickMs?: number;
  readonly containerCheckMs?: number;
  /** False only where durability is not what is compared. Default true. */
  readonly fsync?: boolean;
  /** Parent of the data folder; default the system's temporary folder. */
  readonly parentFolder?: string;
}

export interface RunningZooKeeper {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** What is missing on this machine to run ZooKeeper, or undefined. */
export function zooKeeperMissing(): string | undefined {
  const jar = classPath.find((file) => !existsSync(file));
  if (jar !== undefined)
    return `${jar} does not exist (Debian packages zookeeper, libzookeeper-java)`;
  return spawnSync('java', ['-version']).error === undefined ? undefined : 'no java on the path';
}

export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<RunningZooKeeper> {
  const folder = await mkdtemp(join(options.parentFolder ?? tmpdir(), 'zookeeper-'));
  const port = await freePort();
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'zoo.cfg'), configuration(folder, port, options));
  const child = spawn('java', javaArguments(folder, options), {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
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
    await waitUntilServing(port, child, join(folder, 'log'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid ?? 0, stop };
}

function configuration(folder: string, port: number, options: ZooKeeperOptions): string {
  const tickMs = options.tickMs ?? 2000;
  return [
    `tickTime=${tickMs}`,
    `minSessionTimeout=${2 * tickMs}`,
    'maxSessionTimeout=600000',
    `dataDir=${join(folder, 'data')}`,
    `clientPort=${port}`,
    'clientPortAddress=127.0.0.1',
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,ruok',
    '',
  ].join('\n');
}

function javaArguments(folder: string, options: ZooKeeperOptions): string[] {
  const properties = [
    'java.awt.headless=true',
    'zookeeper.extendedTypesEnabled=true',
    `zookeeper.forceSync=${options.fsync === false ? 'no' : 'yes'}`,
    `zookeeper.log.dir=${folder}`,
    'org.slf4j.simpleLogger.defaultLogLevel=warn',
    `org.slf4j.simpleLogger.logFile=${join(folder, 'log')}`,
  ];
  if (options.containerCheckMs !== undefined) {
    properties.push(`znode.container.checkIntervalMs=${options.containerCheckMs}`);
  }
  return [
    '-Xmx1g',
    ...properties.map((property) => `-D${property}`),
    '-cp',
    classPath.join(':'),
    'org.apache.zookeeper.server.ZooKeeperServerMain',
    join(folder, 'zoo.cfg'),
  ];
}

async function waitUntilServing(port: number, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await answersSrvr(port))) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || Date.now() > deadline) {
      const text = existsSync(log) ? await readFile(log, 'utf8') : '';
      throw new Error(`ZooKeeper does not start:\n${text.slice(-2000)}`);
    }
    await delay(50);
  }
}

/** Asks the four-letter word `srvr`, which answers a mode only once requests are served. */
async function answersSrvr(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(1000, () => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('connect', () => socket.write('srvr'));
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text.includes('Mode:');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}
