/**
 * The real process, watched at its system calls: it acknowledges what a loss of power would not take, and says
 * to other nodes only what it would say again afterwards.
 */
import { expect, test } from 'vitest';
import { judge } from '../../support/disk-trace/judge.ts';
import { TracedPlace } from '../../support/disk-trace/preload.ts';
import type { Fault } from '../../support/disk-trace/preload.ts';
import {
  certainCopy,
  describeTraced,
  missingFrom,
  smallArgs,
  writeMarked,
} from '../../support/disk-trace/run.ts';
import { tryOnce } from '../../support/disk-trace/trial.ts';
import { freePort } from '../../support/free-port.ts';
import { startServer } from '../../support/server-process.ts';
import { until } from '../../support/waiting.ts';

/** Acknowledgements after which the power goes, spread over a run. */
const LOSSES = 4;

/** Writes at a time. */
const ROUND = 30;

/** Of a run with a fault. */
const WRITES = 12;

describeTraced('a node on its own', () => {
  test('acknowledges what is synced, and a copy of that alone has all of it', async () => {
    const place = new TracedPlace();
    const options = { dataDir: place.dataDir(), env: place.environment(), args: smallArgs };
    const server = await startServer(options);
    const written: string[] = [];
    // Snapshots are taken, and what they replace is removed, in the node's own time.
    await until('the removal of files', async () => {
      const round = { from: written.length + 1, count: ROUND, clients: 3 };
      written.push(...(await writeMarked(server.url, round)));
      return judge(place.events(), { quorum: 1 }).seen.removals > 1 || undefined;
    });
    await server.stop();
    const events = place.events();
    const { findings, acknowledged, seen } = judge(events, { quorum: 1 });
    expect(findings).toEqual([]);
    expect(acknowledged.toSorted()).toEqual(written.toSorted());
    expect(written.length % ROUND).toBe(0);
    expect(seen.syncs).toBeGreaterThan(ROUND / 3);
    // Identity and promise, two copies each, and a snapshot.
    expect(seen.replacements).toBeGreaterThanOrEqual(5);

    const answers = events.flatMap(({ operation, phase }, index) => {
      return operation === 'send' && phase === 'begin' ? index : [];
    });
    for (let loss = 1; loss <= LOSSES; loss += 1) {
      const end = (answers[Math.floor((answers.length * loss) / LOSSES) - 1] ?? 0) + 1;
      const before = judge(events.slice(0, end), { quorum: 1 }).acknowledged;
      expect(before.length).toBeGreaterThan(0);
      const copy = certainCopy(events, end);
      expect(await missingFrom(place.dataDir().replace(place.root, copy), before)).toEqual([]);
    }
  });
});

describeTraced('an ensemble', () => {
  test('has what it acknowledges on a quorum of disks, and keeps its promises', async () => {
    const place = new TracedPlace();
    const ids = [1, 2, 3];
    const ports = await Promise.all(ids.map(() => freePort()));
    const members = ids.flatMap((id, index) => {
      return ['--member', `${id}=127.0.0.1:${ports[index] ?? 0}`];
    });
    const servers = await Promise.all(
      ids.map((id) => {
        const args = [...smallArgs, '--id', String(id), ...members];
        return startServer({ dataDir: place.dataDir(String(id)), env: place.environment(), args });
      }),
    );
    for (const { url } of servers) {
      await until('a node that serves', async () => {
        return (await fetch(`${url}/health/ready`)).ok || undefined;
      });
    }
    const [first] = servers;
    const written = await writeMarked(first?.url ?? '', { count: 30, clients: 3 });
    await Promise.all(servers.map((server) => server.stop()));
    const { findings, acknowledged, seen } = judge(place.events(), { quorum: 2 });
    expect(findings).toEqual([]);
    expect(acknowledged.toSorted()).toEqual(written.toSorted());
    expect(written).toHaveLength(30);
    expect(seen.hellos).toBeGreaterThanOrEqual(6);
    // The leader's own, and that of at least one other.
    expect(seen.promises).toBeGreaterThanOrEqual(2);
  });
});

/** A sample; `test/long/crash/real-disk.test.ts` has every call of a run. */
describeTraced('a disk in the middle of a run', () => {
  test.each<Fault & { ends: boolean }>([
    { kind: 'EIO', class: 'sync', at: 24, ends: true },
    { kind: 'moment', class: 'write', at: 'every', ends: false },
    { kind: 'hang', class: 'sync', at: 24, ends: false },
  ])('with $kind of $class $at ends the node, or lets it go on rightly', async (sample) => {
    const { ends, ...fault } = sample;
    const { findings, isDue, hasEnded, acknowledged } = await tryOnce({ fault, writes: WRITES });
    expect({ findings, isDue, hasEnded }).toEqual({ findings: [], isDue: true, hasEnded: ends });
    if (!ends) expect(acknowledged).toHaveLength(WRITES);
  });
});
