/** Checks of what learners are sent, acknowledge and register. */
import { strictEqual } from 'node:assert/strict';
import type { Acceptance } from '../../../src/replica/acceptance.ts';
import type { Core } from '../../../src/replica/core.ts';
import { Generations } from '../../../src/replica/generations.ts';
import { LeaderDesk } from '../../../src/replica/leader-desk.ts';
import type { SessionLives } from '../../../src/replica/lives.ts';
import type { PeerFrame, RegisterMessage } from '../../../src/replica/peer-messages.ts';
import { SessionTable } from '../../../src/sessions/index.ts';
import type { AppendMessage } from '../../../src/zab/index.ts';
import { ack, diskOf, established, follow, lifeOf, ofThree, vote } from '../zab/host.ts';
import type { Checks } from './checks.ts';

const OBSERVER = 9;
const LEADER = 3;

/** A leader with an observer proposes what nobody else has on disk. */
function observerGetsUncommitted(): void {
  const host = established();
  follow(host, OBSERVER);
  ack(host, OBSERVER, host.zab.status.committed);
  host.propose('a', 'b');
  host.takeAll();
  const records = host.sent.flatMap(({ to, message }) =>
    to === OBSERVER && message.type === 'APPEND' ? message.records : [],
  );
  strictEqual(records.length, 0, 'the records that an observer was sent');
  host.syncAppend();
  ack(host, 2, host.zab.status.last);
  const last = host.last('APPEND', OBSERVER)?.records.at(-1);
  strictEqual(last?.zxid, host.zab.status.committed.zxid, 'the last one once it is committed');
}

/** A learner with two records opens a stream that stands at the first of them, and brings nothing yet. */
function learnerAcknowledgesSurplus(): void {
  const host = ofThree(diskOf('1e 1t'));
  vote(host, LEADER, { state: 'leading', leader: LEADER, epoch: 1 });
  const { tenure } = host.zab.status;
  const clusterId = 'cluster-a';
  host.zab.step(LEADER, {
    ...{
      type: 'LEADERINFO',
      tenure,
      epoch: 2,
      incarnation: lifeOf(LEADER),
      clusterId,
      voter: true,
    },
  });
  host.settle();
  const [first] = host.image.records;
  const position = { epoch: 1, zxid: 1 };
  const append: AppendMessage = {
    ...{ type: 'APPEND', tenure, previous: position, previousChain: first?.chain ?? 0 },
    ...{ records: [], committed: position, round: 0 },
  };
  host.zab.step(LEADER, append);
  host.settle();
  strictEqual(host.last('ACK', LEADER)?.position.zxid, 1, 'what a learner acknowledges');
}

/** A node registers two sessions, and then one of them. */
function endedStreamsStayRegistered(): void {
  const [timeoutMs, epoch, node] = [4000, 1, 2];
  const sessions = new SessionTable();
  for (const id of [5, 7]) sessions.create(id, { timeoutMs, secretHash: new Uint8Array(32) });
  const generations = new Generations({ sessions });
  const core = {
    ...{ zxid: 9, state: { sessions } },
    settings: { limits: { forwardedBytesMax: 1000 } },
  } as unknown as Core;
  const desk = new LeaderDesk({
    ...{ core, generations, acceptance: {} as unknown as Acceptance },
    lives: { renegotiated: () => undefined } as unknown as SessionLives,
    ...{ send: () => undefined, drop: () => undefined, compare: () => undefined },
  });
  desk.begin(epoch);
  const register = (...ids: number[]): void => {
    const message: RegisterMessage = {
      type: 'register',
      sessions: ids.map((session) => ({ session, generation: session, timeoutMs })),
    };
    const frame: PeerFrame = { epoch, applied: 9, messages: [message] };
    desk.receive(node, frame, 100);
  };
  register(5, 7);
  strictEqual(generations.isAttached(5) && generations.isAttached(7), true, 'both are attached');
  register(7);
  strictEqual(generations.isAttached(7), true, 'the stream that is named again');
  strictEqual(generations.isAttached(5), false, 'the stream that is not');
}

export const checks: Checks = {
  observerGetsUncommitted,
  learnerAcknowledgesSurplus,
  endedStreamsStayRegistered,
};
