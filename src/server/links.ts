/** The links of a node to the other members, as its settings say. */
import { randomBytes } from 'node:crypto';
import { nodeNetwork, nodeScheduler, TcpTransport } from '../transport/index.ts';
import type { Config } from './config/index.ts';
import type { Logger } from './logging.ts';
import { listenStartError } from './start-error.ts';

export interface LinkOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The life of the data directory. */
  readonly incarnation: string;
  /** Undefined while the node belongs to no cluster. */
  readonly clusterId: () => string | undefined;
  /** Where the clients of this node connect. */
  readonly url: string;
}

/** What this version can apply. */
const FEATURE_LEVEL = 1;

/**
 * Claims the address for the other members; undefined for a node without any, which needs none.
 * @throws StartError where the address cannot be had
 */
export async function openLinks(options: LinkOptions): Promise<TcpTransport | undefined> {
  const { config, logger, incarnation, clusterId, url } = options;
  const { id, members, peerHost: host, peerPort: port } = config;
  if (members.length === 1) return undefined;
  const boot = randomBytes(8).toString('hex');
  try {
    return await TcpTransport.open({
      self: { id, incarnation, boot, url, featureLevel: FEATURE_LEVEL },
      clusterId,
      members: members.map((member) => ({
        ...{ id: member.id, host: member.host, port: member.port },
        role: member.role === 'observer' ? 'observer' : 'voter',
      })),
      listen: { host, port },
      network: nodeNetwork,
      scheduler: nodeScheduler,
      random: Math.random,
      log: logger,
    });
  } catch (error) {
    throw listenStartError(error, { host, port }, 'members');
  }
}
