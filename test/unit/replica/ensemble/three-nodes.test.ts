/** Three replicas in one process: what one of them acknowledges, all of them have. */
import { afterEach, describe, expect, it } from 'vitest';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

describe('three nodes', () => {
  it('are born together, elect a leader and serve', async () => {
    ensemble = await InProcessEnsemble.start();
    const ids = new Set(ensemble.nodes.map(({ status }) => status.clusterId));
    expect(ids.size).toBe(1);
    expect([...ids][0]).toMatch(/^[0-9a-f]{32}$/);
    expect(ensemble.nodes.map(({ status }) => status.leader)).toEqual([3, 3, 3]);
  });

  it('answer a write at the leader, and have it everywhere', async () => {
    ensemble = await InProcessEnsemble.start();
    const answer = await ensemble.theLeader.put('/a', 'one');
    expect(answer.type).toBe('result');
    await ensemble.untilEqual();
    for (const node of ensemble.nodes) expect(await node.get('/a')).toBe('one');
    expect(new Set(ensemble.nodes.map(({ digest }) => digest)).size).toBe(1);
  });
});
