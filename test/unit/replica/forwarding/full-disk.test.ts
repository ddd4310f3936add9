/** Growth is refused by the leader: whose disk it is must be told on every node. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ErrorBody } from '../../../../src/protocol/errors.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const MIB = 1024 * 1024;

async function put(node: EnsembleNode): Promise<unknown> {
  const path = parsePath('/a');
  const answer = await node.request({ type: 'put', path, data: new Uint8Array(1) });
  return answer.type === 'error' ? answer.error : answer.type;
}

/** The ensemble, and what sets the room on the disk of a node. */
async function start(): Promise<(id: number, isFull: boolean) => Promise<void>> {
  const rooms = new Map([1, 2, 3].map((id) => [id, { capacityBytes: 512 * MIB }]));
  ensemble = await InProcessEnsemble.start({ disk: (id) => rooms.get(id) ?? {} });
  return async (id, isFull) => {
    const room = rooms.get(id);
    if (room === undefined) throw new Error(`there is no node ${id}`);
    const free = (await ensemble.node(id).disk.freeBytes()) - 1024;
    room.capacityBytes = isFull ? room.capacityBytes - free : 512 * MIB;
    // The disk is looked at every 5 s, and the others are told within a second.
    await ensemble.pass(7000);
  };
}

describe('the nearly full disk of the leader', () => {
  it('is named by every node, in its warnings and in its refusals, until it has room', async () => {
    const setRoom = await start();
    const { id } = ensemble.theLeader;
    await setRoom(id, true);
    const text = `the disk of node ${id}, the leader, is nearly full, so it refuses what grows`;
    for (const node of ensemble.learners) {
      expect(node.status.warnings).toEqual([text]);
      const refused = await put(node);
      expect(refused).toMatchObject({ code: 'QUOTAEXCEEDED' });
      expect((refused as ErrorBody).detail).toMatch(
        new RegExp(`^the disk of node ${id} is nearly full: \\d+ bytes of it must be free for .*;`),
      );
    }
    const own = `the disk of node ${id}, this one, is nearly full`;
    expect(ensemble.theLeader.status.warnings).toEqual([own]);

    await setRoom(id, false);
    for (const { status } of ensemble.nodes) expect(status.warnings).toEqual([]);
    expect(await put(ensemble.theLeader)).toBe('result');
  });
});

describe('the nearly full disk of a follower', () => {
  it('is told by itself, and refuses nothing', async () => {
    const setRoom = await start();
    const [follower] = ensemble.learners;
    if (follower === undefined) throw new Error('three nodes have learners');
    await setRoom(follower.id, true);
    expect(follower.status.warnings).toEqual([
      `the disk of node ${follower.id}, this one, is nearly full`,
    ]);
    expect(ensemble.theLeader.status.warnings).toEqual([]);
    expect(await put(follower)).toBe('result');
  });
});
