/** A voter that comes back without its data directory: all are told that it has no vote any more. */
import { afterEach, describe, expect, it } from 'vitest';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

describe('a voter whose data directory is lost', () => {
  it('follows, and both it and the others say that it has no vote', async () => {
    ensemble = await InProcessEnsemble.start();
    ensemble.crash(1);
    const wiped = await ensemble.startNode(1, new MemoryDisk());
    await ensemble.untilServing();
    const warning = (who: string): string => `warning: ${who} has no vote: its data directory`;
    expect(wiped.log.join('\n')).toContain(warning('this node'));
    for (const id of [2, 3]) {
      expect(ensemble.node(id).log.join('\n')).toContain(warning('node 1'));
    }
    for (const { status } of ensemble.nodes) {
      expect(status.members.map(({ votes }) => votes)).toEqual([false, true, true]);
    }
  });

  it('is named as the reason where only its vote would make a majority', async () => {
    ensemble = await InProcessEnsemble.start();
    ensemble.crash(1);
    ensemble.crash(3);
    await ensemble.startNode(1, new MemoryDisk());
    await ensemble.pass(5000);
    const { notReady, members } = ensemble.node(2).status;
    expect(notReady).toBe(
      'not in a quorum yet; node 3 is not connected; node 1 has no vote, its data directory is ' +
        'not the one that the ensemble was born with',
    );
    expect(members.map(({ state }) => state)).toEqual(['looking', 'looking', 'down']);
  });
});

describe('what a node says of the others', () => {
  it('is not what a former leader said of itself', async () => {
    ensemble = await InProcessEnsemble.start();
    const former = ensemble.theLeader.id;
    ensemble.crash(former);
    await ensemble.until(() => ensemble.leader !== undefined && ensemble.leader.id !== former);
    const claims = ensemble.nodes.map(({ status }) =>
      status.members.filter(({ state }) => state === 'leading').map(({ id }) => id),
    );
    expect(claims.every((ids) => ids.every((id) => id === ensemble.leader?.id))).toBe(true);
  });
});
