/** The same load on a real ZooKeeper, standalone with fsync, in turns with ours. */
import { startZooKeeper, zooKeeperMissing } from '../../crosscheck/zookeeper-server.ts';
import { runChild } from '../children.ts';
import { makeKeys, warmUp, websocketUrl, withServer, type BenchContext } from '../context.ts';
import type { WebSocketLoad } from '../loads/websocket.ts';
import type { ZooKeeperLoad } from '../loads/zookeeper.ts';
import type { Measurement } from '../window.ts';

const shape = { connections: 16, outstanding: 32 };
/** Until the JVM has compiled what it runs. */
const warmUpSeconds = 4;

export async function peers(context: BenchContext): Promise<void> {
  const { results, seconds, folder } = context;
  const missing = zooKeeperMissing();
  if (missing !== undefined) {
    results.value('ZooKeeper', `not measured, it is not installed: ${missing}`);
    return;
  }
  const zooKeeper = await startZooKeeper({ parentFolder: folder });
  try {
    await withServer(context, async (server) => {
      await makeKeys(server);
      await warmUp(server);
      for (const operation of ['read', 'write'] as const) {
        const { port, pid } = zooKeeper;
        const theirs: ZooKeeperLoad = {
          ...{ port, serverPid: pid, warmUpSeconds, seconds, operation },
          ...shape,
        };
        const ours: WebSocketLoad = {
          ...{ url: websocketUrl(server), serverPid: server.pid, seconds },
          cases: [{ operation, arrays: true, ...shape }],
        };
        const [their] = await runChild<Measurement>('loads/zookeeper.ts', theirs);
        const [our] = await runChild<Measurement>('loads/websocket.ts', ours);
        if (their === undefined || our === undefined) throw new Error('a load measured nothing');
        results.rate(`ZooKeeper ${operation}, 16 × 32, pipelined`, their);
        results.rate(`Zoogate WebSocket ${operation}, 16 × 32 in arrays`, our);
      }
    });
  } finally {
    await zooKeeper.stop();
  }
}
