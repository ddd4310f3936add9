/** Sessions belong to the ensemble: any node serves them, the leader alone ends them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorAnswer } from '../../../../src/protocol/coordination.ts';
import type {
  AttachOperation,
  AttachResult,
  Operation,
  SessionInfoResult,
  SessionResult,
} from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

interface Credential {
  readonly id: number;
  readonly secret: string;
}

const timeoutMs = 4000;
const eph = parsePath('/eph');

let ensemble: InProcessEnsemble;
let leader: EnsembleNode;
let learner: EnsembleNode;
let other: EnsembleNode;

function nameNodes(): void {
  leader = ensemble.theLeader;
  const [first, second] = ensemble.learners;
  if (first === undefined) throw new Error('an ensemble has learners');
  learner = first;
  other = second ?? first;
}

beforeEach(async () => {
  ensemble = await InProcessEnsemble.start();
  nameNodes();
});

afterEach(() => ensemble.stop());

function attachOf(session: AttachOperation['session'], asked = timeoutMs): AttachOperation {
  return { type: 'attach', session, timeoutMs: asked, identities: [], watches: [] };
}

function create(path = eph): Operation {
  const data = new Uint8Array();
  return { type: 'create', path, data, kind: 'ephemeral', sequential: false };
}

let nextId = 1;

/** A request on a stream, answered; whatever else the node has said meanwhile is kept in its answers. */
async function on(
  node: EnsembleNode,
  stream: number,
  operation: Operation,
): Promise<CoordinatorAnswer | undefined> {
  const id = nextId++;
  const find = (): CoordinatorAnswer | undefined =>
    node.answers.find(
      (answer) => (answer.type === 'result' || answer.type === 'error') && answer.id === id,
    );
  node.submit({ type: 'request', stream, id, operation });
  await ensemble.until(() => find() !== undefined);
  return find();
}

/** Opens a stream with a session, new or resumed. */
async function connect(
  node: EnsembleNode,
  stream: number,
  session: AttachOperation['session'] = 'new',
): Promise<Credential> {
  node.submit({ type: 'open', stream, identities: [] });
  const answer = await on(node, stream, attachOf(session));
  if (answer?.type !== 'result') throw new Error(`not attached: ${JSON.stringify(answer)}`);
  const { session: bound } = answer.result as AttachResult;
  if (bound === undefined) throw new Error('attached to nothing');
  if (session === 'new') return { id: bound.id, secret: bound.secret ?? '' };
  return session as Credential;
}

const exists: Operation = { type: 'exists', path: eph };

async function lives(path = eph): Promise<boolean> {
  return (await ensemble.theLeader.get(path)) !== undefined;
}

function told(node: EnsembleNode, stream: number, state: 'moved' | 'expired'): boolean {
  return node.answers.some(
    (answer) => answer.type === 'session' && answer.stream === stream && answer.state === state,
  );
}

describe('a session of a stream on a learner', () => {
  it('is made, speaks for its ephemerals, and ends them with itself', async () => {
    const session = await connect(learner, 1);
    expect(await on(learner, 1, create())).toMatchObject({
      type: 'result',
      result: { stat: { ephemeralOwner: session.id } },
    });
    expect(await on(learner, 1, { type: 'endSession' })).toMatchObject({ type: 'result' });
    expect(await lives()).toBe(false);
    expect(told(learner, 1, 'expired')).toBe(false);
    other.submit({ type: 'open', stream: 2, identities: [] });
    expect(await on(other, 2, attachOf(session))).toMatchObject({
      error: { code: 'SESSIONEXPIRED' },
    });
  });

  it('is resumed on any node; a wrong secret and an id that never was are not', async () => {
    const session = await connect(learner, 1);
    await on(learner, 1, create());
    for (const [index, node] of [other, leader, learner].entries()) {
      await connect(node, 10 + index, session);
      expect(await on(node, 10 + index, exists)).toMatchObject({ type: 'result' });
    }
    for (const [index, bad] of [
      { id: session.id, secret: 'wrong' },
      { id: 999, secret: session.secret },
    ].entries()) {
      other.submit({ type: 'open', stream: 20 + index, identities: [] });
      expect(await on(other, 20 + index, attachOf(bad))).toMatchObject({
        error: { code: 'AUTHFAILED' },
      });
    }
  });

  it('is known on a node that has not heard of it yet: the node waits', async () => {
    ensemble.mesh.hold(leader.id, other.id);
    const session = await connect(learner, 1);
    expect(other.status.appliedZxid).toBeLessThan(session.id);
    other.submit({ type: 'open', stream: 2, identities: [] });
    other.submit({ type: 'request', stream: 2, id: 1, operation: attachOf(session) });
    const whoami = other.ask({ type: 'whoami' }, { caller: { identities: [], session } });
    await ensemble.settle();
    expect(other.take()).toEqual([]);
    ensemble.mesh.release(leader.id, other.id);
    expect(await ensemble.during(whoami)).toMatchObject({ result: { session: session.id } });
    expect(other.take()).toMatchObject([{ id: 1, type: 'result', result: { resumed: true } }]);
  });
});

describe('a newer stream of the same session on another node', () => {
  it('ends the older, and nothing of that takes effect after it was told connected', async () => {
    const session = await connect(learner, 1);
    // What the older sends from now on is held on its way.
    ensemble.mesh.delay(learner.id, leader.id, 200);
    learner.submit({ type: 'request', stream: 1, id: 900, operation: create() });
    await ensemble.settle();
    await connect(other, 2, session);
    expect(await on(other, 2, exists)).toMatchObject({ error: { code: 'NONODE' } });
    await ensemble.pass(500);
    expect(await lives()).toBe(false);
    expect(told(learner, 1, 'moved')).toBe(true);
    expect(learner.replica.metrics().streams).toBe(0);
    expect(await on(other, 2, create())).toMatchObject({ type: 'result' });
  });

  it('waits for what the older has in the log', async () => {
    const session = await connect(learner, 1);
    learner.submit({ type: 'request', stream: 1, id: 900, operation: create() });
    learner.turn();
    ensemble.mesh.deliver(learner.id, leader.id);
    await connect(other, 2, session);
    expect(await on(other, 2, exists)).toMatchObject({ type: 'result' });
  });

  it.each([
    ['from the leader to a learner', () => [leader, learner]],
    ['from a learner to the leader', () => [learner, leader]],
    ['from a learner to another', () => [learner, other]],
    ['on one learner', () => [learner, learner]],
  ] as const)('takes over %s', async (_where, nodes) => {
    const [from, to] = nodes();
    if (from === undefined || to === undefined) throw new Error('two nodes');
    const session = await connect(from, 1);
    await connect(to, 2, session);
    await ensemble.settle();
    expect(told(from, 1, 'moved')).toBe(true);
    expect(told(to, 2, 'moved')).toBe(false);
    expect(await on(to, 2, create())).toMatchObject({ type: 'result' });
  });

  it('wins over one that has asked just before, and keeps the session', async () => {
    const session = await connect(learner, 1);
    for (const [node, stream] of [
      [learner, 3],
      [other, 2],
    ] as const) {
      node.submit({ type: 'open', stream, identities: [] });
      node.submit({ type: 'request', stream, id: 900 + stream, operation: attachOf(session) });
      node.turn();
      ensemble.mesh.deliver(node.id, leader.id);
    }
    await ensemble.settle();
    expect(told(learner, 3, 'moved')).toBe(true);
    const [older] = learner.answers.filter((answer) => 'id' in answer && answer.id === 903);
    const [newer] = other.answers;
    if (older?.type !== 'result' || newer?.type !== 'result') throw new Error('both are answered');
    expect(newer.zxid).toBe(older.zxid + 1);
    expect(other.answers).toMatchObject([{ id: 902, type: 'result' }]);
    expect(told(other, 2, 'moved')).toBe(false);
    expect(await on(other, 2, create())).toMatchObject({ type: 'result' });
  });
});

describe('after a change of the leader', () => {
  it('attachments are known again before anything of theirs is taken', async () => {
    const session = await connect(learner, 1);
    await on(learner, 1, create());
    ensemble.crash(leader.id);
    await ensemble.untilServing();
    await ensemble.settle();
    expect(await on(learner, 1, { type: 'set', path: eph, data: new Uint8Array(1) })).toMatchObject(
      {
        type: 'result',
      },
    );
    const caller = { identities: [], session };
    const info: Operation = { type: 'sessionInfo', session: session.id };
    expect(await other.request(info, { caller })).toMatchObject({ result: { connected: true } });
  });

  it('a stream that has been displaced by one the old leader gave is found out', async () => {
    const session = await connect(learner, 1);
    // The learner does not hear that it has lost the session.
    ensemble.mesh.hold(leader.id, learner.id);
    await connect(other, 2, session);
    ensemble.crash(leader.id);
    await ensemble.untilServing();
    await ensemble.settle();
    expect(told(learner, 1, 'moved')).toBe(true);
    expect(told(other, 2, 'moved')).toBe(false);
    expect(await on(other, 2, create())).toMatchObject({ type: 'result' });
  });

  it('every session has its full timeout again, and then ends', async () => {
    const session = await connect(leader, 1);
    await on(leader, 1, create());
    await ensemble.pass(3500);
    const old = leader.id;
    ensemble.crash(old);
    await ensemble.untilServing();
    await ensemble.pass(timeoutMs - 100);
    expect(await lives(), 'its timeout has begun afresh').toBe(true);
    await ensemble.pass(2 * 2000 + 200);
    expect(await lives(), 'and is over a tick later').toBe(false);
    nameNodes();
    learner.submit({ type: 'open', stream: 9, identities: [] });
    expect(await on(learner, 9, attachOf(session))).toMatchObject({
      error: { code: 'SESSIONEXPIRED' },
    });
  });
});

describe('the life of a session', () => {
  it('ends when nobody hears of it, and its stream on a learner is told', async () => {
    await connect(learner, 1);
    await on(learner, 1, create());
    await ensemble.pass(timeoutMs - 100);
    expect(await lives()).toBe(true);
    await ensemble.pass(2000 + 300);
    expect(await lives()).toBe(false);
    expect(told(learner, 1, 'expired')).toBe(true);
  });

  it('goes on as long as a learner hears of it, for whatever that is', async () => {
    const session = await connect(learner, 1);
    await on(learner, 1, create());
    for (let round = 0; round < 4; round += 1) {
      await ensemble.pass(3000);
      learner.submit({ type: 'touch', stream: 1 });
      await ensemble.pass(3000);
      await on(learner, 1, exists);
    }
    expect(await lives()).toBe(true);
    const caller = { identities: [], session };
    for (let round = 0; round < 4; round += 1) {
      await ensemble.pass(3000);
      await other.request(exists, { caller });
    }
    expect(await lives()).toBe(true);
  });

  it('ends for nobody because the nodes have slept', async () => {
    await connect(learner, 1);
    await on(learner, 1, create());
    // All stand still, as in a machine that was suspended, and nothing that was sent arrives meanwhile.
    ensemble.nowMs += 15_000;
    await ensemble.pass(1000);
    await ensemble.untilServing();
    expect(await lives()).toBe(true);
  });

  it('is promised no longer than the leader has confirmed', async () => {
    const made = await learner.request({ type: 'newSession', timeoutMs });
    const { id, secret } = (made as { result: SessionResult }).result;
    const caller = { identities: [], session: { id, secret } };
    const heartbeat: Operation = { type: 'sessionInfo', session: id, touch: true };
    const answer = await other.request(heartbeat, { caller, consistency: 'linearizable' });
    expect((answer as { result: SessionInfoResult }).result).toMatchObject({
      ...{ id, timeoutMs, expiresInMs: timeoutMs, connected: false },
    });
    await ensemble.pass(1000);
    const read = await other.request(exists, { caller });
    expect(read.expiresInMs, 'still sure from the last time').toBe(timeoutMs - 1000);
    await ensemble.pass(2500);
    const later = await other.request(exists, { caller });
    expect(later.expiresInMs, 'too little left: the leader was asked').toBe(timeoutMs);
    const write = await learner.request(
      { type: 'put', path: eph, data: new Uint8Array() },
      { caller },
    );
    expect(write).toMatchObject({ type: 'result' });
    expect(write.expiresInMs ?? 0).toBeLessThanOrEqual(timeoutMs);
    ensemble.isolate(other.id);
    await ensemble.pass(2000);
    expect(await other.request(heartbeat, { caller })).toMatchObject({
      error: { code: 'CONNECTIONLOSS' },
    });
  });

  it('counts as its stream has negotiated it, on every node and with every leader', async () => {
    const session = await connect(learner, 1);
    await on(learner, 1, create());
    other.submit({ type: 'open', stream: 2, identities: [] });
    await on(other, 2, attachOf(session, 20_000));
    await ensemble.pass(15_000);
    expect(await lives(), 'longer than at its creation').toBe(true);
    await on(other, 2, exists);
    ensemble.crash(leader.id);
    await ensemble.untilServing();
    await ensemble.pass(15_000);
    expect(await lives(), 'the next leader has been told').toBe(true);
    await ensemble.pass(10_000);
    expect(await lives()).toBe(false);
  });

  it('ends for very many at once in portions, while others are served', async () => {
    for (let n = 0; n < 300; n += 1) {
      void learner.ask({ type: 'newSession', timeoutMs });
      if (n % 50 === 0) await ensemble.settle();
    }
    await ensemble.settle();
    expect(leader.replica.metrics().sessions).toBe(300);
    await ensemble.pass(timeoutMs + 4500);
    expect(leader.replica.metrics().sessions).toBe(0);
    await ensemble.untilEqual();
    expect(learner.replica.metrics().sessions).toBe(0);
  });
});
