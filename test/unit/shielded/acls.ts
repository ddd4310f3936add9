/** Checks of events that are told when no znode has the ACL any more by which they are judged. */
import { strictEqual } from 'node:assert/strict';
import type { CoordinatorMessage } from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from '../replica/manual-replica.ts';
import type { Checks } from './checks.ts';

const ann: Identity = { scheme: 'digest', id: `ann:${'A'.repeat(27)}=` };

/** A znode that she alone may read comes and goes. @returns the zxid before it */
async function comeAndGo(node: ManualReplica): Promise<number> {
  const { appliedZxid } = node.replica.status();
  const alone = { type: 'request', stream: 0, caller: { identities: [] } } as const;
  const path = parsePath('/a');
  const create = { type: 'create', path, data: new Uint8Array(0), sequential: false } as const;
  const acl = [{ ...ann, perms: 1 }];
  node.submit({ ...alone, id: 1, operation: { ...create, kind: 'persistent', acl } });
  node.submit({ ...alone, id: 2, operation: { type: 'delete', path } });
  await node.settle();
  strictEqual(node.replica.status().appliedZxid, appliedZxid + 2, 'it has come and gone');
  node.take();
  return appliedZxid;
}

/** @returns the types of the events after `resumeFrom` that she is told, or why there are none */
async function toldFrom(node: ManualReplica, resumeFrom: number): Promise<string> {
  const messages: readonly CoordinatorMessage[] = [
    { type: 'open', stream: 1, identities: [ann] },
    {
      ...{ type: 'request', stream: 1, id: 1 },
      operation: {
        ...{ type: 'attach', session: 'none', identities: [], resumeFrom },
        watches: [{ path: parsePath('/'), mode: 'persistent-recursive' }],
      },
    },
  ];
  try {
    node.submit(...messages);
    await node.settle();
  } catch (error) {
    return String(error);
  }
  const events = node.take().flatMap((answer) => (answer.type === 'events' ? answer.events : []));
  return events.map(({ type }) => type).join();
}

const both = 'NodeCreated,NodeDeleted';

async function fromTheRing(): Promise<void> {
  const node = await ManualReplica.start();
  const begin = await comeAndGo(node);
  strictEqual(await toldFrom(node, begin), both);
}

async function afterSnapshot(): Promise<void> {
  const disk = new MemoryDisk();
  const node = await ManualReplica.start({ disk });
  const begin = await comeAndGo(node);
  const taking = node.replica.takeSnapshot();
  for (let turn = 0; turn < 100; turn += 1) await node.settle();
  await taking;
  const next = await ManualReplica.start({ disk: disk.kill() });
  strictEqual(await toldFrom(next, begin), both);
}

export const checks: Checks = {
  formerAclsAreNotKept: fromTheRing,
  formerAclsAreForgottenEarly: fromTheRing,
  formerAclsLostInSnapshot: afterSnapshot,
};
