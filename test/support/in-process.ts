/**
 * A whole node inside the test's own process: the composition that the product runs, on real files in a
 * temporary directory and behind real sockets, with the settings that a test asks for.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Replica } from '../../src/replica/index.ts';
import { loadConfig } from '../../src/server/config/index.ts';
import type { Config } from '../../src/server/config/index.ts';
import { makeLogger } from '../../src/server/logging.ts';
import { startNode } from '../../src/server/node.ts';
import type { RunningNode } from '../../src/server/node.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { NodeDisk } from '../../src/storage/index.ts';

export interface InProcessOptions {
  /** Instead of a fresh directory that is removed at the end. */
  readonly dataDir?: string;
  readonly settings?: Partial<Omit<Config, 'limits' | 'dataDir'>>;
  readonly limits?: Partial<Limits>;
  /** Stands between the node and its files. */
  readonly wrapDisk?: (disk: Disk) => Disk;
}

export interface InProcessNode {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly replica: Replica;
  readonly dataDir: string;
  readonly config: Config;
  /** What the node has logged as a warning or worse, one line each. */
  readonly complaints: readonly string[];
  /** Ends it; what it has stored stays for `restart`. May be called again. */
  stop(): Promise<void>;
  /** Ends it and starts another on the same data and with the same settings. */
  restart(): Promise<InProcessNode>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

const MIB = 1024 * 1024;
/** Clients of tests keep connections that they will not use again; a stop must not wait for them. */
const closingNoticeMs = 20;

/** Serves when it resolves. */
export async function startInProcess(options: InProcessOptions = {}): Promise<InProcessNode> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'zoogate-test-')));
  const config = configFor(dataDir, options);
  const complaints: string[] = [];
  const logger = makeLogger('warn', { write: (line) => complaints.push(line) });
  const disk = options.wrapDisk?.(await NodeDisk.open(dataDir));
  const node: RunningNode = await startNode({
    ...{ config, logger, version: '0.0.0-test' },
    ...(disk !== undefined && { disk }),
    onFatal: (error) => complaints.push(`fatal: ${error.stack ?? error.message}`),
  });
  return {
    ...{ url: node.url, port: node.port, replica: node.replica, dataDir, config, complaints },
    stop: () => node.stop(),
    restart: async () => {
      await node.stop();
      return startInProcess({ ...options, dataDir });
    },
    remove: async () => {
      await node.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function configFor(dataDir: string, { settings, limits }: InProcessOptions): Config {
  const args = ['--data-dir', dataDir, '--port', '0'];
  const { config } = loadConfig({ args, env: {} }).resolve();
  return {
    ...config,
    // A large segment is filled with zeros before the node serves.
    segmentSize: 4 * MIB,
    ...settings,
    limits: { ...config.limits, closingNoticeMs, ...limits },
  };
}
