/** What the ensemble tests share: an ensemble that ends with its test, and a load whose history is checked. */
import { expect, onTestFailed, onTestFinished } from 'vitest';
import { Cluster } from '../../support/cluster.ts';
import type { ClusterOptions } from '../../support/cluster.ts';
import { httpClient } from '../../support/http-client.ts';
import type { HttpAnswer } from '../../support/http-client.ts';
import type { RunReport } from '../../support/history/check.ts';
import { placesOf, Trial } from '../../support/load/trial.ts';
import type { TrialOptions } from '../../support/load/trial.ts';
import { until } from '../../support/waiting.ts';

/** `ZOOGATE_TEST_SEED` repeats a failure as far as chance goes; processes have a will of their own. */
const given = process.env['ZOOGATE_TEST_SEED'];
const seed = given === undefined ? Math.floor(Math.random() * 1_000_000_000) : Number(given);

/** Ends with the test; when that fails, its nodes' last words are told. */
export async function ensemble(options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.start(options);
  watchOver(cluster);
  return cluster;
}

/** For an ensemble that the test starts itself. */
export function watchOver(cluster: Cluster): void {
  onTestFinished(() => cluster.stop());
  onTestFailed(() => console.error(`seed ${seed}\n${cluster.tails(25)}`));
}

export function loaded(cluster: Cluster, options: Partial<TrialOptions> = {}): Promise<Trial> {
  const usual = {
    streams: 2,
    rests: 2,
    watchers: 2,
    locks: 2,
    sessions: 1,
    window: 4,
    thinkMs: 25,
  };
  return Trial.begin({ places: placesOf(cluster), seed, ...usual, ...options });
}

/** Mends everything, waits until all serve, ends the load and checks its history. */
export async function verified(cluster: Cluster, trial: Trial): Promise<RunReport> {
  cluster.heal();
  for (const id of cluster.ids) {
    if (cluster.node(id).process === undefined) await cluster.startNode(id);
  }
  await cluster.settled();
  const report = await trial.verify();
  expect(report.undecided).toEqual([]);
  expect(report.transactions).toBeGreaterThan(20);
  return report;
}

/** A node that has nobody to ask refuses at once, and says that it has done nothing. */
export async function refusesWrites(cluster: Cluster, id: number): Promise<void> {
  const http = httpClient(cluster.node(id).url);
  await until(`refusals of node ${id}`, async () => {
    const { status } = await http('GET', '/health/ready');
    return status === 503 ? true : undefined;
  });
  const sentMs = performance.now();
  const write = await http('PUT', `/znodes/refused-${id}`, { body: 'x' });
  expect(write.status, write.text).toBe(503);
  expect(write.problem()).toMatchObject({ code: 'CONNECTIONLOSS', outcome: 'not-applied' });
  expect(write.headers['retry-after']).toBeDefined();
  const read = await http('GET', '/znodes/trial');
  expect(read.status, read.text).toBe(503);
  // At once is far below the deadline of a request, which is five seconds.
  expect(performance.now() - sentMs).toBeLessThan(2500);
}

/** That a write is taken by that node, whoever leads. */
export function takesWrite(cluster: Cluster, id: number): Promise<HttpAnswer> {
  return until(`a write through node ${id}`, async () => {
    const http = httpClient(cluster.node(id).url);
    const answer = await http('PUT', `/znodes/taken-${id}`, { body: 'x' });
    return answer.status < 300 ? answer : undefined;
  });
}
