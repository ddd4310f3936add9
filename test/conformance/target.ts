/**
 * Before whom the guarantees are tested: a node of its own, or one member of an ensemble whose members run
 * in this process, with real files and sockets. `ZOOGATE_TEST_THROUGH` says which member.
 */
import { startInProcess } from '../support/in-process.ts';
import type { InProcessNode, InProcessOptions } from '../support/in-process.ts';
import type { Member } from '../../src/server/config/members.ts';
import { eventually } from './deadline.ts';
import { freePort } from '../support/free-port.ts';

export type Through = 'leader' | 'follower' | 'observer';

const voters = [1, 2, 3];
const observer = 4;

/** Undefined = a node of its own. */
export function through(): Through | undefined {
  const given = process.env['ZOOGATE_TEST_THROUGH'];
  if (given === undefined) return undefined;
  if (given === 'leader' || given === 'follower' || given === 'observer') return given;
  throw new Error('ZOOGATE_TEST_THROUGH must be leader, follower or observer');
}

/** Voters of the ensemble that the tests see. */
export function voterCount(): number {
  return through() === undefined ? 1 : voters.length;
}

/** True where a write goes to another node, which alone knows what becomes of it. */
export function isForwarded(): boolean {
  const role = through();
  return role === 'follower' || role === 'observer';
}

/** Serves when it resolves. */
export function startTarget(options: InProcessOptions): Promise<InProcessNode> {
  const role = through();
  return role === undefined ? startInProcess(options) : startMember(role, options);
}

/** An ensemble of three voters and an observer, of which the tests see one member. */
async function startMember(role: Through, options: InProcessOptions): Promise<InProcessNode> {
  const members = await Promise.all([...voters, observer].map(memberOf));
  const starting = members.map(({ id, port }) =>
    startInProcess({
      ...options,
      // They share one event loop with the tests: silence means nothing here.
      settings: { ...options.settings, id, members, peerPort: port, peerTimeout: 10_000 },
    }),
  );
  const nodes = await Promise.all(starting);
  await eventually('an ensemble that serves', () =>
    nodes.every(({ replica }) => replica.status().notReady === undefined) ? true : undefined,
  );
  const node = nodes.find((one) => roleOf(one) === role);
  if (node === undefined) throw new Error(`there is no ${role}`);
  // On the way to its first leader a node may have complained that there was none.
  const heard = node.complaints.length;
  let removed: Promise<void> | undefined;
  const remove = async (): Promise<void> => {
    await Promise.all(nodes.filter((one) => one !== node).map((one) => one.remove()));
    await node.remove();
  };
  let complaints: readonly string[] | undefined;
  return {
    ...node,
    get complaints() {
      return complaints ?? node.complaints.slice(heard);
    },
    restart: () => Promise.reject(new Error('a member is not restarted by itself')),
    remove: () => {
      // What it says when the others go is no complaint.
      complaints ??= node.complaints.slice(heard);
      return (removed ??= remove());
    },
  };
}

function roleOf({ replica, config }: InProcessNode): Through {
  if (config.id === observer) return 'observer';
  return replica.status().leader === config.id ? 'leader' : 'follower';
}

async function memberOf(id: number): Promise<Member> {
  const role = id === observer ? 'observer' : 'participant';
  return { id, role, host: '127.0.0.1', port: await freePort() };
}
