/** Nobody is told that a session has ended before its end is sure to stand in the log. */
import { afterEach, expect, it } from 'vitest';
import type { Operation, SessionResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';
import type { MemoryDiskOptions } from '../../../support/memory-disk.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const settings = { tickMs: 50, sessionTimeoutMinMs: 100 };

async function newSession(
  node: EnsembleNode,
  timeoutMs = 300,
): Promise<{ id: number; secret: string }> {
  const answer = await node.request({ type: 'newSession', timeoutMs });
  if (answer.type === 'error') throw new Error(answer.error.detail);
  const { id, secret } = answer.result as SessionResult;
  return { id, secret };
}

it('a leader without its quorum does not tell of an end that may be lost', async () => {
  ensemble = await InProcessEnsemble.start({ settings });
  const old = ensemble.theLeader;
  const session = await newSession(old);
  const caller = { identities: [], session };
  const data = new Uint8Array();
  const path = parsePath('/mine');
  const kind = { kind: 'ephemeral', sequential: false } as const;
  await old.request({ type: 'create', path, data, ...kind }, { caller });
  ensemble.isolate(old.id);
  await ensemble.pass(500);
  // Its record is in this log by now, and in no other.
  const heartbeat: Operation = { type: 'sessionInfo', session: session.id, touch: true };
  const answered = old.ask(heartbeat, { caller });
  await ensemble.pass(3000);
  expect(await answered).toMatchObject({ type: 'error', error: { code: 'CONNECTIONLOSS' } });
});

it('a leader in its quorum tells it once it is sure, with a position at which it is so', async () => {
  ensemble = await InProcessEnsemble.start({ settings });
  const { theLeader } = ensemble;
  const session = await newSession(theLeader);
  await ensemble.pass(1000);
  const caller = { identities: [], session };
  const heartbeat: Operation = { type: 'sessionInfo', session: session.id, touch: true };
  const answer = await theLeader.request(heartbeat, { caller });
  expect(answer).toMatchObject({ type: 'error', error: { code: 'SESSIONEXPIRED' } });
  expect(answer.zxid).toBeGreaterThan(session.id);
});

/** The disks of all but the leader, which stand still while `isStalled`. */
function stalling(state: { readonly isStalled: boolean }): (id: number) => MemoryDiskOptions {
  return (id) => ({
    fault: ({ path }) =>
      state.isStalled && id !== 3 && path.startsWith('log/') ? { type: 'stall' } : undefined,
  });
}

it('a leader with no room for its end lets a session live, and a sign of life saves it', async () => {
  const state = { isStalled: false };
  const limits = { outstandingTransactionsMax: 2 };
  ensemble = await InProcessEnsemble.start({ limits, disk: stalling(state) });
  const { theLeader } = ensemble;
  expect(theLeader.id).toBe(3);
  const session = await newSession(theLeader, 4000);
  const caller = { identities: [], session };
  state.isStalled = true;
  const writes = ['/a', '/b'].map((path) => theLeader.put(path, 'x'));
  await ensemble.pass(8000);
  const heartbeat: Operation = { type: 'sessionInfo', session: session.id, touch: true };
  expect(await theLeader.request(heartbeat, { caller })).toMatchObject({ type: 'result' });
  state.isStalled = false;
  for (const { disk } of ensemble.nodes) disk.release();
  await ensemble.during(Promise.all(writes));
  await ensemble.pass(1000);
  expect(theLeader.replica.metrics().sessions).toBe(1);
  await ensemble.pass(8000);
  expect(theLeader.replica.metrics().sessions).toBe(0);
});

it('whoever attaches is not told of an end that stands behind its attachment in the log', async () => {
  const state = { isStalled: false };
  ensemble = await InProcessEnsemble.start({ settings, disk: stalling(state) });
  const { theLeader } = ensemble;
  const session = await newSession(theLeader);
  state.isStalled = true;
  const attach: Operation = {
    ...{ type: 'attach', session, timeoutMs: 300 },
    ...{ identities: [], watches: [] },
  };
  theLeader.submit({ type: 'open', stream: 1, identities: [] });
  theLeader.submit({ type: 'request', stream: 1, id: 1, operation: attach });
  await ensemble.pass(500);
  expect(theLeader.take()).toEqual([]);
  state.isStalled = false;
  for (const { disk } of ensemble.nodes) disk.release();
  await ensemble.pass(100);
  expect(theLeader.take()).toMatchObject([
    { type: 'result', id: 1, result: { resumed: true } },
    { type: 'session', stream: 1, state: 'expired' },
  ]);
});

it('a stream that asks for the end of a session that has just expired is told that it is over', async () => {
  const state = { isStalled: false };
  ensemble = await InProcessEnsemble.start({ settings, disk: stalling(state) });
  const learner = ensemble.node(1);
  const attach: Operation = {
    ...{ type: 'attach', session: 'new', timeoutMs: 300 },
    ...{ identities: [], watches: [] },
  };
  learner.submit({ type: 'open', stream: 1, identities: [] });
  learner.submit({ type: 'request', stream: 1, id: 1, operation: attach });
  await ensemble.pass(100);
  expect(learner.take()).toMatchObject([{ type: 'result', id: 1 }]);
  state.isStalled = true;
  await ensemble.pass(700);
  // Its end is in the leader's log, and nowhere else.
  const path = parsePath('/a');
  const create = { type: 'create', path, data: new Uint8Array(), kind: 'persistent' } as const;
  learner.submit({ type: 'request', stream: 1, id: 2, operation: { type: 'endSession' } });
  learner.submit({
    ...{ type: 'request', stream: 1, id: 3 },
    operation: { ...create, sequential: false },
  });
  state.isStalled = false;
  for (const { disk } of ensemble.nodes) disk.release();
  await ensemble.pass(200);
  expect(learner.take()).toMatchObject([
    { type: 'error', id: 2, error: { code: 'SESSIONEXPIRED' } },
    { type: 'session', stream: 1, state: 'expired' },
  ]);
});
