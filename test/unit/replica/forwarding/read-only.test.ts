/** A node without a quorum that is allowed to answers local reads of what is committed, and nothing else. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Operation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const a = parsePath('/a');
const get: Operation = { type: 'get', path: a };
const put: Operation = { type: 'put', path: a, data: new Uint8Array(1) };

async function lonely(readOnlyMode: boolean): Promise<EnsembleNode> {
  ensemble = await InProcessEnsemble.start({ settings: { readOnlyMode } });
  await ensemble.theLeader.put('/a', 'committed');
  await ensemble.untilEqual();
  const [node] = ensemble.learners;
  if (node === undefined) throw new Error('three nodes have learners');
  ensemble.isolate(node.id);
  await ensemble.pass(3000);
  return node;
}

describe('a node in read-only mode', () => {
  it('answers local reads, and says what it is', async () => {
    const node = await lonely(true);
    expect(node.status).toMatchObject({ readOnly: true, leader: null });
    expect(await node.request(get)).toMatchObject({ type: 'result', readOnly: true });
    expect(await node.get('/a')).toBe('committed');
  });

  it('refuses what needs a leader, each with its own reason', async () => {
    const node = await lonely(true);
    const refused = async (operation: Operation, linearizable = false): Promise<string> => {
      const options = linearizable ? ({ consistency: 'linearizable' } as const) : {};
      const answer = await node.request(operation, options);
      return answer.type === 'error' ? answer.error.code : 'OK';
    };
    expect(await refused(put)).toBe('NOTREADONLY');
    expect(await refused({ type: 'newSession' })).toBe('NOTREADONLY');
    expect(await refused({ type: 'sync' })).toBe('NOTREADONLY');
    expect(await refused(get, true)).toBe('CONNECTIONLOSS');
    const session = { id: 1_000_000, secret: 'x' };
    const caller = { identities: [], session };
    expect(await node.request(get, { caller }), 'nobody can say whether it exists').toMatchObject({
      error: { code: 'CONNECTIONLOSS' },
    });
  });

  it('serves a stream without a session, and promises no session any life', async () => {
    const node = await lonely(true);
    node.submit({ type: 'open', stream: 1, identities: [] });
    const none: Operation = { type: 'attach', session: 'none', identities: [], watches: [] };
    node.submit({ type: 'request', stream: 1, id: 1, operation: none });
    node.submit({ type: 'request', stream: 1, id: 2, operation: get });
    node.submit({ type: 'request', stream: 1, id: 3, operation: put });
    expect(node.take()).toMatchObject([
      { type: 'result', id: 1, readOnly: true },
      { type: 'result', id: 2, readOnly: true },
      { type: 'error', id: 3, error: { code: 'NOTREADONLY' }, ends: true },
    ]);
  });

  it('is over as soon as there is a leader', async () => {
    const node = await lonely(true);
    ensemble.heal();
    await ensemble.untilServing();
    expect(node.status.readOnly).toBe(false);
    expect(await node.request(put)).toMatchObject({ type: 'result' });
    expect((await node.request(get)).readOnly).toBeUndefined();
  });

  it('never shows what is not committed: neither a deposed leader nor a restarted one', async () => {
    ensemble = await InProcessEnsemble.start({ settings: { readOnlyMode: true } });
    const old = ensemble.theLeader;
    await old.put('/a', 'committed');
    ensemble.isolate(old.id);
    void old.ask({ type: 'put', path: a, data: new TextEncoder().encode('surplus') });
    await ensemble.pass(3000);
    expect(old.status.readOnly).toBe(true);
    expect(await old.get('/a')).toBe('committed');
    const again = await ensemble.restart(old.id);
    ensemble.isolate(again.id);
    await ensemble.pass(1000);
    expect(await again.get('/a')).not.toBe('surplus');
  });

  it('must be allowed: else local reads are refused too', async () => {
    const node = await lonely(false);
    expect(node.status.readOnly).toBe(false);
    expect(await node.request(get)).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
    expect(await node.request(put)).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
  });
});
