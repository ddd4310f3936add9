/** A learner so slow that its leader sends a snapshot past the records of what it has forwarded. */
import { afterEach, expect, it } from 'vitest';
import type { Operation, SessionResult } from '../../../../src/protocol/operations.ts';
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

/** Two streams of the slow learner ask for sessions of their own, and the leader's for the first of these. */
it('leaves a session to the newest of the attachments that a snapshot overtakes', async () => {
  ensemble = await InProcessEnsemble.start({ limits: { ringTransactionsMax: 8 } });
  const leader = ensemble.theLeader;
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('three nodes have learners');
  const newSession = async (): Promise<SessionResult> => {
    const answer = await leader.request({ type: 'newSession', timeoutMs: 60_000 });
    if (answer.type !== 'result') throw new Error('no session');
    return answer.result as SessionResult;
  };
  const [contended, quiet] = [await newSession(), await newSession()];
  await ensemble.untilEqual();
  const attach = (stream: number, session: SessionResult): void => {
    const node = stream === 9 ? leader : learner;
    node.submit({ type: 'open', stream, identities: [] });
    const operation: Operation = { type: 'attach', session, identities: [], watches: [] };
    node.submit({ type: 'request', stream, id: stream, operation });
  };
  ensemble.mesh.delay(learner.id, leader.id, 400);
  await writeMany(60);
  attach(7, contended);
  attach(8, quiet);
  await ensemble.pass(150);
  await writeMany(250);
  await ensemble.pass(300);
  await writeMany(50);
  expect(learner.take(), 'their records wait in the log of the leader').toEqual([]);
  attach(9, contended);
  await writeMany(100);
  await ensemble.pass(3000);
  expect(learner.log.join('\n')).toContain('has been installed');
  expect(learner.take()).toMatchObject([
    { type: 'session', stream: 7, state: 'moved' },
    { type: 'result', id: 8, result: { resumed: true } },
  ]);
  expect(leader.take()).toMatchObject([{ type: 'result', id: 9 }]);
});

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
