/**
 * How long a session is sure to live, as its node says it: no leader that has been replaced without knowing
 * it promises more than its successor keeps.
 */
import { afterEach, expect, it } from 'vitest';
import type { Caller } from '../../../../src/protocol/coordination.ts';
import type { SessionResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

const timeoutMs = 10_000;
const local = { type: 'exists', path: parsePath('/') } as const;

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

async function newSession(node: EnsembleNode): Promise<Caller> {
  const answer = await node.request({ type: 'newSession', timeoutMs });
  if (answer.type === 'error') throw new Error('no session');
  const { id, secret } = answer.result as SessionResult;
  return { identities: [], session: { id, secret } };
}

/** Stops the leader's process until another one leads. @returns it, and when its successor serves */
async function replaceUnnoticed(): Promise<{ former: EnsembleNode; sinceMs: number }> {
  const former = ensemble.theLeader;
  ensemble.pause(former.id);
  const successors = ensemble.learners;
  await ensemble.until(() => successors.some((node) => node.status.leader === node.id));
  await ensemble.untilServing(successors.map(({ id }) => id));
  return { former, sinceMs: ensemble.nowMs };
}

it('a leader that stood still promises no more than its successor keeps', async () => {
  ensemble = await InProcessEnsemble.start();
  const caller = await newSession(ensemble.theLeader);
  const { former, sinceMs } = await replaceUnnoticed();
  await ensemble.pass(1500);
  ensemble.resume(former.id);
  const promised = former.ask(local, { caller, consistency: 'local' });
  const { expiresInMs = 0 } = await promised;
  expect(expiresInMs).toBeGreaterThan(0);
  expect(ensemble.nowMs + expiresInMs).toBeLessThanOrEqual(sinceMs + timeoutMs);
});

it('it asks the others where half of what it could promise is over, and learns that it leads no more', async () => {
  ensemble = await InProcessEnsemble.start();
  const caller = await newSession(ensemble.theLeader);
  const { former, sinceMs } = await replaceUnnoticed();
  await ensemble.pass(6000);
  ensemble.resume(former.id);
  const answer = await former.request(local, { caller, consistency: 'local' });
  expect(answer).toMatchObject({ type: 'error', error: { code: 'CONNECTIONLOSS' } });
  expect(ensemble.nowMs + (answer.expiresInMs ?? 0)).toBeLessThanOrEqual(sinceMs + timeoutMs);
});

it('a leader promises nearly the whole timeout as long as it leads', async () => {
  ensemble = await InProcessEnsemble.start();
  const leader = ensemble.theLeader;
  const caller = await newSession(leader);
  for (let round = 0; round < 8; round += 1) {
    await ensemble.pass(2000);
    const { expiresInMs = 0 } = await leader.request(local, { caller, consistency: 'local' });
    expect(expiresInMs).toBeGreaterThanOrEqual(timeoutMs / 2);
  }
  const confirmed = await leader.request(local, { caller, consistency: 'linearizable' });
  expect(confirmed).toMatchObject({ expiresInMs: timeoutMs });
});
