/**
 * A session that a newer stream has taken over: nothing of the older one takes effect after the newer was
 * told that it is connected, whoever leads by then and whatever the older one's node has heard.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, ResultAnswer } from '../../../../src/protocol/coordination.ts';
import type { AttachOperation, AttachResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

interface Credential {
  readonly id: number;
  readonly secret: string;
}

const path = parsePath('/mine');
const data = new Uint8Array();
const create = { type: 'create', path, data, kind: 'ephemeral', sequential: false } as const;

/** The streams of the session; their requests have the same numbers. */
const older = 1;
const newer = 2;

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

function attachOf(session: AttachOperation['session']): AttachOperation {
  return { type: 'attach', session, timeoutMs: 20_000, identities: [], watches: [] };
}

function ask(node: EnsembleNode, stream: number, session: AttachOperation['session']): void {
  node.submit({ type: 'open', stream, identities: [] });
  node.submit({ type: 'request', stream, id: stream, operation: attachOf(session) });
}

function answerOf(node: EnsembleNode, id: number): CoordinatorAnswer | undefined {
  return node.answers.find(
    (answer) => (answer.type === 'result' || answer.type === 'error') && answer.id === id,
  );
}

async function connect(
  node: EnsembleNode,
  stream: number,
  session: AttachOperation['session'],
): Promise<ResultAnswer> {
  ask(node, stream, session);
  await ensemble.until(() => answerOf(node, stream) !== undefined);
  const answer = answerOf(node, stream);
  if (answer?.type !== 'result') throw new Error(`not attached: ${JSON.stringify(answer)}`);
  return answer;
}

async function newSession(node: EnsembleNode): Promise<Credential> {
  const { session } = (await connect(node, older, 'new')).result as AttachResult;
  if (session?.secret === undefined) throw new Error('no new session');
  return { id: session.id, secret: session.secret };
}

function isMoved(node: EnsembleNode, stream: number): boolean {
  return node.answers.some(
    (answer) => answer.type === 'session' && answer.stream === stream && answer.state === 'moved',
  );
}

/** The newer stream speaks for the session, and finds nothing of what the older one has asked for. */
async function expectNewerAlone(node: EnsembleNode, session: Credential): Promise<void> {
  expect(isMoved(node, newer)).toBe(false);
  node.submit({ type: 'request', stream: newer, id: 900, operation: create });
  await ensemble.until(() => answerOf(node, 900) !== undefined);
  expect(answerOf(node, 900)).toMatchObject({
    result: { created: true, stat: { ephemeralOwner: session.id } },
  });
}

describe('a leader that is lost after it has given a session to a newer stream', () => {
  it('leaves nothing to the older, though its node is the first to speak to the next one', async () => {
    ensemble = await InProcessEnsemble.start({ voters: [1, 2, 3, 4, 5] });
    const [first, second] = [ensemble.node(1), ensemble.node(2)];
    const { id: lost } = ensemble.theLeader;
    const session = await newSession(first);
    // The older stream's node does not hear of the newer one.
    ensemble.mesh.hold(lost, 1);
    const connected = await connect(second, newer, session);
    expect(first.status.appliedZxid).toBeLessThan(connected.zxid);
    for (const id of [3, 4, 5]) ensemble.mesh.hold(2, id);
    ensemble.crash(lost);
    await ensemble.until(() => !first.isServing);
    first.submit({ type: 'request', stream: older, id: 800, operation: create });
    expect(answerOf(first, 800), 'it waits for the next leader').toBeUndefined();
    await ensemble.until(() => first.isServing && ensemble.leader !== undefined);
    expect(ensemble.theLeader.id).toBeGreaterThan(2);
    await ensemble.settle();
    expect(await ensemble.theLeader.get(path)).toBeUndefined();
    expect(isMoved(first, older)).toBe(true);
    expect(answerOf(first, 800)).toBeUndefined();
    for (const id of [3, 4, 5]) ensemble.mesh.release(2, id);
    await ensemble.untilServing();
    await expectNewerAlone(second, session);
  });

  it('is followed by one that takes no registration of the older, and no request', async () => {
    ensemble = await InProcessEnsemble.start({ voters: [1, 2, 3, 4, 5] });
    const first = ensemble.node(1);
    const session = await newSession(first);
    for (const id of [2, 3, 4, 5]) ensemble.mesh.delay(1, id, 300);
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.until(() => !first.isServing);
    await ensemble.until(() => first.isServing);
    const leader = ensemble.theLeader;
    // It has registered the older stream, which has not arrived yet, and hears nothing for a while.
    ensemble.mesh.hold(leader.id, 1);
    await connect(leader, newer, session);
    first.submit({ type: 'request', stream: older, id: 800, operation: create });
    await ensemble.pass(500);
    expect(isMoved(first, older)).toBe(false);
    expect(await leader.get(path)).toBeUndefined();
    expect(isMoved(leader, newer)).toBe(false);
    ensemble.mesh.release(leader.id, 1);
    await ensemble.untilServing();
    await ensemble.settle();
    expect(isMoved(first, older)).toBe(true);
    await expectNewerAlone(leader, session);
  });

  it('leaves a stream that was not told yet without an outcome', async () => {
    ensemble = await InProcessEnsemble.start();
    const [first, second] = [ensemble.node(1), ensemble.node(2)];
    const { id: lost } = ensemble.theLeader;
    const session = await newSession(first);
    for (const id of [1, 2]) ensemble.mesh.hold(id, lost);
    ensemble.mesh.release(2, lost);
    ask(second, newer, session);
    second.turn();
    ensemble.mesh.deliver(2, lost);
    ensemble.mesh.hold(2, lost);
    await ensemble.settle();
    expect(answerOf(second, newer), 'nobody has acknowledged the record').toBeUndefined();
    ensemble.crash(lost);
    await ensemble.untilServing([1, 2]);
    expect(answerOf(second, newer)).toMatchObject({
      ends: true,
      error: { code: 'OPERATIONTIMEOUT', outcome: 'unknown' },
    });
  });
});

describe('a newer stream that ends before it is connected', () => {
  it('is not counted as attached, on whatever node', async () => {
    ensemble = await InProcessEnsemble.start();
    const { id: leader } = ensemble.theLeader;
    const session = await newSession(ensemble.node(1));
    for (const node of ensemble.nodes) {
      ask(node, newer, session);
      node.turn();
      node.submit({ type: 'close', stream: newer });
      await ensemble.settle();
      const info = { type: 'sessionInfo', session: session.id } as const;
      const answer = await ensemble.node(leader).request(info);
      expect(answer, `on node ${String(node.id)}`).toMatchObject({ result: { connected: false } });
    }
    expect(isMoved(ensemble.node(1), older)).toBe(true);
  });
});
