/** Cables that carry nothing, or only one way, or slowly: there is one truth on all sides. */
import { describe, expect, test } from 'vitest';
import { pause } from '../../support/waiting.ts';
import { ensemble, loaded, refusesWrites, takesWrite, verified } from './scene.ts';

describe('a partition', () => {
  test('with the leader on the smaller side: that side refuses, the other goes on', async () => {
    const cluster = await ensemble({ voters: 3, observers: 1 });
    const trial = await loaded(cluster);
    await trial.progress(150);
    const leader = await cluster.newLeader();
    cluster.partition([leader]);
    await refusesWrites(cluster, leader);
    const next = await cluster.newLeader(leader);
    await takesWrite(cluster, next);
    await trial.progress(100);
    cluster.heal();
    await cluster.settled();
    expect(await cluster.newLeader()).toBe(next);
    await verified(cluster, trial);
  });

  test('of a follower and an observer: they refuse, and the leader stays', async () => {
    const cluster = await ensemble({ voters: 3, observers: 1 });
    const trial = await loaded(cluster);
    await trial.progress(100);
    const leader = await cluster.newLeader();
    const follower = cluster.voters.find((id) => id !== leader) ?? 0;
    cluster.partition([follower, 4]);
    await refusesWrites(cluster, follower);
    await refusesWrites(cluster, 4);
    await trial.progress(100);
    cluster.heal();
    await cluster.settled();
    expect(await cluster.newLeader()).toBe(leader);
    await verified(cluster, trial);
  });

  test('of everybody from everybody: nobody writes, and afterwards all agree', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(100);
    for (const id of cluster.ids) cluster.partition([id]);
    for (const id of cluster.ids) await refusesWrites(cluster, id);
    cluster.heal();
    await cluster.settled();
    await trial.progress(100);
    await verified(cluster, trial);
  });

  test('of five nodes, that moves', async () => {
    const cluster = await ensemble({ voters: 5 });
    const trial = await loaded(cluster);
    for (const group of [
      [1, 2],
      [2, 3],
      [4, 5],
      [5, 1],
    ]) {
      cluster.partition(group);
      await trial.progress(60);
      cluster.heal();
      await pause(300);
    }
    await verified(cluster, trial);
  });
});

describe('a cable that carries one way only', () => {
  const cases: [string, (leader: number, other: number) => [number, number]][] = [
    ['from the leader to a follower', (leader, other) => [leader, other]],
    ['from a follower to the leader', (leader, other) => [other, leader]],
  ];
  test.for(cases)('%s is cut, and mended', async ([, ends]) => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(60);
    const leader = await cluster.newLeader();
    const other = cluster.voters.find((id) => id !== leader) ?? 0;
    const [from, to] = ends(leader, other);
    cluster.link(from, to, { cut: true });
    await pause(2500);
    await trial.progress(60);
    cluster.heal();
    await cluster.settled();
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test.for(['sends', 'hears'] as const)('so that the leader only %s', async (does) => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(60);
    const leader = await cluster.newLeader();
    for (const other of cluster.voters) {
      if (does === 'sends') cluster.link(other, leader, { cut: true });
      else cluster.link(leader, other, { cut: true });
    }
    await cluster.newLeader(leader);
    await trial.progress(60);
    cluster.heal();
    await cluster.settled();
    await verified(cluster, trial);
  });
});

describe('a cable', () => {
  test('that is missing between two followers disturbs nobody', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    const leader = await cluster.newLeader();
    const [one = 0, other = 0] = cluster.voters.filter((id) => id !== leader);
    cluster.between(one, other, { cut: true });
    const { epoch } = await cluster.node(leader).status();
    await pause(3000);
    await trial.progress(60);
    expect((await cluster.node(leader).status()).epoch).toBe(epoch);
    await verified(cluster, trial);
  });

  test('that is missing between the leader and one follower: a leader emerges and stays', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    const leader = await cluster.newLeader();
    const other = cluster.voters.find((id) => id !== leader) ?? 0;
    cluster.between(leader, other, { cut: true });
    await pause(4000);
    const { epoch } = await cluster.node(await cluster.newLeader()).status();
    await pause(3000);
    await trial.progress(60);
    const after = await cluster.node(await cluster.newLeader()).status();
    expect(after.epoch).toBe(epoch);
    await verified(cluster, trial);
  });

  test('that is slow and narrow slows down and breaks nothing', async () => {
    const cluster = await ensemble({ voters: 3, observers: 1 });
    const trial = await loaded(cluster);
    for (const one of cluster.ids) {
      for (const other of cluster.ids) {
        if (one < other) cluster.between(one, other, { delayMs: 60, bytesPerSecond: 300_000 });
      }
    }
    await trial.progress(200, 60_000);
    await verified(cluster, trial);
  });

  test('that is reset over and over', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    for (let round = 0; round < 20; round += 1) {
      cluster.reset(1 + (round % 3), 1 + ((round + 1) % 3));
      await pause(150);
    }
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('that holds everything back for a while and then delivers it', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    for (let round = 0; round < 2; round += 1) {
      const leader = await cluster.newLeader();
      cluster.partition([leader], { stall: true });
      await cluster.newLeader(leader);
      await trial.progress(40);
      cluster.heal();
      await cluster.settled();
      await trial.progress(40);
    }
    await verified(cluster, trial);
  });
});
