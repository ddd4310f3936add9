/**
 * Who the leader says is attached to a session: a stream that has ended is not, however its node was
 * connected when it ended.
 */
import { afterEach, expect, it } from 'vitest';
import type { AttachOperation, AttachResult } from '../../../../src/protocol/operations.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

const stream = 1;

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

/** @returns the id of the session that the stream of that node is attached to */
async function connect(node: EnsembleNode): Promise<number> {
  const operation: AttachOperation = {
    ...{ type: 'attach', session: 'new', timeoutMs: 60_000 },
    ...{ identities: [], watches: [] },
  };
  node.submit({ type: 'open', stream, identities: [] });
  node.submit({ type: 'request', stream, id: 1, operation });
  await ensemble.until(() => node.answers.length > 0);
  const [answer] = node.take();
  if (answer?.type !== 'result') throw new Error(`not attached: ${JSON.stringify(answer)}`);
  return (answer.result as AttachResult).session?.id ?? 0;
}

async function isConnected(session: number): Promise<boolean> {
  const answer = await ensemble.theLeader.request({ type: 'sessionInfo', session });
  if (answer.type === 'error') throw new Error(answer.error.detail);
  return (answer.result as { connected: boolean }).connected;
}

/** A node that does not lead. */
function aLearner(): EnsembleNode {
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('all lead');
  return learner;
}

it('does not count the streams of a node that has died', async () => {
  ensemble = await InProcessEnsemble.start();
  const learner = aLearner();
  const session = await connect(learner);
  expect(await isConnected(session)).toBe(true);
  ensemble.crash(learner.id);
  await ensemble.settle();
  expect(await isConnected(session)).toBe(false);
});

it('does not count a stream that has ended while its node had lost the leader', async () => {
  ensemble = await InProcessEnsemble.start();
  const learner = aLearner();
  const { id: leader } = ensemble.theLeader;
  const session = await connect(learner);
  ensemble.isolate(learner.id);
  await ensemble.until(() => !learner.isServing);
  learner.submit({ type: 'close', stream });
  ensemble.heal();
  await ensemble.untilServing();
  expect(ensemble.theLeader.id, 'the same leader').toBe(leader);
  await ensemble.settle();
  expect(await isConnected(session)).toBe(false);
});

it('counts a stream again whose node comes back to the leader', async () => {
  ensemble = await InProcessEnsemble.start();
  const learner = aLearner();
  const session = await connect(learner);
  ensemble.isolate(learner.id);
  await ensemble.until(() => !learner.isServing);
  ensemble.heal();
  await ensemble.untilServing();
  await ensemble.settle();
  expect(await isConnected(session)).toBe(true);
});
