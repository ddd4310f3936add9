/** What is under way between two nodes is bounded, and whoever breaks the rules loses the link alone. */
import { afterEach, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../../src/protocol/errors.ts';
import type {
  Operation,
  PutOperation,
  SessionResult,
} from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { encodeFrame } from '../../../../src/replica/peer-codec.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';
import type { Limits } from '../../../../src/protocol/limits.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const a = parsePath('/a');
const putOf = (bytes: number): PutOperation => ({
  type: 'put',
  path: a,
  data: new Uint8Array(bytes),
});

async function begin(limits: Partial<Limits>): Promise<EnsembleNode> {
  ensemble = await InProcessEnsemble.start({ limits });
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('three nodes have learners');
  return learner;
}

function stream(node: EnsembleNode, id: number, operations: readonly Operation[]): void {
  node.submit({ type: 'open', stream: id, identities: [] });
  for (const [index, operation] of operations.entries()) {
    node.submit({ type: 'request', stream: id, id: index + 1, operation });
  }
}

const ids = (node: EnsembleNode): unknown[] =>
  node.take().map((answer) => answer.type === 'result' && answer.id);

describe('requests that a learner has forwarded', () => {
  it('are bounded in number: streams wait, single ones are told to', async () => {
    const learner = await begin({ forwardedRequestsMax: 3 });
    stream(learner, 1, Array<Operation>(10).fill(putOf(1)));
    expect(learner.replica.metrics().forwardedRequests).toBe(3);
    expect(await learner.ask(putOf(1))).toMatchObject({ error: { code: 'THROTTLEDOP' } });
    await ensemble.settle();
    expect(ids(learner)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(learner.replica.metrics()).toMatchObject({ forwardedRequests: 0, forwardedBytes: 0 });
  });

  it('are bounded whatever they ask the leader: how long a session lives, or to be attached', async () => {
    const learner = await begin({ forwardedRequestsMax: 2 });
    const answer = await learner.request({ type: 'newSession' });
    if (answer.type === 'error') throw new Error(answer.error.detail);
    const { id: session, secret } = answer.result as SessionResult;
    const info: Operation = { type: 'sessionInfo', session };
    stream(learner, 1, [putOf(1), putOf(1), info]);
    expect(learner.replica.metrics().forwardedRequests).toBe(2);
    expect(await learner.ask(info)).toMatchObject({ error: { code: 'THROTTLEDOP' } });
    await ensemble.settle();
    expect(ids(learner)).toEqual([1, 2, 3]);
    // They have waited for a state, and all find it at once.
    const resumeFrom = learner.status.appliedZxid + 1;
    const attach: Operation = {
      ...{ type: 'attach', session: { id: session, secret }, resumeFrom },
      ...{ identities: [], watches: [] },
    };
    for (let id = 2; id <= 5; id += 1) stream(learner, id, [attach]);
    await ensemble.theLeader.put('/a', 'y');
    await ensemble.settle();
    const refused = learner.take().filter(({ type }) => type === 'error');
    expect(refused).toMatchObject(
      [4, 5].map((of) => ({ stream: of, error: { code: 'THROTTLEDOP' }, ends: true })),
    );
  });

  it('are bounded in bytes, and one always may be under way', async () => {
    const learner = await begin({ forwardedBytesMax: 2000 });
    stream(learner, 1, Array<Operation>(5).fill(putOf(5000)));
    expect(learner.replica.metrics().forwardedRequests).toBe(1);
    await ensemble.settle();
    expect(ids(learner)).toEqual([1, 2, 3, 4, 5]);
  });

  it('give their place back when their client has gone or their leader is lost', async () => {
    const learner = await begin({ forwardedRequestsMax: 3 });
    stream(learner, 1, Array<Operation>(3).fill(putOf(1)));
    learner.submit({ type: 'close', stream: 1 });
    await ensemble.settle();
    expect(learner.replica.metrics().forwardedRequests).toBe(0);
    stream(learner, 2, Array<Operation>(3).fill(putOf(1)));
    await ensemble.pass(0);
    ensemble.isolate(learner.id);
    await ensemble.until(() => !learner.isServing);
    expect(learner.replica.metrics()).toMatchObject({ forwardedRequests: 0, forwardedBytes: 0 });
  });
});

describe('a stream that asks too much', () => {
  it('is told that what it has asked in the same turn may be done, since it is', async () => {
    const learner = await begin({ streamRequestsMax: 2 });
    stream(learner, 1, Array<Operation>(3).fill(putOf(1)));
    const outcomes = learner
      .take()
      .map((answer) => answer.type === 'error' && outcomeOf(answer.error));
    expect(outcomes).toEqual(['unknown', 'unknown']);
    await ensemble.settle();
    expect(await learner.ask({ type: 'get', path: a })).toMatchObject({
      result: { stat: { version: 1 } },
    });
  });
});

describe('what the leader could not confirm in time', () => {
  it('gives its place back too: its client was told long before', async () => {
    const state = { stalled: false };
    ensemble = await InProcessEnsemble.start({
      disk: (id) => ({
        fault: ({ path }) => {
          return state.stalled && id !== 3 && path.startsWith('log/')
            ? { type: 'stall' }
            : undefined;
        },
      }),
    });
    const { theLeader } = ensemble;
    expect(theLeader.id).toBe(3);
    const [learner] = ensemble.learners;
    if (learner === undefined) throw new Error('three nodes have learners');
    await learner.put('/a', 'x');
    state.stalled = true;
    const first = theLeader.ask(putOf(1));
    await ensemble.settle();
    // It is refused by what stands in the log and is not committed.
    const create: Operation = {
      ...{ type: 'create', path: a, data: new Uint8Array(), kind: 'persistent' },
      sequential: false,
    };
    const late = learner.ask(create);
    expect(await ensemble.during(late)).toMatchObject({ error: { code: 'OPERATIONTIMEOUT' } });
    await ensemble.pass(500);
    state.stalled = false;
    for (const { disk } of ensemble.nodes) disk.release();
    await ensemble.during(first);
    expect(ensemble.theLeader.id).toBe(theLeader.id);
    expect(learner.replica.metrics()).toMatchObject({ forwardedRequests: 0, forwardedBytes: 0 });
  });
});

describe('a leader whose log is full', () => {
  it('lets the links wait, in order, and takes everything in the end', async () => {
    const learner = await begin({ outstandingTransactionsMax: 4 });
    stream(learner, 1, Array<Operation>(30).fill(putOf(1)));
    await ensemble.settle();
    expect(ids(learner)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  it('still hears of sessions meanwhile', async () => {
    const learner = await begin({ outstandingTransactionsMax: 2 });
    const { theLeader } = ensemble;
    const attach: Operation = {
      ...{ type: 'attach', session: 'new', timeoutMs: 4000 },
      ...{ identities: [], watches: [] },
    };
    stream(learner, 9, [attach]);
    await ensemble.settle();
    // Nobody acknowledges what the leader proposes, but all are there; so its log stays full.
    for (const { id } of ensemble.learners) ensemble.mesh.delay(id, theLeader.id, 600);
    stream(learner, 1, Array<Operation>(8).fill(putOf(1)));
    for (let n = 0; n < 12; n += 1) {
      learner.submit({ type: 'touch', stream: 9 });
      await ensemble.pass(500);
    }
    expect(theLeader.replica.metrics().sessions).toBe(1);
  });
});

describe('a learner that forwards more than it may have under way', () => {
  it('loses the link, with all that waited on it, and nothing else', async () => {
    const learner = await begin({ forwardedBytesMax: 2000 });
    const { theLeader } = ensemble;
    // From a state that the leader has not reached, so that they wait there.
    const frame = (id: number): Uint8Array =>
      encodeFrame({
        ...{ epoch: theLeader.status.epoch, applied: 1_000_000 },
        messages: [{ type: 'write', id, session: 0, identities: [], operation: putOf(1000) }],
      });
    for (let id = 1; id <= 3; id += 1) theLeader.replica.payload(learner.id, frame(id));
    await ensemble.settle();
    expect(learner.isServing).toBe(true);
    for (let id = 4; id <= 9; id += 1) theLeader.replica.payload(learner.id, frame(id));
    await ensemble.settle();
    expect(learner.log.join('\n')).toContain('serves no clients');
    await ensemble.pass(2000);
    await ensemble.untilServing();
    expect(await learner.get('/a')).toBeUndefined();
    expect(await learner.request(putOf(1))).toMatchObject({ type: 'result' });
  });
});

describe('a malformed frame of a replica', () => {
  it('ends the link, which is made again, and nothing else', async () => {
    const learner = await begin({});
    const { theLeader } = ensemble;
    await learner.put('/a', 'x');
    theLeader.replica.payload(learner.id, Uint8Array.of(1, 2, 3));
    await ensemble.settle();
    expect(theLeader.log.join('\n')).toContain('what it may not');
    await ensemble.pass(3000);
    await ensemble.untilServing();
    expect(ensemble.theLeader.id).toBe(theLeader.id);
    expect(await learner.put('/a', 'y')).toMatchObject({ type: 'result' });
  });
});
