/** A learner so slow that its leader sends a snapshot past the records of what it has forwarded. */
import { afterEach, expect, it } from 'vitest';
import type { Operation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const putOf = (n: number): Operation => ({
  ...{ type: 'put', path: parsePath(`/n${n % 5}`), data: new Uint8Array(100_000) },
});

async function writeMany(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    void ensemble.theLeader.ask(putOf(n));
    if (n % 10 === 0) await ensemble.pass(1);
  }
}

it('answers the writes that a snapshot overtakes as done, in their order', async () => {
  ensemble = await InProcessEnsemble.start({ limits: { ringTransactionsMax: 8 } });
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('three nodes have learners');
  // Its acknowledgements come late, so that the window fills and memory goes on without it.
  ensemble.mesh.delay(learner.id, ensemble.theLeader.id, 400);
  learner.submit({ type: 'open', stream: 7, identities: [] });
  await writeMany(60);
  for (let id = 1; id <= 3; id += 1) {
    learner.submit({ type: 'request', stream: 7, id, operation: putOf(1) });
    await ensemble.pass(150);
    await writeMany(100);
  }
  await ensemble.pass(3000);
  expect(learner.log.join('\n')).toContain('has been installed');
  expect(learner.take()).toMatchObject([1, 2, 3].map((id) => ({ type: 'result', id })));
  await ensemble.theLeader.put('/after', 'x');
  expect(await learner.put('/after', 'y')).toMatchObject({ type: 'result' });
  await ensemble.untilEqual();
  expect(learner.isServing).toBe(true);
  expect(learner.replica.metrics()).toMatchObject({ forwardedRequests: 0, forwardedBytes: 0 });
});
