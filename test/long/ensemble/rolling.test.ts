/** An ensemble is restarted node by node while its clients work: nothing fails that a client need not just try again. */
import { expect, test } from 'vitest';
import { ensemble, loaded, verified } from './scene.ts';

/** What a node says that stops, or that has no leader for a moment. */
const passing = new Set(['CONNECTIONLOSS', 'OPERATIONTIMEOUT', 'BEHIND', 'THROTTLEDOP']);

test('a rolling restart under load', async () => {
  const cluster = await ensemble({ voters: 3, observers: 1 });
  const trial = await loaded(cluster);
  for (const id of cluster.ids) {
    await trial.progress(100);
    const exit = await cluster.end(id, 'SIGTERM');
    expect(exit).toEqual({ code: 0, signal: null });
    await trial.progress(30);
    await cluster.startNode(id);
    await cluster.settled();
  }
  const report = await verified(cluster, trial);
  const failures = trial.recorder.operations.flatMap(({ answer }) =>
    answer?.outcome === 'not-applied' || answer?.outcome === 'unknown' ? [answer.code ?? ''] : [],
  );
  // Without a code: the connection was refused.
  expect(failures.filter((code) => code !== '' && !passing.has(code))).toEqual([]);
  // A stop in order leaves few in doubt, and these are the connections that it had to close.
  expect(report.uncertain).toBeLessThan(report.operations / 20);
});

test('a leader that is told to stop hands over: writes pause for a moment only', async () => {
  const cluster = await ensemble({ voters: 3 });
  const trial = await loaded(cluster);
  await trial.progress(100);
  for (let round = 0; round < 3; round += 1) {
    const leader = await cluster.newLeader();
    const startedMs = performance.now();
    const exited = cluster.end(leader, 'SIGTERM');
    await cluster.newLeader(leader);
    const handedMs = performance.now() - startedMs;
    await exited;
    await trial.progress(50);
    await cluster.startNode(leader);
    await cluster.settled();
    // Far less than the second of silence after which a leader is given up.
    expect(handedMs).toBeLessThan(5000);
  }
  await verified(cluster, trial);
});
