/** Whoever speaks for a session is judged again when it is answered: on every node, whatever it asks. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ReadOperation, SessionResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';
import type { MemoryDiskOptions } from '../../../support/memory-disk.ts';

interface Credential {
  readonly id: number;
  readonly secret: string;
}

const superIdentity = { scheme: 'digest', id: 'super:x' } as const;
const settings = { tickMs: 50, sessionTimeoutMinMs: 100, superIdentity };
const expired = { type: 'error', error: { code: 'SESSIONEXPIRED' } };

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

function aLearner(): EnsembleNode {
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('all lead');
  return learner;
}

async function newSession(node: EnsembleNode, timeoutMs = 60_000): Promise<Credential> {
  const answer = await node.request({ type: 'newSession', timeoutMs });
  if (answer.type === 'error') throw new Error(answer.error.detail);
  const { id, secret } = answer.result as SessionResult;
  return { id, secret };
}

const a = parsePath('/a');
const none = parsePath('/none');

function readsOf(session: number): readonly ReadOperation[] {
  return [
    ...[a, none].flatMap((path): ReadOperation[] => [
      { type: 'get', path },
      { type: 'exists', path },
      { type: 'children', path },
      { type: 'tree', path },
      { type: 'acl', path },
    ]),
    { type: 'multiRead', operations: [{ type: 'get', path: a }] },
    { type: 'ephemerals' },
    { type: 'ephemerals', session },
    { type: 'sessionInfo', session },
    { type: 'sessionInfo', session, touch: true },
    { type: 'whoami' },
    { type: 'sync' },
  ];
}

describe('a session that another node has ended', () => {
  it('is over for every linearizable read on a node that has not heard of it', async () => {
    ensemble = await InProcessEnsemble.start({ settings });
    const learner = aLearner();
    await ensemble.theLeader.put('/a', 'x');
    const session = await newSession(learner);
    const caller = { identities: [], session };
    await ensemble.untilEqual();
    ensemble.pause(learner.id);
    const close = { type: 'closeSession', session: session.id } as const;
    const ended = await ensemble.theLeader.request(close, { caller });
    expect(ended).toMatchObject({ type: 'result' });
    const answers = readsOf(session.id).map((operation) =>
      learner.ask(operation, { caller, consistency: 'linearizable' }),
    );
    ensemble.resume(learner.id);
    for (const answer of await ensemble.during(Promise.all(answers))) {
      expect(answer).toMatchObject(expired);
      expect(answer.zxid).toBeGreaterThanOrEqual(ended.zxid);
    }
  });

  it('is over for those with super rights too, whatever of it they ask for', async () => {
    ensemble = await InProcessEnsemble.start({ settings });
    const { id: session, ...rest } = await newSession(ensemble.theLeader);
    const own = { identities: [], session: { id: session, ...rest } };
    await ensemble.theLeader.request({ type: 'closeSession', session }, { caller: own });
    const caller = { identities: [superIdentity] };
    for (const node of ensemble.nodes) {
      for (const operation of [
        { type: 'sessionInfo', session },
        { type: 'sessionInfo', session, touch: true },
        { type: 'ephemerals', session },
      ] as const) {
        const answer = await node.request(operation, { caller, consistency: 'linearizable' });
        expect(answer, operation.type).toMatchObject(expired);
      }
      const again = await node.request({ type: 'closeSession', session }, { caller });
      expect(again).toMatchObject(expired);
    }
  });
});

/** The disks of all but the leader, which stand still while `isStalled`. */
function stalling(state: { readonly isStalled: boolean }): (id: number) => MemoryDiskOptions {
  return (id) => ({
    fault: ({ path }) =>
      state.isStalled && id !== 3 && path.startsWith('log/') ? { type: 'stall' } : undefined,
  });
}

describe('a session whose end is in the log and not committed', () => {
  it('is not saved by any sign of life: who brings one waits, and is told that it is over', async () => {
    const state = { isStalled: false };
    ensemble = await InProcessEnsemble.start({ settings, disk: stalling(state) });
    expect(ensemble.theLeader.id).toBe(3);
    const session = await newSession(ensemble.theLeader, 2000);
    await ensemble.untilEqual();
    state.isStalled = true;
    await ensemble.pass(2500);
    const operation = { type: 'sessionInfo', session: session.id, touch: true } as const;
    const callers = [{ identities: [], session }, { identities: [superIdentity] }];
    const answers = ensemble.nodes.flatMap((node) => [
      ...callers.map((caller) => node.ask(operation, { caller, consistency: 'linearizable' })),
      node.ask({ type: 'whoami' }, { caller: { identities: [], session } }),
    ]);
    const answered: unknown[] = [];
    for (const answer of answers) void answer.then((told) => answered.push(told));
    await ensemble.pass(500);
    expect(answered).toEqual([]);
    state.isStalled = false;
    for (const { disk } of ensemble.nodes) disk.release();
    for (const answer of await ensemble.during(Promise.all(answers))) {
      expect(answer).toMatchObject(expired);
    }
  });
});

it('a stream that carries a session hears of its end, also of one that came before it', async () => {
  ensemble = await InProcessEnsemble.start({ settings });
  const { theLeader } = ensemble;
  const { id: session, secret } = await newSession(theLeader);
  const caller = { identities: [], session: { id: session, secret } };
  await ensemble.untilEqual();
  const [early, late] = [1, 2];
  for (const node of ensemble.nodes) {
    node.submit({ type: 'open', stream: early, identities: [], session });
    expect(node.take()).toEqual([]);
  }
  await theLeader.request({ type: 'closeSession', session }, { caller });
  await ensemble.untilEqual();
  for (const node of ensemble.nodes) {
    expect(node.take()).toEqual([{ type: 'session', stream: early, state: 'expired' }]);
    node.submit({ type: 'open', stream: late, identities: [], session });
    const operation = { type: 'watch', path: a, mode: 'persistent' } as const;
    node.submit({ type: 'request', stream: late, id: 1, operation });
    await ensemble.settle();
    const told = node.take();
    expect(told.at(-1)).toEqual({ type: 'session', stream: late, state: 'expired' });
    expect(told.slice(0, -1), 'not before the opener can have it').toMatchObject([{ id: 1 }]);
  }
});

it('a learner says how long the session that is asked about lives, in every answer', async () => {
  ensemble = await InProcessEnsemble.start({ settings });
  const session = await newSession(ensemble.theLeader);
  const caller = { identities: [], session };
  const operation = { type: 'sessionInfo', session: session.id } as const;
  for (const node of ensemble.nodes) {
    const answer = await node.request(operation, { caller, consistency: 'linearizable' });
    expect(answer).toMatchObject({ type: 'result', expiresInMs: expect.any(Number) as number });
    expect(answer.expiresInMs).toBeGreaterThan(59_000);
  }
});
