/**
 * A deletion is judged by the ACL that the znode had, also when it is told long after and the number of that ACL
 * means another one by then: from the ring, and after a restart from a snapshot that no longer has the ACL.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../../src/protocol/model.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { FormerAcls } from '../../../src/tree/index.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

const ann: Identity = { scheme: 'digest', id: `ann:${'A'.repeat(27)}=` };
const bob: Identity = { scheme: 'digest', id: `bob:${'B'.repeat(27)}=` };
const users = [ann, bob];
/** More than there are numbers of ACLs before they are given anew. */
const ROUNDS = 60;

const streamOf = (user: Identity): number => 1 + users.indexOf(user);

async function write(node: ManualReplica, operation: object): Promise<void> {
  const caller = { identities: [] };
  node.submit({ type: 'request', stream: 0, id: 1, caller, operation: operation as never });
  await node.settle();
  const own = node.answers.findLast(({ stream }) => stream === 0);
  expect(own?.type).toBe('result');
}

/** Znodes that come and go, each readable by one of the two, each with an ACL of its own. */
async function comeAndGo(node: ManualReplica): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const user = users[round % 2] ?? ann;
    const path = parsePath(`/of-${user.id.slice(0, 3)}-${String(round)}`);
    const acl = [
      { ...user, perms: 1 },
      { scheme: 'digest', id: `${String(round)}:${'C'.repeat(27)}=`, perms: 2 },
    ];
    const data = new Uint8Array(0);
    await write(node, { type: 'create', path, data, kind: 'persistent', sequential: false, acl });
    await write(node, { type: 'delete', path });
  }
}

function watch(node: ManualReplica, user: Identity, resumeFrom: number): void {
  const stream = streamOf(user);
  node.submit(
    { type: 'open', stream, identities: [user] },
    {
      ...{ type: 'request', stream, id: 1 },
      operation: {
        ...{ type: 'attach', session: 'none', identities: [], resumeFrom },
        watches: [{ path: parsePath('/'), mode: 'persistent-recursive' }],
      },
    },
  );
}

/** How many events each has got, and of whose znodes. */
function told(node: ManualReplica): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = { ann: {}, bob: {} };
  for (const answer of node.take()) {
    if (answer.type !== 'events') continue;
    const own = counts[answer.stream === streamOf(ann) ? 'ann' : 'bob'] ?? {};
    for (const { type, path } of answer.events) {
      const kind = `${type} ${path.slice(1, 7)}`;
      own[kind] = (own[kind] ?? 0) + 1;
    }
  }
  return counts;
}

const rightly = {
  ann: { 'NodeCreated of-ann': ROUNDS / 2, 'NodeDeleted of-ann': ROUNDS / 2 },
  bob: { 'NodeCreated of-bob': ROUNDS / 2, 'NodeDeleted of-bob': ROUNDS / 2 },
};

describe('events of znodes whose ACLs are forgotten', () => {
  let disk: MemoryDisk;
  let node: ManualReplica;
  let begin: number;

  beforeEach(async () => {
    disk = new MemoryDisk();
    node = await ManualReplica.start({ disk });
    begin = node.replica.status().appliedZxid;
  });

  it('are judged by them as they happen', async () => {
    for (const user of users) watch(node, user, begin);
    await node.settle();
    told(node);
    await comeAndGo(node);
    expect(told(node)).toEqual(rightly);
  });

  it('are judged by them out of the ring', async () => {
    await comeAndGo(node);
    for (const user of users) watch(node, user, begin);
    await node.settle();
    expect(told(node)).toEqual(rightly);
  });

  it('are judged by them after a restart from a snapshot that came later', async () => {
    await comeAndGo(node);
    const taking = node.replica.takeSnapshot();
    for (let turn = 0; turn < 100; turn++) await node.settle();
    await taking;
    const after = await ManualReplica.start({ disk: disk.kill() });
    for (const user of users) watch(after, user, begin);
    await after.settle();
    expect(told(after)).toEqual(rightly);
  });
});

describe('former ACLs', () => {
  const acl = (id: string) => [{ scheme: 'digest', id, perms: 31 }];

  it('mean what they meant up to the transaction that ended them', () => {
    const former = new FormerAcls();
    former.add({ id: 2, acl: acl('first'), until: 10 });
    former.add({ id: 3, acl: acl('other'), until: 12 });
    former.add({ id: 2, acl: acl('second'), until: 20 });
    expect(former.find(2, 10)).toEqual(acl('first'));
    expect(former.find(2, 11)).toEqual(acl('second'));
    expect(former.find(2, 20)).toEqual(acl('second'));
    expect(former.find(2, 21)).toBeUndefined();
    expect(former.find(4, 1)).toBeUndefined();
  });

  it('are let go with the last transaction that they are needed for', () => {
    const former = new FormerAcls();
    for (let until = 1; until <= 3000; until++) former.add({ id: until % 7, acl: acl('x'), until });
    former.forgetUntil(2990);
    expect(former.size).toBe(10);
    expect(former.list().map(({ until }) => until)).toEqual(
      Array.from({ length: 10 }, (_, index) => 2991 + index),
    );
    expect(former.forgottenUntil).toBe(2990);
    former.forgetUntil(5000);
    expect(former.size).toBe(0);
  });
});
