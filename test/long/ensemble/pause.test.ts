/** A machine stands still for longer than anybody waits for it, and then goes on as if nothing had been. */
import { expect, test } from 'vitest';
import { httpClient } from '../../support/http-client.ts';
import { pause } from '../../support/waiting.ts';
import { ensemble, loaded, verified } from './scene.ts';

/** Three times what a node may be silent. */
const pauseMs = 3000;

test('a leader that was paused says nothing stale and acknowledges nothing', async () => {
  const cluster = await ensemble({ voters: 3, observers: 1 });
  const trial = await loaded(cluster);
  await trial.write({ type: 'create', path: '/trial/x', data: 'before' });
  await trial.progress(100);
  const leader = await cluster.newLeader();
  const http = httpClient(cluster.node(leader).url);
  cluster.pause(leader);
  // These wait in the socket of the process that stands still.
  const reads = Array.from({ length: 5 }, () => http('GET', '/znodes/trial/x'));
  const syncs = Array.from({ length: 3 }, () => http('POST', '/sync'));
  await cluster.newLeader(leader);
  const write = await trial.write({ type: 'put', path: '/trial/x', data: 'after' });
  const floor = write.answer?.zxid ?? Infinity;
  await pause(pauseMs);
  cluster.resume(leader);
  for (const answer of await Promise.all([...reads, ...syncs])) {
    // It may refuse, or answer as the new leader's follower; it must not speak of the past as of now.
    if (answer.status === 200) {
      expect(Number(answer.headers['zk-zxid'])).toBeGreaterThanOrEqual(floor);
    } else expect(answer.status, answer.text).toBe(503);
  }
  await cluster.settled();
  await trial.progress(100);
  await verified(cluster, trial);
});

test('pauses of every node in turn, long and short', async () => {
  const cluster = await ensemble({ voters: 3 });
  const trial = await loaded(cluster);
  for (const [id, ms] of [
    [1, 300],
    [2, 1500],
    [3, 300],
    [1, 2500],
    [3, 1200],
  ] as const) {
    await trial.progress(60);
    cluster.pause(id);
    await pause(ms);
    cluster.resume(id);
    await cluster.settled();
  }
  await verified(cluster, trial);
});

test('all stand still at once: sessions live on behind it', async () => {
  const cluster = await ensemble({ voters: 3 });
  const trial = await loaded(cluster);
  await trial.progress(100);
  for (const id of cluster.ids) cluster.pause(id);
  await pause(pauseMs);
  for (const id of cluster.ids) cluster.resume(id);
  await cluster.settled();
  await trial.progress(100);
  await verified(cluster, trial);
});
