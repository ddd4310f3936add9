/** A request to any node is as good as one to the leader. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../../src/protocol/errors.ts';
import type { Operation, WriteResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;
let learner: EnsembleNode;
let other: EnsembleNode;

beforeEach(async () => {
  ensemble = await InProcessEnsemble.start();
  const [first, second] = ensemble.learners;
  if (first === undefined || second === undefined) throw new Error('three nodes have two learners');
  learner = first;
  other = second;
});

afterEach(() => ensemble.stop());

const a = parsePath('/a');

function put(text: string, path = a): Operation {
  return { type: 'put', path, data: new TextEncoder().encode(text) };
}

describe('a write to a learner', () => {
  it('is answered as the leader judged it, from a state that has it', async () => {
    const created = await learner.request(put('one'));
    expect(created).toMatchObject({ type: 'result', result: { path: '/a', created: true } });
    const { stat } = (created as { result: WriteResult }).result;
    expect(stat.czxid).toBe(created.zxid);
    expect(learner.status.appliedZxid).toBeGreaterThanOrEqual(created.zxid);
    expect(await learner.get('/a')).toBe('one');
  });

  it('is refused with the leader’s reason and the zxid that it speaks of', async () => {
    const { zxid } = await learner.put('/a', 'one');
    const operation: Operation = {
      ...{ type: 'create', path: a, data: new Uint8Array(), kind: 'persistent' },
      sequential: false,
    };
    const refused = await learner.request(operation);
    expect(refused).toMatchObject({ type: 'error', error: { code: 'NODEEXISTS', path: '/a' } });
    expect(refused.zxid).toBe(zxid);
    expect(learner.status.appliedZxid).toBeGreaterThanOrEqual(zxid);
  });

  it('lets a request of the leader go on that waits for its zxid', async () => {
    const { theLeader } = ensemble;
    const minZxid = theLeader.status.appliedZxid + 1;
    const read = theLeader.ask({ type: 'exists', path: a }, { minZxid });
    expect(await learner.put('/a', 'one')).toMatchObject({ type: 'result', zxid: minZxid });
    await expect(read).resolves.toMatchObject({ type: 'result', zxid: minZxid });
  });

  it('waits for as many disks as it asks for, and says when there are not so many', async () => {
    expect(await learner.request(put('one'), { acks: 'all' })).toMatchObject({ type: 'result' });
    expect(await learner.request(put('two'), { acks: 4 })).toMatchObject({
      error: { code: 'BADARGUMENTS' },
    });
    ensemble.isolate(other.id);
    const late = await learner.request(put('three'), { acks: 3 });
    expect(late).toMatchObject({ type: 'error', error: { code: 'ACKSTIMEOUT' } });
    expect(late.type === 'error' && outcomeOf(late.error)).toBe('applied');
    expect(await learner.get('/a')).toBe('three');
  });

  it('holds back what is behind it on its stream while it waits for more disks', async () => {
    const { theLeader } = ensemble;
    ensemble.mesh.hold(theLeader.id, other.id);
    theLeader.submit({ type: 'open', stream: 9, identities: [] });
    const operations = [put('one'), { type: 'get', path: a }, put('two')] as const;
    for (const [index, operation] of operations.entries()) {
      const acks = index === 0 ? ({ acks: 'all' } as const) : {};
      theLeader.submit({ type: 'request', stream: 9, id: index + 1, operation, ...acks });
    }
    const meanwhile = await learner.put('/b', 'meanwhile');
    ensemble.mesh.release(theLeader.id, other.id);
    await learner.put('/b', 'later');
    const answers = theLeader.take().filter(({ stream }) => stream === 9);
    const zxids = answers.map((answer) => ('zxid' in answer ? answer.zxid : 0));
    expect(zxids).toHaveLength(3);
    expect(zxids[1], 'the read has seen what came meanwhile').toBeGreaterThanOrEqual(
      meanwhile.zxid,
    );
    expect(zxids[2], 'and the write behind it comes later').toBeGreaterThan(zxids[1] ?? 0);
  });

  it('carries who asks', async () => {
    const ann = { scheme: 'digest', id: 'ann:nGLc7VUmLqIWoUD0FS85yzCvoEE=' };
    const acl = [{ ...ann, perms: 31 }];
    const path = parsePath('/of-ann');
    const create: Operation = {
      ...{ type: 'create', path, data: new Uint8Array(), kind: 'persistent', acl },
      sequential: false,
    };
    const asAnn = { caller: { identities: [ann] } };
    expect(await learner.request(create, asAnn)).toMatchObject({ type: 'result' });
    expect(await other.request(put('x', path))).toMatchObject({ error: { code: 'NOAUTH' } });
    expect(await other.request(put('x', path), asAnn)).toMatchObject({ type: 'result' });
  });
});

describe('a linearizable read of a learner', () => {
  it('shows what anybody was told before, although the learner is late', async () => {
    ensemble.mesh.hold(ensemble.theLeader.id, learner.id);
    await other.put('/a', 'new');
    const read = learner.ask({ type: 'get', path: a }, { consistency: 'linearizable' });
    const sync = learner.ask({ type: 'sync' });
    expect(await learner.get('/a'), 'a local one does not').toBeUndefined();
    ensemble.mesh.release(ensemble.theLeader.id, learner.id);
    expect(await ensemble.during(read)).toMatchObject({ type: 'result', result: { path: '/a' } });
    expect(await ensemble.during(sync)).toMatchObject({ type: 'result' });
  });
});

describe('an idempotency key', () => {
  const once = { idempotency: { key: 'k', fingerprint: 'f' } };
  const sequential: Operation = {
    ...{ type: 'create', path: '/q-', data: new Uint8Array(), kind: 'persistent' },
    sequential: true,
  };

  it('is good for one write, whichever nodes are asked and at once', async () => {
    const answers = await ensemble.during(
      Promise.all([
        learner.ask(sequential, once),
        other.ask(sequential, once),
        ensemble.theLeader.ask(sequential, once),
      ]),
    );
    const [first] = answers;
    expect(first).toMatchObject({ type: 'result', result: { path: '/q-0000000000' } });
    for (const answer of answers) expect(answer).toMatchObject({ zxid: first.zxid, result: {} });
    await ensemble.untilEqual();
    expect(await learner.get('/q-0000000001')).toBeUndefined();
    expect(await other.request(sequential, once)).toMatchObject({ zxid: first.zxid });
  });

  it('is remembered by the next leader', async () => {
    const first = await learner.request(sequential, once);
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.untilServing();
    expect(await other.request(sequential, once)).toMatchObject({ zxid: first.zxid });
    expect(await learner.request(sequential, once)).toMatchObject({ zxid: first.zxid });
  });

  it.each(['applied', 'in the log'])(
    'of a write that is %s is never said not to be',
    async (how) => {
      const { theLeader } = ensemble;
      if (how === 'applied') await theLeader.request(put('one'), once);
      ensemble.isolate(theLeader.id);
      if (how === 'in the log') void theLeader.ask(put('one'), once);
      const again = await ensemble.during(theLeader.ask(put('one'), once));
      expect(again.type === 'error' && outcomeOf(again.error)).toBe('unknown');
    },
  );

  it('of another request is refused on every node', async () => {
    await learner.request(put('one'), once);
    const wrong = { idempotency: { key: 'k', fingerprint: 'g' } };
    for (const node of ensemble.nodes) {
      expect(await node.request(put('two'), wrong)).toMatchObject({
        error: { code: 'IDEMPOTENCYCONFLICT' },
      });
    }
  });
});

describe('a state that a learner has not reached', () => {
  it('is waited for; in the end both zxids are named', async () => {
    ensemble.mesh.hold(ensemble.theLeader.id, learner.id);
    const { zxid } = await other.put('/a', 'new');
    const at = learner.status.appliedZxid;
    const early = learner.ask({ type: 'get', path: a }, { minZxid: zxid, minZxidWaitMs: 100 });
    expect(await ensemble.during(early)).toMatchObject({
      error: { code: 'BEHIND', detail: expect.stringMatching(`${at} .*${zxid}`) as string },
    });
    const patient = learner.ask({ type: 'get', path: a }, { minZxid: zxid });
    ensemble.mesh.release(ensemble.theLeader.id, learner.id);
    expect(await ensemble.during(patient)).toMatchObject({ type: 'result' });
  });
});
