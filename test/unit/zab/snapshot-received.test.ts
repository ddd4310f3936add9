import { describe, expect, it } from 'vitest';
import { noPosition } from '../../../src/zab/index.ts';
import type { SnapshotMessage } from '../../../src/zab/index.ts';
import { diskOf, epochPayload, lifeOf, ofThree, recordsOf, vote } from './host.ts';
import type { Host } from './host.ts';

const position = { epoch: 2, zxid: 50 };
const epochStarts = [
  { epoch: 1, zxid: 1 },
  { epoch: 2, zxid: 40 },
];
const installed = { position, chain: 77, epochStarts, epochRecord: epochPayload(3) };

/** Node 1 follows node 3 in epoch 2 and has told what it has. */
function learning(script = '1e 1t', options = {}): Host {
  const host = ofThree(diskOf(script), options);
  vote(host, 3, { state: 'leading', leader: 3 });
  const { tenure } = host.zab.status;
  const info = { epoch: 2, incarnation: lifeOf(3), clusterId: 'cluster-a', voter: true };
  host.zab.step(3, { type: 'LEADERINFO', tenure, ...info });
  host.takeAll().syncPromise();
  return host.takeAll();
}

function piece(host: Host, index: number, last = false, more: Partial<SnapshotMessage> = {}): void {
  const { tenure } = host.zab.status;
  host.zab.step(3, {
    ...{ type: 'SNAPSHOT', tenure, transfer: 1, index, position, chain: 77, epochStarts },
    ...{ bytes: new Uint8Array(3), last, totalBytes: 6 },
    ...more,
  });
  host.takeAll();
}

describe('a snapshot as its learner receives it', () => {
  it('is handed out piece by piece, and each is acknowledged when it is taken', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0);
    piece(host, 1, true);
    const chunks = host.readies.flatMap(({ chunks }) => chunks);
    expect(chunks).toMatchObject([
      { tenure, transfer: 1, index: 0, last: false, position },
      { tenure, transfer: 1, index: 1, last: true, position },
    ]);
    host.zab.chunkTaken(tenure, 1, 0);
    host.takeAll();
    expect(host.last('SNAPSHOTACK', 3)).toMatchObject({ tenure, transfer: 1, index: 0 });
  });

  it('changes nothing until it is installed, and then everything in one step', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0, true);
    expect(host.zab.status).toMatchObject({ last: { zxid: 2 }, durable: { zxid: 2 } });
    host.zab.snapshotInstalled(tenure, installed);
    host.takeAll();
    expect(host.zab.status).toMatchObject({
      ...{ last: position, durable: position, committed: position, serving: true },
      epochStart: { epoch: 2, zxid: 40 },
    });
    expect(host.last('ACK', 3)).toMatchObject({ position });
  });

  it('lets the stream go on behind it and nowhere else', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0, true);
    host.zab.snapshotInstalled(tenure, installed);
    const stream = { type: 'APPEND', tenure, committed: position, round: 0, records: [] } as const;
    host.zab.step(3, { ...stream, previous: position, previousChain: 77 });
    expect(host.takeAll().zab.status.role).toBe('following');
    host.zab.step(3, { ...stream, previous: noPosition, previousChain: 0 });
    expect(host.takeAll().zab.status.role).toBe('looking');
  });

  it('that is broken off leaves what was there', () => {
    const host = learning();
    piece(host, 0);
    host.zab.peerDown(3);
    host.takeAll();
    expect(host.zab.status).toMatchObject({ role: 'looking', last: { zxid: 2 } });
    expect(host.last('VOTE', 2)).toMatchObject({ candidate: 1, key: { epoch: 1, zxid: 2 } });
  });

  it('that is being installed keeps the node from voting until it is known what it has', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0, true);
    host.zab.peerDown(3);
    host.takeAll();
    expect(host.last('VOTE', 2)?.candidate).toBe(0);
    vote(host, 2, { state: 'leading', leader: 2 });
    expect(host.zab.status.role).toBe('looking');
    host.zab.snapshotInstalled(tenure, installed);
    host.takeAll();
    expect(host.last('VOTE', 2)).toMatchObject({ candidate: 1, key: position });
  });

  it('does not leave the disk in doubt: what was on its way there is not awaited any more', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    const previous = recordsOf('1e 1t').at(-1);
    const append = { type: 'APPEND', tenure, committed: noPosition, round: 0 } as const;
    host.zab.step(3, {
      ...{ ...append, previous: { epoch: 1, zxid: 2 }, previousChain: previous?.chain ?? 0 },
      records: recordsOf('2e', previous),
    });
    host.takeAll();
    expect(host.appends).toHaveLength(1);
    piece(host, 0, true);
    host.zab.snapshotInstalled(tenure, installed);
    host.takeAll();
    host.zab.peerDown(3);
    host.passTo(3000, 20);
    expect(host.last('VOTE', 2)).toMatchObject({ candidate: 1, key: position });
  });

  it('that is not as it should be ends the role', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0, true);
    host.zab.snapshotRefused(tenure, { reason: 'its checksum is wrong', violation: true });
    host.takeAll();
    expect(host.trace).toContainEqual({
      ...{ type: 'violation', peer: 3, reason: 'its checksum is wrong' },
    });
    expect(host.zab.status).toMatchObject({ role: 'looking', last: { zxid: 2 } });
  });

  it('that this node cannot take in ends the role too, and its leader is not to blame', () => {
    const host = learning();
    const { tenure } = host.zab.status;
    piece(host, 0, true);
    host.zab.snapshotRefused(tenure, { reason: 'its disk is full', violation: false });
    host.takeAll();
    expect(host.trace).not.toContainEqual(expect.objectContaining({ type: 'violation' }));
    expect(host.readies.flatMap(({ disconnect }) => disconnect)).toEqual([]);
    expect(host.zab.status).toMatchObject({ role: 'looking', last: { zxid: 2 } });
  });

  it.each([
    ['a piece out of order', 1, {}],
    ['epochs that do not ascend', 0, { epochStarts: [...epochStarts].reverse() }],
    ['an epoch after its leader’s', 0, { position: { epoch: 3, zxid: 50 } }],
    ['less than is known to be committed', 0, { position: { epoch: 1, zxid: 2 } }],
  ])('is refused with %s', (_, index, more) => {
    const host = learning('1e 1t 1t', { committed: { epoch: 1, zxid: 3 } });
    piece(host, index, false, more);
    expect(host.zab.status.role).toBe('looking');
    expect(host.readies.flatMap(({ chunks }) => chunks)).toEqual([]);
  });

  it('is followed by no record before it is installed', () => {
    const host = learning();
    piece(host, 0, true);
    const [first] = recordsOf('1e');
    host.zab.step(3, {
      ...{ type: 'APPEND', tenure: host.zab.status.tenure, committed: noPosition, round: 0 },
      ...{ records: [], previous: { epoch: 1, zxid: 1 }, previousChain: first?.chain ?? 0 },
    });
    expect(host.takeAll().trace).toContainEqual({
      ...{ type: 'violation', peer: 3, reason: 'APPEND before the stream' },
    });
  });
});
