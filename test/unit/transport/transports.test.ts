import { nodeNetwork, nodeScheduler, TcpTransport } from '../../../src/transport/index.ts';
import type { Transport } from '../../../src/transport/index.ts';
import { freePort } from '../../support/free-port.ts';
import { MemoryMesh } from '../../support/memory-transport.ts';
import { seededRandom } from '../../support/random.ts';
import { transportSuite } from './suite.ts';
import type { TransportWorld } from './suite.ts';

const inMemory = async (random?: () => number): Promise<TransportWorld> => {
  const mesh = new MemoryMesh(random === undefined ? {} : { random });
  return {
    join: async (self) => mesh.join(self),
    until: async (holds) => {
      mesh.settle();
      if (!holds()) throw new Error('nothing is under way, and what is waited for has not come');
    },
    end: (node) => node.stop(),
    close: async () => undefined,
  };
};

const onSockets = async (): Promise<TransportWorld> => {
  const ports = { 1: await freePort(), 2: await freePort() };
  const members = ([1, 2] as const).map((id) => ({
    ...({ id, role: 'voter', host: '127.0.0.1', port: ports[id] } as const),
  }));
  const nodes = new Set<Transport>();
  return {
    join: async ({ clusterId, ...self }) => {
      const node = await TcpTransport.open({
        ...{ self, members, clusterId: () => clusterId, random: Math.random },
        listen: members.find(({ id }) => id === self.id) ?? { host: '127.0.0.1', port: 0 },
        ...{ network: nodeNetwork, scheduler: nodeScheduler },
        log: { info: () => undefined, warn: () => undefined },
        limits: { redialMinMs: 5, redialMaxMs: 50 },
      });
      nodes.add(node);
      return node;
    },
    until: async (holds) => {
      while (!holds()) await new Promise((resolve) => void setTimeout(resolve, 2));
    },
    end: (node) => node.stop(),
    close: async () => {
      await Promise.all([...nodes].map((node) => node.stop()));
    },
  };
};

transportSuite('The transport on sockets', onSockets);
transportSuite('The transport in memory', () => inMemory());
transportSuite('The transport in memory, by chance', () => inMemory(seededRandom(7)));
