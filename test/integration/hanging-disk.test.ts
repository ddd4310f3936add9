/** A disk that completes nothing, and no error either: the node says so, at its start and later. */
import { afterEach, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/server/config/index.ts';
import { makeLogger } from '../../src/server/logging.ts';
import { startNode } from '../../src/server/node.ts';
import { judge } from '../support/disk-trace/judge.ts';
import { TracedPlace } from '../support/disk-trace/preload.ts';
import { describeTraced } from '../support/disk-trace/run.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { startServer } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { until } from '../support/waiting.ts';

/** Beyond the syncs of a start: those behind it are of writes. */
const SYNC = 60;

/** Serves, and its disk hangs later. */
function startHanging(place: TracedPlace, args: readonly string[] = []): Promise<ServerProcess> {
  return startServer({
    dataDir: place.dataDir(),
    env: place.environment({ kind: 'hang', class: 'sync', at: SYNC }),
    args: ['--segment-size', '1MiB', '--peer-timeout', '300ms', ...args],
  });
}

function hangs(place: TracedPlace): boolean {
  return place.events().some(({ isFault }) => isFault);
}

/** One after another, each of which takes a sync of its own. @returns the one that is not answered */
async function writeUntilItHangs(
  { url }: ServerProcess,
  place: TracedPlace,
): Promise<{ readonly last: Promise<Response> }> {
  expect(hangs(place), `a start takes fewer than ${SYNC} syncs`).toBe(false);
  const hung = until('the call that hangs', () => hangs(place) || undefined);
  for (;;) {
    const last = fetch(`${url}/znodes/a`, { method: 'PUT', body: 'x' });
    last.catch(() => 'whoever waits for it is told');
    if ((await Promise.race([last, hung])) === true) return { last };
    await (await last).arrayBuffer();
  }
}

describeTraced('a process whose disk hangs', () => {
  test('is not ready, says so in its log and metrics, and goes on when the disk does', async () => {
    const place = new TracedPlace();
    const node = await startHanging(place);
    const stalledSeconds = async (): Promise<number> => {
      const text = await (await fetch(`${node.url}/metrics`)).text();
      return Number(/^zoogate_disk_stalled_seconds (\S+)$/m.exec(text)?.[1]);
    };
    const ready = (): Promise<Response> => fetch(`${node.url}/health/ready`);
    expect((await ready()).status).toBe(200);
    expect(await stalledSeconds()).toBe(0);
    const { last } = await writeUntilItHangs(node, place);
    const refused = await until('a node that is not ready', async () => {
      const response = await ready();
      return response.status === 503 ? response : undefined;
    });
    expect(await refused.json()).toMatchObject({
      detail: expect.stringMatching(
        /^this node is not ready: the disk has completed nothing for \d+\.\d s$/,
      ) as string,
    });
    expect(await stalledSeconds()).toBeGreaterThan(0.3);
    expect((await fetch(`${node.url}/health/live`)).status).toBe(200);
    const line = 'this node acknowledges no writes until it does';
    await until('the line of the log', () => node.stdout().includes(line) || undefined);
    place.release();
    expect((await last).ok).toBe(true);
    await until('a node that is ready', async () => (await ready()).ok || undefined);
    expect(await stalledSeconds()).toBe(0);
    expect((await node.stop()).code).toBe(0);
    expect(node.stdout()).toContain('the disk completes writes again');
    expect(judge(place.events(), { quorum: 1 }).findings).toEqual([]);
  });
});

describeTraced('a process whose disk hangs for ever', () => {
  test('ends all the same when the time for its stop is over', async () => {
    const place = new TracedPlace();
    const node = await startHanging(place, ['--shutdown-timeout', '2s']);
    await writeUntilItHangs(node, place);
    expect(await node.stop()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(node.stdout()).toContain('not stopped in time');
    expect(node.stdout()).toContain('the disk hangs, and the process would wait for it: SIGKILL');
  });
});

afterEach(() => vi.useRealTimers());

test('a node whose data directory is not recovered says so every ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let isHanging = true;
  const disk = new MemoryDisk({ fault: () => (isHanging ? { type: 'stall' } : undefined) });
  const lines: string[] = [];
  const { config } = loadConfig({ args: ['--port', '0'], env: {} }).resolve();
  const starting = startNode({
    ...{ config, version: '0.0.0-test', disk },
    logger: makeLogger('warn', { write: (line) => lines.push(line) }),
    onFatal: (error) => lines.push(String(error)),
  });
  const told = (): string[] => lines.filter((line) => line.includes('is not recovered after'));
  vi.advanceTimersByTime(9_999);
  expect(lines).toEqual([]);
  vi.advanceTimersByTime(20_001);
  expect(told()).toEqual([
    expect.stringContaining(
      'is not recovered after 10 s: its log is long, or its disk hangs',
    ) as string,
    expect.stringContaining('after 20 s') as string,
    expect.stringContaining('after 30 s') as string,
  ]);
  isHanging = false;
  vi.useRealTimers();
  disk.release();
  const node = await starting;
  expect(told()).toHaveLength(3);
  await node.stop();
});
