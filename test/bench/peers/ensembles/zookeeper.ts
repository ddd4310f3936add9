/** Three servers of ZooKeeper, of this machine's packages, with ZooKeeper's usual timings and fsync. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { JuteWriter } from '../../../crosscheck/jute.ts';
import { OpCode, ZooKeeperConnection } from '../../../crosscheck/zookeeper-wire.ts';
import { memberIds, type Recipe, type RetryingWriter } from '../ensemble.ts';
import { freePort } from '../../../support/free-port.ts';

const classPath = ['/usr/share/java/zookeeper.jar', '/usr/share/java/slf4j-simple.jar'];
const keys = 1000;
const value = Buffer.alloc(100, 'x');
const writeTimeoutMs = 4000;
const connectTimeoutMs = 1500;
const sessionTimeoutMs = 10_000;

interface Ports {
  readonly client: number;
  readonly quorum: number;
  readonly election: number;
}

export async function zooKeeperRecipe(parentFolder: string): Promise<Recipe> {
  const ports = new Map<number, Ports>();
  for (const id of memberIds) {
    const [client, quorum, election] = [await freePort(), await freePort(), await freePort()];
    ports.set(id, { client, quorum, election });
  }
  const portsOf = (id: number): Ports => ports.get(id) ?? { client: 0, quorum: 0, election: 0 };
  const port = (id: number): number => portsOf(id).client;
  const folderOf = (id: number): string => join(parentFolder, `zookeeper-${id}`);
  return {
    system: 'ZooKeeper',
    startTimeoutMs: 120_000,
    port,
    prepare: async (id) => {
      const folder = folderOf(id);
      if (existsSync(folder)) return;
      await mkdir(join(folder, 'data'), { recursive: true });
      await writeFile(join(folder, 'data', 'myid'), `${id}\n`);
      await writeFile(join(folder, 'zoo.cfg'), configuration(folder, id, portsOf));
    },
    program: (id) => ({ command: 'java', folder: folderOf(id), args: javaArguments(folderOf(id)) }),
    isUp: async (id) => (await askServer(port(id))).includes('Mode:'),
    leads: async (id) => (await askServer(port(id))).includes('Mode: leader'),
    fill: async (id) => {
      await once(port(id), async (connection) => {
        await create(connection, '/bench');
        await create(connection, '/bench/mark');
        const made = Array.from({ length: keys }, (_, key) => create(connection, `/bench/k${key}`));
        await Promise.all(made);
      });
    },
    writer: (id) => new Writer(port(id)),
    mark: async (id, data) => {
      await once(port(id), (connection) => set(connection, '/bench/mark', Buffer.from(data)));
    },
    readMark: async (id) =>
      once(port(id), async (connection) => {
        const asked = new JuteWriter().string('/bench/mark').boolean(false);
        const { code, body } = await connection.request(OpCode.getData, asked);
        return code === 0 ? body.bytes().toString() : undefined;
      }),
  };
}

function configuration(folder: string, id: number, ports: (id: number) => Ports): string {
  const servers = memberIds.map((one) => {
    const { quorum, election } = ports(one);
    return `server.${one}=127.0.0.1:${quorum}:${election}`;
  });
  return [
    ...['tickTime=2000', 'initLimit=10', 'syncLimit=5', `dataDir=${join(folder, 'data')}`],
    ...[`clientPort=${ports(id).client}`, 'clientPortAddress=127.0.0.1', 'maxClientCnxns=0'],
    ...['admin.enableServer=false', '4lw.commands.whitelist=srvr,ruok', ...servers, ''],
  ].join('\n');
}

const javaArguments = (folder: string): string[] => [
  ...['-Xmx1g', '-Djava.awt.headless=true', `-Dzookeeper.log.dir=${folder}`],
  ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath.join(':')],
  ...['org.apache.zookeeper.server.quorum.QuorumPeerMain', join(folder, 'zoo.cfg')],
];

/** The four-letter word `srvr`, which tells a mode only once requests are served. */
async function askServer(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(1000, () => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('connect', () => socket.write('srvr'));
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

/** @throws Error when there is no session within the deadline */
async function open(port: number): Promise<ZooKeeperConnection> {
  const asked = ZooKeeperConnection.open({
    ...{ port, timeoutMs: sessionTimeoutMs, onEvent: () => undefined },
  });
  const connection = await Promise.race([asked, delay(connectTimeoutMs)]);
  if (connection !== undefined) return connection;
  asked.then((late) => late?.drop()).catch(() => undefined);
  throw new Error('no session');
}

async function once<Result>(
  port: number,
  use: (connection: ZooKeeperConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await open(port);
  try {
    return await use(connection);
  } finally {
    await connection.drop();
  }
}

async function create(connection: ZooKeeperConnection, path: string): Promise<void> {
  const asked = new JuteWriter().string(path).bytes(value);
  asked.vector(['world'], (scheme) => void asked.int(31).string(scheme).string('anyone')).int(0);
  const { code } = await connection.request(OpCode.create, asked);
  if (code !== 0) throw new Error(`ZooKeeper creates ${path} with ${code}`);
}

async function set(connection: ZooKeeperConnection, path: string, data: Buffer): Promise<void> {
  const asked = new JuteWriter().string(path).bytes(data).int(-1);
  const { code } = await connection.request(OpCode.setData, asked);
  if (code !== 0) throw new Error(`ZooKeeper sets ${path} with ${code}`);
}

/** A server that has lost its leader closes the connection: then comes a new session. */
class Writer implements RetryingWriter {
  readonly #port: number;
  #connection: ZooKeeperConnection | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async write(): Promise<boolean> {
    try {
      if (this.#connection === undefined || this.#connection.closed) {
        this.#connection = await open(this.#port);
      }
      const written = set(this.#connection, '/bench/k1', value).then(
        () => true,
        () => false,
      );
      const done = await Promise.race([written, delay(writeTimeoutMs, false)]);
      if (!done) this.close();
      return done;
    } catch {
      this.close();
      return false;
    }
  }

  close(): void {
    void this.#connection?.drop();
    this.#connection = undefined;
  }
}
