/** Disks that are new, or full, or have missed much. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { httpClient } from '../../support/http-client.ts';
import type { Http } from '../../support/http-client.ts';
import { temporaryDirectory } from '../../support/server-process.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { pause, until } from '../../support/waiting.ts';
import { ensemble, loaded, refusesWrites, takesWrite, verified } from './scene.ts';

describe('a wiped node', () => {
  test('learns everything again, and has no vote until somebody gives it one', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(150);
    const leader = await cluster.newLeader();
    const [wiped = 0, other = 0] = cluster.voters.filter((id) => id !== leader);
    await cluster.end(wiped);
    cluster.wipe(wiped);
    await cluster.startNode(wiped);
    await cluster.settled();
    await trial.progress(60);
    await takesWrite(cluster, wiped);
    // With one more voter gone there are two processes, and one vote.
    await cluster.end(other);
    await refusesWrites(cluster, leader);
    await refusesWrites(cluster, wiped);
    await pause(2000);
    expect(await cluster.leader()).toBeUndefined();
    await cluster.startNode(other);
    await cluster.settled();
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('that was the leader gives way, and comes back as a learner', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(150);
    const leader = await cluster.newLeader();
    await cluster.end(leader);
    cluster.wipe(leader);
    await cluster.startNode(leader);
    await cluster.settled();
    expect(await cluster.newLeader()).not.toBe(leader);
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('that was an observer is one again', async () => {
    const cluster = await ensemble({ voters: 3, observers: 1 });
    const trial = await loaded(cluster);
    await trial.progress(100);
    await cluster.end(4);
    cluster.wipe(4);
    await cluster.startNode(4);
    await cluster.settled();
    await trial.progress(60);
    await verified(cluster, trial);
  });
});

describe('a node that has been away', () => {
  test('catches up from the log, under load', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(60);
    const leader = await cluster.newLeader();
    const away = cluster.voters.find((id) => id !== leader) ?? 0;
    await cluster.end(away);
    await trial.progress(1500, 90_000);
    await cluster.startNode(away);
    await cluster.settled();
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('catches up by a snapshot where the log no longer reaches back, under load', async () => {
    const args = ['--snapshot-every', '200', '--snapshots-retained', '1'];
    const cluster = await ensemble({
      ...{ voters: 3, observers: 1 },
      args: [...args, '--limit', 'ringTransactionsMax=300'],
    });
    const leader = await cluster.newLeader();
    const away = cluster.voters.find((id) => id !== leader) ?? 0;
    await Promise.all([cluster.end(away), cluster.end(4)]);
    const http = httpClient(cluster.node(leader).url);
    const body = 'x'.repeat(4000);
    await http('PUT', '/znodes/bulk');
    for (let index = 0; index < 1500; index += 1) {
      const { status } = await http('PUT', `/znodes/bulk/n-${index % 200}`, { body });
      expect(status).toBeLessThan(300);
    }
    await Promise.all([cluster.startNode(away), cluster.startNode(4)]);
    await cluster.settled();
    expect(cluster.node(away).log).toMatch(/snapshot/);
    for (const id of [away, 4]) {
      const own = httpClient(cluster.node(id).url);
      const { children } = (await own('GET', '/children/bulk')).json() as { children: string[] };
      expect(children).toHaveLength(200);
    }
    const trial = await loaded(cluster);
    await trial.progress(100);
    await verified(cluster, trial);
  });
});

/** Writes until the node refuses. @returns the last status, undefined when there was none */
async function fill(http: Http, name: string, count: number): Promise<number | undefined> {
  const body = 'x'.repeat(60_000);
  for (let index = 0; index < count; index += 1) {
    try {
      const { status } = await http('PUT', `/znodes/${name}-${index}`, { body });
      if (status !== 201) return status;
    } catch {
      return undefined;
    }
  }
  return 201;
}

const followerDisk = smallDisk('14m');
const disks = [1, 2, 3].map(() => smallDisk('14m'));
const isMounted = disks.every((disk) => disk !== undefined);

describe.runIf(isMounted)('disks that fill up', () => {
  test('on one follower: the others go on, and it comes back when it has room', async () => {
    const disk = followerDisk;
    const place = temporaryDirectory();
    const cluster = await ensemble({
      voters: 3,
      dataDir: (id) => join(id === 3 ? (disk?.path ?? '') : place, `one-${id}`),
    });
    const trial = await loaded(cluster, { watchers: 1, locks: 1 });
    // Whoever else leads: the small disk is that of a follower.
    if ((await cluster.newLeader()) === 3) {
      await cluster.restart(3);
      await cluster.newLeader(3);
    }
    const leader = await cluster.newLeader();
    const status = await fill(httpClient(cluster.node(leader).url), 'big', 300);
    expect([201, 507]).toContain(status);
    await trial.progress(60);
    disk?.resize('90m');
    if (cluster.node(3).process === undefined) await cluster.startNode(3);
    await cluster.settled();
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('on all of them: growth is refused, and deletions make room', async () => {
    const cluster = await ensemble({
      voters: 3,
      dataDir: (id) => join(disks[id - 1]?.path ?? '', 'all'),
    });
    const leader = await cluster.newLeader();
    const http = httpClient(cluster.node(leader).url);
    expect(await fill(http, 'big', 500)).toBe(507);
    for (const id of cluster.ids) {
      const own = httpClient(cluster.node(id).url);
      const refused = await own('PUT', '/znodes/more', { body: 'x'.repeat(1000) });
      expect(refused.status, refused.text).toBe(507);
      expect(refused.problem()).toMatchObject({ code: 'QUOTAEXCEEDED', outcome: 'not-applied' });
      expect((await own('DELETE', `/znodes/big-${id}`)).status).toBe(204);
      expect((await own('GET', '/znodes/big-10')).status).toBe(200);
    }
    for (const disk of disks) disk?.resize('90m');
    await until('room', async () => {
      const { status } = await http('PUT', '/znodes/more', { body: 'x' });
      return status < 300 ? true : undefined;
    });
  });
});
