/** Processes of an ensemble are killed: what was acknowledged is there, and the others go on when they can. */
import { expect, test } from 'vitest';
import { ensemble, loaded, refusesWrites, verified } from './scene.ts';

test('the leader is killed, and killed again: another leads, and nothing is lost', async () => {
  const cluster = await ensemble({ voters: 3, observers: 1 });
  const trial = await loaded(cluster);
  for (let round = 0; round < 3; round += 1) {
    await trial.progress(150);
    const leader = await cluster.newLeader();
    await cluster.end(leader);
    expect(await cluster.newLeader(leader)).not.toBe(leader);
    await trial.progress(150);
    await cluster.startNode(leader);
  }
  await verified(cluster, trial);
});

test('followers and an observer are killed: nobody else notices', async () => {
  const cluster = await ensemble({ voters: 3, observers: 1 });
  const trial = await loaded(cluster);
  await trial.progress(100);
  const { epoch } = await cluster.node(1).status();
  const leader = await cluster.newLeader();
  for (const id of cluster.ids.filter((other) => other !== leader)) {
    await cluster.end(id);
    await trial.progress(100);
    await cluster.startNode(id);
    await cluster.settled();
  }
  expect((await cluster.node(leader).status()).epoch).toBe(epoch);
  await verified(cluster, trial);
});

test('a majority is killed: the rest refuses at once, and goes on when one comes back', async () => {
  const cluster = await ensemble({ voters: 3, observers: 1 });
  const trial = await loaded(cluster);
  await trial.progress(150);
  const leader = await cluster.newLeader();
  const [survivor = 0, other = 0] = cluster.voters.filter((id) => id !== leader);
  await Promise.all([cluster.end(leader), cluster.end(other)]);
  await refusesWrites(cluster, survivor);
  await refusesWrites(cluster, 4);
  await cluster.startNode(other);
  await cluster.settled();
  await trial.progress(150);
  await verified(cluster, trial);
});

test('all are killed at once, twice: all that was acknowledged comes back', async () => {
  const cluster = await ensemble({ voters: 3 });
  const trial = await loaded(cluster);
  for (let round = 0; round < 2; round += 1) {
    await trial.progress(200);
    await Promise.all(cluster.ids.map((id) => cluster.end(id)));
    await Promise.all(cluster.ids.map((id) => cluster.startNode(id)));
  }
  await trial.progress(150);
  await verified(cluster, trial);
});

test('of five nodes any two may be down', async () => {
  const cluster = await ensemble({ voters: 5 });
  const trial = await loaded(cluster);
  await trial.progress(100);
  const leader = await cluster.newLeader();
  const other = leader === 1 ? 2 : 1;
  await Promise.all([cluster.end(leader), cluster.end(other)]);
  await trial.progress(150);
  await verified(cluster, trial);
});
