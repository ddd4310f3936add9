/**
 * A million znodes of 100 bytes below one parent: how fast they are loaded, how long the event loop stops
 * while a snapshot is written under load, and then, after a restart from that snapshot, how long it took,
 * the memory, and the first page of the children.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { runChild, startChild } from '../children.ts';
import {
  expectSuccess,
  freshFolder,
  httpUrl,
  startServer,
  superAuthorization,
  websocketUrl,
  type BenchContext,
} from '../context.ts';
import { residentOf } from '../host.ts';
import type { FillLoad, FillMeasurement } from '../loads/fill.ts';
import type { PacedLoad, PacedMeasurement } from '../loads/paced.ts';
import { median, rounded } from '../statistics.ts';
import type { RunningZoogate } from '../../crosscheck/zoogate-server.ts';

const parent = '/big';
const writesPerSecond = 10_000;
const pageLimit = 100;
const settleMs = 2000;
const goals = { residentBytes: 450e6, restartMs: 5000, stopMs: 30, pageMs: 5 } as const;
const snapshots = 3;
/** The longest stop of the event loop since the last look. */
const stopMetric = /^zoogate_event_loop_delay_max_seconds(?:\{[^}]*\})? (\S+)$/m;

export async function capacity(context: BenchContext): Promise<void> {
  const count = context.quick ? 100_000 : 1_000_000;
  const dataFolder = await freshFolder(context);
  const server = await startServer(context, dataFolder);
  try {
    await fill(context, server, count);
    await snapshotUnderLoad(context, server, count);
  } finally {
    await server.stop();
  }
  const again = await startServer(context, dataFolder);
  try {
    await afterRestart(context, again, count);
  } finally {
    await again.stop();
  }
}

async function fill(
  { results }: BenchContext,
  server: RunningZoogate,
  count: number,
): Promise<void> {
  const load: FillLoad = { url: websocketUrl(server), parent, count, dataBytes: 100 };
  const [measured] = await runChild<FillMeasurement>('loads/fill.ts', load);
  if (measured === undefined) throw new Error('the load measured nothing');
  results.value(
    `${count} znodes of 100 B loaded by multi`,
    `${measured.createsPerSecond} creates/s, then ${megabytes(residentOf(server.pid))} resident`,
  );
}

const megabytes = (bytes: number): string => `${rounded(bytes / 1e6)} MB`;

async function longestStopMs(server: RunningZoogate): Promise<number> {
  const response = await expectSuccess(
    fetch(httpUrl(server, '/metrics'), { headers: { authorization: superAuthorization } }),
  );
  const found = stopMetric.exec(await response.text());
  if (found === null) throw new Error('/metrics does not tell the longest stop of the event loop');
  return Number(found[1]) * 1000;
}

/** @returns how long the event loop stopped meanwhile, and how long it all took, milliseconds */
async function snapshotMs(server: RunningZoogate): Promise<readonly [number, number]> {
  // A look at the metric begins it afresh.
  await longestStopMs(server);
  const begun = performance.now();
  await expectSuccess(
    fetch(httpUrl(server, '/admin/snapshots'), {
      method: 'POST',
      headers: { authorization: superAuthorization },
    }),
  );
  return [await longestStopMs(server), performance.now() - begun];
}

async function snapshotUnderLoad(
  { results }: BenchContext,
  server: RunningZoogate,
  count: number,
): Promise<void> {
  const load: PacedLoad = { url: websocketUrl(server), parent, count, writesPerSecond };
  const child = await startChild<PacedMeasurement>('loads/paced.ts', load);
  try {
    const stops: number[] = [];
    const times: number[] = [];
    for (let index = 0; index < snapshots; index++) {
      const [stop, time] = await snapshotMs(server);
      stops.push(stop);
      times.push(time);
    }
    const paced = await child.next();
    results.value(
      `${snapshots} snapshots of ${count} znodes under ${paced.writesPerSecond} writes/s`,
      `${rounded(median(times) / 1000)} s (median), longest stops ${stops.map(rounded).join(', ')} ms, ` +
        `longest ping ${paced.longestPingMs} ms, p99 ${paced.p99PingMs} ms (the load itself stopped ${paced.ownStopMs} ms)`,
    );
    results.goal({
      name: 'longest stop of the event loop during a snapshot (median)',
      unit: 'ms',
      value: median(stops),
      limit: goals.stopMs,
      atLeast: false,
    });
  } finally {
    await child.stop();
  }
}

async function afterRestart(
  { results }: BenchContext,
  server: RunningZoogate,
  count: number,
): Promise<void> {
  const first = await pageMs(server, '');
  await delay(settleMs);
  const resident = residentOf(server.pid);
  const later: number[] = [];
  for (let index = 0; index < 20; index++) {
    const after = `node-${String(Math.floor((index * count) / 20)).padStart(7, '0')}`;
    later.push(await pageMs(server, `&after=${after}`));
  }
  const again: number[] = [];
  for (let index = 0; index < 20; index++) again.push(await pageMs(server, ''));
  results.value(
    `restart with ${count} znodes from the snapshot`,
    `ready after ${rounded(server.startMs / 1000)} s, ${megabytes(resident)} resident`,
  );
  results.value(
    `page of ${pageLimit} out of ${count} children`,
    `very first request ${rounded(first)} ms, first page ${rounded(median(again))} ms, any page ${rounded(median(later))} ms (medians)`,
  );
  const { residentBytes, restartMs } = goals;
  const name = `${count} znodes of 100 B`;
  const atMost = { atLeast: false };
  results.goal({
    ...atMost,
    name: `${name}: resident after restart`,
    unit: 'MB',
    value: resident / 1e6,
    limit: residentBytes / 1e6,
  });
  results.goal({
    ...atMost,
    name: `${name}: restart from snapshot`,
    unit: 's',
    value: server.startMs / 1000,
    limit: restartMs / 1000,
  });
  results.goal({
    ...atMost,
    name: `first page of ${count} children`,
    unit: 'ms',
    value: median(again),
    limit: goals.pageMs,
  });
}

async function pageMs(server: RunningZoogate, query: string): Promise<number> {
  const begun = performance.now();
  const response = await expectSuccess(
    fetch(httpUrl(server, `/children${parent}?limit=${pageLimit}${query}`)),
  );
  const page = (await response.json()) as { children: unknown[] };
  if (page.children.length === 0) throw new Error('an empty page');
  return performance.now() - begun;
}
