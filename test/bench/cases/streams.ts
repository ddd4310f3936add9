/** Many watchers of one znode, and many sessions that do nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { runChild, startChild } from '../children.ts';
import { expectSuccess, httpUrl, websocketUrl, withServer, type BenchContext } from '../context.ts';
import { residentOf } from '../host.ts';
import type { IdleLoad } from '../loads/idle.ts';
import type { WatchersLoad, WatchersMeasurement } from '../loads/watchers.ts';
import { rounded } from '../statistics.ts';

const watcherCount = 1000;
const lastToldMaxMs = 20;
const idleBytesMax = 14 * 1024;
const settleMs = 2000;

export async function watchers(context: BenchContext): Promise<void> {
  await withServer(context, async (server) => {
    await expectSuccess(fetch(httpUrl(server, '/znodes/bench'), { method: 'PUT' }));
    const load: WatchersLoad = {
      url: websocketUrl(server),
      watchers: watcherCount,
      rounds: context.quick ? 5 : 15,
    };
    const [measured] = await runChild<WatchersMeasurement>('loads/watchers.ts', load);
    if (measured === undefined) throw new Error('the load measured nothing');
    const { firstMs, lastMs } = measured;
    context.results.value(
      `${watcherCount} watchers of one znode`,
      `first told after ${firstMs} ms, last after ${lastMs} ms (medians)`,
    );
    context.results.goal({
      name: `${watcherCount} watchers of one znode: last told`,
      unit: 'ms',
      value: lastMs,
      limit: lastToldMaxMs,
      atLeast: false,
    });
  });
}

export async function idle(context: BenchContext): Promise<void> {
  const sessions = context.quick ? 2000 : 10_000;
  await withServer(context, async (server) => {
    const load: IdleLoad = { url: websocketUrl(server), first: 500, further: sessions };
    const child = await startChild('loads/idle.ts', load);
    try {
      await delay(settleMs);
      const before = residentOf(server.pid);
      await child.next();
      await delay(settleMs);
      const each = (residentOf(server.pid) - before) / sessions;
      context.results.value(
        `${sessions} idle WebSocket sessions`,
        `${rounded(each / 1024)} KB each, resident`,
      );
      context.results.goal({
        name: 'an idle WebSocket session, resident',
        unit: 'KB',
        value: each / 1024,
        limit: idleBytesMax / 1024,
        atLeast: false,
      });
    } finally {
      await child.stop();
    }
  });
}
