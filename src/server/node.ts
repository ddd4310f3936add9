/**
 * One node, put together: disk, log, replica, front doors, a socket. Knows nothing of signals, arguments
 * and the end of the process, so that tests can run nodes inside their own.
 */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { crc32 } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../gateway/app.ts';
import type { AppParts } from '../gateway/app.ts';
import type { Connections } from '../gateway/connections/index.ts';
import type { Identity } from '../protocol/model.ts';
import { createReplica } from '../replica/index.ts';
import type { Replica, ReplicaSettings, Scheduler } from '../replica/index.ts';
import type { Disk } from '../storage/disk.ts';
import { NodeDisk, Storage } from '../storage/index.ts';
import type { Recovered } from '../storage/index.ts';
import type { Transport } from '../transport/index.ts';
import { addressOf, clientUrlOf, isLoopbackAddress, urlOf } from './config/index.ts';
import type { Config, Member } from './config/index.ts';
import { prepareDataDirectory } from './data-directory.ts';
import { registerHealth } from './health.ts';
import { openLinks } from './links.ts';
import type { Logger } from './logging.ts';
import { MeasuredDisk, Metrics } from './metrics/index.ts';
import { openFilesMax, withinFiles } from './open-files.ts';
import { removeRunFiles, writeRunFiles } from './run-files.ts';
import { diskFailure, listenStartError, StartError, storageStartError } from './start-error.ts';

export interface NodeOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** The disk has failed or an invariant is broken: the process must end without acknowledging anything more. */
  readonly onFatal: (error: Error) => void;
  /** Instead of real files in `config.dataDir`; then the port is written nowhere. */
  readonly disk?: Disk;
}

export interface RunningNode {
  /** Without a path: `http://127.0.0.1:8181`. */
  readonly url: string;
  readonly port: number;
  readonly replica: Replica;
  /**
   * Answers what is under way, tells streams to go elsewhere, makes the log durable and gives the data
   * directory back. May be called again.
   */
  stop(): Promise<void>;
}

/** Between two lines of the log about a recovery that takes long, milliseconds. */
const RECOVERY_TOLD_MS = 10_000;

/** Connections that the system accepts on its own while the event loop is busy. */
const LISTEN_BACKLOG = 1024;

interface Doors {
  readonly app: FastifyInstance;
  readonly connections: Connections;
  readonly metrics: Metrics;
}

interface Recovery {
  readonly replica: Replica;
  readonly disk: MeasuredDisk;
  readonly incarnation: string;
  /** Milliseconds. */
  readonly tookMs: number;
}

/** What is known once the node listens: the system may have chosen the port. */
interface Place {
  url: string;
  links: Transport | undefined;
}

/**
 * From the disk to the doors to the other members, in this order: whoever watches a node that takes long to
 * find a quorum sees that it is alive, and why it is not ready. Resolves when a node that is an ensemble of
 * its own serves; one that has to find others, when it has begun to.
 * @throws StartError for what the operator can put right
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, logger } = options;
  const place: Place = { url: '', links: undefined };
  const recovery = await toldOf(options, recover(options, place));
  const { replica } = recovery;
  const doors = await openDoors(options, recovery, place);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopAll(options, { ...doors, replica }));
  try {
    const port = await listen(doors.app, config);
    place.url = clientUrlOf(config, port);
    if (options.disk === undefined) await writeRunFiles(config.dataDir, port, logger);
    const url = urlOf(config.host, port);
    await join(options, recovery, { url, place });
    return { url, port, replica, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Among the members that are listed; a node that lists none is alone, and serves at once. */
async function join(
  options: NodeOptions,
  { replica, incarnation, tookMs }: Recovery,
  { url, place }: { readonly url: string; readonly place: Place },
): Promise<void> {
  const { config, logger, version } = options;
  const { id, members, dataDir } = config;
  const links = await openLinks({
    ...{ config, logger, incarnation, url: place.url },
    clusterId: () => replica.status().clusterId || undefined,
  });
  place.links = links;
  replica.start(links);
  if (links === undefined) await replica.serving();
  const { clusterId, appliedZxid, epoch } = replica.status();
  const others = members.filter((member) => member.id !== id).map((member) => member.id);
  logger.info(
    {
      ...{ url, dataDir, id, clusterId, zxid: appliedZxid, epoch },
      ...(links !== undefined && { peers: `${config.peerHost}:${links.port}`, others }),
      ...{ recoveryMs: Math.round(tookMs), version, node: process.version },
    },
    links === undefined
      ? `node ${id} serves on ${url}`
      : `node ${id} listens on ${url} and joins ${others.join(', ')}`,
  );
}

/** From the disk to a replica that has yet to join. */
async function recover(options: NodeOptions, place: Place): Promise<Recovery> {
  const { config, logger } = options;
  const startedMs = performance.now();
  let disk: MeasuredDisk | undefined;
  try {
    if (options.disk === undefined) await prepareDataDirectory(config.dataDir);
    disk = new MeasuredDisk(options.disk ?? (await NodeDisk.open(config.dataDir)));
    const { storage, recovered } = await Storage.open({
      disk,
      checksum: (bytes, seed) => crc32(bytes, seed),
      randomId: () => randomBytes(16).toString('hex'),
      segmentBytes: config.segmentSize,
      snapshotsRetained: config.snapshotsRetained,
      // Others have what a damaged log has lost; a node alone had the only copy.
      onDamage: config.members.length > 1 ? 'set-aside' : 'refuse',
    });
    if (options.disk === undefined) await removeRunFiles(config.dataDir, logger);
    for (const alarm of recovered.alarms) logger.warn({ dataDir: config.dataDir }, alarm);
    const replica = await makeReplica(options, { storage, recovered, place });
    const { incarnation } = recovered.identity;
    return { replica, disk, incarnation, tookMs: performance.now() - startedMs };
  } catch (error) {
    if (error instanceof StartError) throw error;
    const freeBytes = await disk?.freeBytes().catch(() => undefined);
    const { dataDir, segmentSize: segmentBytes } = config;
    throw storageStartError(error, dataDir, { freeBytes, segmentBytes });
  }
}

/** Says in the log that a recovery takes long: nobody can ask the node yet, and a disk that hangs looks the same. */
async function toldOf(
  { config: { dataDir }, logger }: NodeOptions,
  recovering: Promise<Recovery>,
): Promise<Recovery> {
  let seconds = 0;
  const timer = setInterval(() => {
    seconds += RECOVERY_TOLD_MS / 1000;
    logger.warn(
      { dataDir, seconds },
      `the data directory is not recovered after ${seconds} s: its log is long, or its disk hangs`,
    );
  }, RECOVERY_TOLD_MS);
  try {
    return await recovering;
  } finally {
    clearInterval(timer);
  }
}

async function makeReplica(
  { config, logger, onFatal }: NodeOptions,
  { storage, recovered, place }: { storage: Storage; recovered: Recovered; place: Place },
): Promise<Replica> {
  try {
    return await createReplica({
      settings: {
        ...membersOf(config),
        get url() {
          return place.url;
        },
        peerTimeouts: {
          pingMs: config.peerPing,
          peerMs: config.peerTimeout,
          connectMs: config.peerConnectTimeout,
          // A leader whose disk is silent is of as little use as one that is silent itself.
          diskStallMs: config.peerTimeout,
        },
        readOnlyMode: config.readOnlyMode,
        limits: config.limits,
        tickMs: config.tickMs,
        sessionTimeoutMinMs: config.minSessionTimeout,
        sessionTimeoutMaxMs: config.maxSessionTimeout,
        sessionTimeoutDefaultMs: config.defaultSessionTimeout,
        containerCheckMs: config.containerCheckMs,
        // The setting's 0 is ZooKeeper's word for never.
        containerNeverUsedMs: config.containerNeverUsedMs || Number.MAX_SAFE_INTEGER,
        snapshotEveryTransactions: config.snapshotEvery,
        ...superOption(config),
      },
      storage,
      recovered,
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      scheduler,
      log: logger,
      randomBytes: (count) => randomBytes(count),
      onFatal: (error) => onFatal(diskFailure(error, config.dataDir)),
    });
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function membersOf({
  id,
  members,
}: Config): Pick<ReplicaSettings, 'self' | 'voters' | 'observers' | 'members'> {
  const idsOf = (role: Member['role']): number[] =>
    members.filter((member) => member.role === role).map((member) => member.id);
  const isAlone = members.length === 1;
  return {
    self: id,
    voters: idsOf('participant'),
    observers: idsOf('observer'),
    // The peer address of a node without peers is no part of it.
    members: members.map((member) => ({
      ...{ id: member.id, role: member.role },
      ...(!isAlone && { peer: addressOf(member) }),
    })),
  };
}

const scheduler: Scheduler = {
  defer: (task) => void setImmediate(task),
  every: (ms, task) => {
    const timer = setInterval(task, ms);
    return () => clearInterval(timer);
  },
};

function superOption({ superDigest }: Config): { superIdentity?: Identity } {
  return superDigest === undefined ? {} : { superIdentity: { scheme: 'digest', id: superDigest } };
}

async function openDoors(
  { config, logger, version }: NodeOptions,
  { replica, disk, tookMs }: Recovery,
  place: Place,
): Promise<Doors> {
  let metrics: Metrics | undefined;
  let connections: Connections | undefined;
  const notReady = (): string | undefined => replica.status().notReady;
  const { limits, warning } = withinFiles(config.limits, await openFilesMax());
  if (warning !== undefined) logger.warn(warning);
  const app = await buildApp({
    coordinator: replica,
    logger,
    version,
    settings: {
      serverId: config.id,
      limits,
      listensOnLoopback: isLoopbackAddress(config.host),
      allowedHosts: config.allowedHost,
      allowedOrigins: config.allowedOrigin,
      restConsistencyDefault: config.restConsistency,
      trustProxy: config.trustProxy,
      ...superOption(config),
    },
    extraRoutes: (server, { webSocket, connections: all, shares, uploads, unread }: AppParts) => {
      connections = all;
      metrics = new Metrics({
        version,
        replica: () => replica.metrics(),
        status: () => replica.status(),
        peersConnected: () => connectedPeers(config, place.links),
        connections: () => webSocket.connections,
        frames: () => ({ bytes: webSocket.inFlightBytes, clients: webSocket.inFlightClients }),
        http: () => all.counts,
        unread,
        shares,
        uploadsGivenUp: () => uploads.givenUp,
        connectionsMax: limits.connectionsMax,
        logWrites: disk.logWrites,
        recoveryMs: tookMs,
      });
      metrics.attach(server);
      registerHealth(server, { notReady, warnings: () => replica.status().warnings });
      if (logger.isLevelEnabled('debug')) logRequests(server, logger);
    },
  });
  if (metrics === undefined || connections === undefined)
    throw new Error('the app has not registered its extra routes');
  return { app, connections, metrics };
}

function connectedPeers({ id, members }: Config, links: Transport | undefined): number {
  return members.filter((member) => member.id !== id && links?.connected(member.id) === true)
    .length;
}

/** Costs several microseconds a request, so only where somebody asked for it. */
function logRequests(app: FastifyInstance, logger: Logger): void {
  app.addHook('onResponse', (req, reply, done) => {
    const { statusCode: status, elapsedTime } = reply;
    logger.debug({ req, status, ms: Math.round(elapsedTime * 1000) / 1000 }, 'answered');
    done();
  });
}

/** @returns the port, chosen by the system where none was given */
async function listen(app: FastifyInstance, { host, port }: Config): Promise<number> {
  try {
    await app.listen({ host: await oneAddressOf(host), port, backlog: LISTEN_BACKLOG });
  } catch (error) {
    throw listenStartError(error, { host, port });
  }
  return (app.server.address() as AddressInfo).port;
}

/**
 * For `localhost` Fastify would open a further server on each of its addresses, to which neither the bounds
 * on connections nor their order belong. So the node has one of them: that of IPv4, where there is one.
 */
async function oneAddressOf(host: string): Promise<string> {
  if (host.toLowerCase() !== 'localhost') return host;
  const found = await lookup(host, { all: true });
  return (found.find(({ family }) => family === 4) ?? found[0])?.address ?? host;
}

async function stopAll(
  options: NodeOptions,
  { app, connections, metrics, replica }: Doors & { readonly replica: Replica },
): Promise<void> {
  // First the leadership, so that who is sent elsewhere finds another leader.
  await replica.retire();
  // Then the doors, as long as the replica can still answer what is under way. Whoever has not sent or read
  // the rest by then must not use up the time in which the log is drained.
  const cut = setTimeout(() => connections.destroyAll(), options.config.shutdownTimeout / 2);
  await app.close();
  clearTimeout(cut);
  metrics.stop();
  await replica.stop();
  if (options.disk === undefined) await removeRunFiles(options.config.dataDir, options.logger);
}
