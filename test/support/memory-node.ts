/**
 * A whole node in this process: the real replica on a disk in memory behind the real front doors. Nothing
 * of it is a fake but the disk, so it stands for a node wherever a test is about the doors.
 */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../../src/gateway/app.ts';
import type { AppParts } from '../../src/gateway/app.ts';
import type { GatewaySettings } from '../../src/gateway/settings.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Identity } from '../../src/protocol/model.ts';
import { createReplica } from '../../src/replica/index.ts';
import type { Replica } from '../../src/replica/index.ts';
import { Storage } from '../../src/storage/index.ts';
import { MemoryDisk } from './memory-disk.ts';

/** Clients of tests keep connections that they will not use again; a stop must not wait for them. */
const closingNoticeMs = 20;

export interface MemoryNodeOptions {
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<GatewaySettings>;
  readonly superIdentity?: Identity;
  readonly disk?: MemoryDisk;
  readonly tickMs?: number;
  /** Shortest session timeout, milliseconds. */
  readonly sessionTimeoutMinMs?: number;
}

export interface MemoryNode {
  readonly app: FastifyInstance;
  readonly parts: AppParts;
  readonly replica: Replica;
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** What the doors have logged as errors. */
  readonly errors: readonly object[];
  close(): Promise<void>;
}

export async function startMemoryNode(options: MemoryNodeOptions = {}): Promise<MemoryNode> {
  const limits = { ...defaultLimits, closingNoticeMs, ...options.limits };
  const replica = await startReplica(options, limits);
  const errors: object[] = [];
  let parts: AppParts | undefined;
  const app = await buildApp({
    coordinator: replica,
    settings: {
      serverId: 1,
      limits,
      listensOnLoopback: true,
      allowedHosts: [],
      allowedOrigins: [],
      restConsistencyDefault: 'linearizable',
      trustProxy: false,
      ...(options.superIdentity !== undefined && { superIdentity: options.superIdentity }),
      ...options.settings,
    },
    logger: { error: (fields) => errors.push(fields), warn: () => undefined },
    version: '0.0.0-test',
    extraRoutes: (_app, given) => {
      parts = given;
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  if (parts === undefined) throw new Error('the app told nobody of its parts');
  const { port } = app.server.address() as AddressInfo;
  return {
    ...{ app, parts, replica, errors },
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      await app.close();
      await replica.stop();
    },
  };
}

async function startReplica(options: MemoryNodeOptions, limits: Limits): Promise<Replica> {
  const { storage, recovered } = await Storage.open({
    disk: options.disk ?? new MemoryDisk(),
    checksum: crc32,
    randomId: () => randomBytes(16).toString('hex'),
    segmentBytes: 1024 * 1024,
  });
  const { tickMs = 2000, superIdentity } = options;
  const replica = await createReplica({
    settings: {
      ...{ self: 1, voters: [1], limits, tickMs },
      sessionTimeoutMinMs: options.sessionTimeoutMinMs ?? 2 * tickMs,
      sessionTimeoutMaxMs: 600_000,
      sessionTimeoutDefaultMs: 10_000,
      containerCheckMs: 60_000,
      containerNeverUsedMs: 60_000,
      snapshotEveryTransactions: 100_000,
      ...(superIdentity !== undefined && { superIdentity }),
    },
    ...{ storage, recovered, randomBytes },
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    scheduler: {
      defer: (task) => void setImmediate(task),
      every: (ms, task) => {
        const timer = setInterval(task, ms);
        return () => clearInterval(timer);
      },
    },
    log: { info: () => undefined, warn: () => undefined },
    onFatal: (error) => {
      throw error;
    },
  });
  replica.start();
  await replica.serving();
  return replica;
}
