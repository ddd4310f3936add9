/** One writer with one write outstanding, between two looks at what an fsync costs. */
import { runChild } from '../children.ts';
import { makeKeys, warmUp, websocketUrl, withServer, type BenchContext } from '../context.ts';
import type { FsyncLoad, FsyncMeasurement } from '../loads/fsync.ts';
import type { WebSocketLoad } from '../loads/websocket.ts';
import { rounded } from '../statistics.ts';
import type { Measurement } from '../window.ts';

const overheadMaxMs = 0.3;

async function fsync({ folder, seconds, results }: BenchContext): Promise<number> {
  const load: FsyncLoad = { folder, seconds };
  const [measured] = await runChild<FsyncMeasurement>('loads/fsync.ts', load);
  if (measured === undefined) throw new Error('the load measured nothing');
  const { perSecond, p50Ms, p99Ms } = measured;
  results.value(
    'append of 512 B + fdatasync',
    `${perSecond}/s, median ${p50Ms} ms, p99 ${p99Ms} ms`,
  );
  return p50Ms;
}

export async function writer(context: BenchContext): Promise<void> {
  const { results, seconds } = context;
  await withServer(context, async (server) => {
    await makeKeys(server);
    await warmUp(server);
    const before = await fsync(context);
    const load: WebSocketLoad = {
      url: websocketUrl(server),
      serverPid: server.pid,
      seconds,
      cases: [{ operation: 'write', connections: 1, outstanding: 1, arrays: false }],
    };
    const [measured] = await runChild<Measurement>('loads/websocket.ts', load);
    if (measured === undefined) throw new Error('the load measured nothing');
    const after = await fsync(context);
    const disk = (before + after) / 2;
    results.rate('Zoogate WebSocket, one writer, one outstanding', measured);
    results.goal({
      name: `one writer: median (fsync median ${rounded(disk)} ms + ${overheadMaxMs} ms)`,
      unit: 'ms',
      value: measured.p50Ms,
      limit: rounded(disk + overheadMaxMs),
      atLeast: false,
    });
  });
}
