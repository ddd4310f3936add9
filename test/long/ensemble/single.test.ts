/** The tools of the ensemble tests before one real node: a right history, with a kill in it, passes every check. */
import { afterEach, expect, test } from 'vitest';
import { Cluster } from '../../support/cluster.ts';
import { placesOf, Trial } from '../../support/load/trial.ts';
import { pause } from '../../support/waiting.ts';

let cluster: Cluster | undefined;
afterEach(() => cluster?.stop());

test('a node of its own that is killed now and then keeps its word', async () => {
  cluster = await Cluster.start({ voters: 1 });
  const trial = await Trial.begin({ places: placesOf(cluster), seed: 1 });
  for (let kill = 0; kill < 3; kill += 1) {
    await trial.progress(300);
    await cluster.restart(1);
    await pause(100);
  }
  await trial.progress(300);
  const report = await trial.verify();
  console.log(report);
  expect(report.undecided).toEqual([]);
});
