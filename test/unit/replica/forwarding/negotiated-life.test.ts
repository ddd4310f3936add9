/**
 * What nodes promise of a session's life while another node negotiates its timeout: whatever was said last
 * before the client falls silent is kept.
 */
import { afterEach, expect, it } from 'vitest';
import type { Caller, SessionCredential } from '../../../../src/protocol/coordination.ts';
import type { AttachOperation, SessionResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

const stream = 1;
const local = { type: 'exists', path: parsePath('/') } as const;
const put = { type: 'put', path: parsePath('/a'), data: new Uint8Array() } as const;

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

async function newSession(node: EnsembleNode, timeoutMs: number): Promise<SessionCredential> {
  const answer = await node.request({ type: 'newSession', timeoutMs });
  if (answer.type === 'error') throw new Error('no session');
  const { id, secret } = answer.result as SessionResult;
  return { id, secret };
}

async function attach(
  node: EnsembleNode,
  session: AttachOperation['session'],
  timeoutMs: number,
): Promise<void> {
  node.submit({ type: 'open', stream, identities: [] });
  const operation: AttachOperation = {
    ...{ type: 'attach', session, timeoutMs },
    ...{ identities: [], watches: [] },
  };
  node.submit({ type: 'request', stream, id: 1, operation });
  await ensemble.until(() => node.answers.length > 0);
  expect(node.take()).toMatchObject([{ type: 'result' }]);
}

/** When the session is over, by the leader's own state. */
async function endOf(id: number): Promise<number> {
  const ended = (): boolean => ensemble.theLeader.replica.metrics().sessions === 0;
  await ensemble.until(ended, 120_000, `the end of session ${String(id)}`);
  return ensemble.nowMs;
}

/** The leader and the two that follow it. */
function nodes(): readonly [EnsembleNode, EnsembleNode, EnsembleNode] {
  const [first, second] = ensemble.learners;
  if (first === undefined || second === undefined) throw new Error('too few nodes');
  return [ensemble.theLeader, first, second];
}

it.each(['a read', 'a write'] as const)(
  'keeps what a node promised with %s after another has negotiated less',
  async (what) => {
    ensemble = await InProcessEnsemble.start();
    const [, here, elsewhere] = nodes();
    const session = await newSession(here, 20_000);
    const caller: Caller = { identities: [], session };
    await here.request(local, { caller });
    await ensemble.pass(1000);
    await attach(elsewhere, session, 4000);
    await ensemble.settle();
    const operation = what === 'a read' ? local : put;
    const { expiresInMs = 0 } = await here.request(operation, { caller });
    expect(expiresInMs).toBeGreaterThan(2000);
    const promisedMs = ensemble.nowMs + expiresInMs;
    expect(await endOf(session.id)).toBeGreaterThanOrEqual(promisedMs);
  },
);

it('keeps what was promised where the stream that has negotiated less ends before the leader confirms', async () => {
  ensemble = await InProcessEnsemble.start();
  const [leader, here, elsewhere] = nodes();
  const session = await newSession(elsewhere, 20_000);
  const caller: Caller = { identities: [], session };
  await attach(elsewhere, session, 4000);
  await ensemble.pass(1000);
  // The leader hears the client through this node, and is confirmed only after the stream has ended.
  for (const { id } of [here, elsewhere]) ensemble.mesh.hold(leader.id, id);
  const answered = here.ask(local, { caller });
  here.turn();
  ensemble.mesh.deliver(here.id, leader.id);
  elsewhere.submit({ type: 'close', stream });
  elsewhere.turn();
  ensemble.mesh.deliver(elsewhere.id, leader.id);
  for (const { id } of [here, elsewhere]) ensemble.mesh.release(leader.id, id);
  const { expiresInMs = 0 } = await ensemble.during(answered);
  expect(expiresInMs).toBeGreaterThan(2000);
  const promisedMs = ensemble.nowMs + expiresInMs;
  // What it has heard since then reaches nobody.
  ensemble.crash(here.id);
  expect(await endOf(session.id)).toBeGreaterThanOrEqual(promisedMs);
});

it('takes a write for a sign of life when it is applied: until then its leader may have been replaced', async () => {
  ensemble = await InProcessEnsemble.start();
  const [leader, here, other] = nodes();
  const session = await newSession(here, 20_000);
  const caller: Caller = { identities: [], session };
  await here.request(local, { caller });
  const confirmedMs = ensemble.nowMs;
  await ensemble.pass(300);
  for (const id of [here.id, other.id]) ensemble.mesh.hold(id, leader.id);
  const written = here.ask(put, { caller });
  here.turn();
  ensemble.mesh.release(here.id, leader.id);
  ensemble.mesh.deliver(here.id, leader.id);
  ensemble.mesh.hold(here.id, leader.id);
  await ensemble.settle();
  const { expiresInMs = 0 } = await here.request(local, { caller });
  expect(ensemble.nowMs + expiresInMs).toBeLessThanOrEqual(confirmedMs + 20_000);
  for (const id of [here.id, other.id]) ensemble.mesh.release(id, leader.id);
  expect(await ensemble.during(written)).toMatchObject({ type: 'result', expiresInMs: 20_000 });
});

it('keeps a longer timeout that was negotiated later, whoever leads', async () => {
  ensemble = await InProcessEnsemble.start();
  const [leader, here] = nodes();
  const session = await newSession(here, 10_000);
  await attach(leader, session, 60_000);
  const attachedMs = ensemble.nowMs;
  ensemble.crash(leader.id);
  await ensemble.until(() => ensemble.leader !== undefined && ensemble.leader.id !== leader.id);
  expect(await endOf(session.id)).toBeGreaterThanOrEqual(attachedMs + 60_000);
});
