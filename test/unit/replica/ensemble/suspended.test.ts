/** What the streams of a node hear that has no leader for longer than the peer timeout. */
import { afterEach, describe, expect, it } from 'vitest';
import type { CoordinatorAnswer } from '../../../../src/protocol/coordination.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import type { AttachOperation, AttachResult } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode, EnsembleOptions } from '../../../support/in-process-ensemble.ts';

const peerMs = 1000;
const settings = { tickMs: 500, sessionTimeoutMinMs: 1000, peerTimeouts: { peerMs } };
const a = parsePath('/a');

/** How late a node may notice that time has passed: the pace of its ticks. */
const lateMs = 150;

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

async function start(options: EnsembleOptions = {}): Promise<void> {
  ensemble = await InProcessEnsemble.start({
    ...options,
    settings: { ...settings, ...options.settings },
  });
}

function aLearner(): EnsembleNode {
  const [learner] = ensemble.learners;
  if (learner === undefined) throw new Error('all lead');
  return learner;
}

/** Attaches a stream to a new session. @returns its id */
async function attach(node: EnsembleNode, stream: number, timeoutMs: number): Promise<number> {
  const operation: AttachOperation = {
    ...{ type: 'attach', session: 'new', timeoutMs },
    ...{ identities: [], watches: [] },
  };
  node.submit({ type: 'open', stream, identities: [] });
  node.submit({ type: 'request', stream, id: 1, operation });
  const isAttached = (): CoordinatorAnswer | undefined =>
    node.answers.find((answer) => answer.type === 'result' && answer.stream === stream);
  await ensemble.until(() => isAttached() !== undefined);
  const answer = isAttached();
  if (answer?.type !== 'result') throw new Error('not attached');
  return (answer.result as AttachResult).session?.id ?? 0;
}

function watch(node: EnsembleNode, stream: number, session?: number): void {
  const carried = session === undefined ? {} : { session };
  node.submit({ type: 'open', stream, identities: [], ...carried });
  const operation = { type: 'watch', path: a, mode: 'persistent' } as const;
  node.submit({ type: 'request', stream, id: 1, operation });
}

function statesOf(answers: readonly CoordinatorAnswer[], stream: number): readonly string[] {
  return answers.flatMap((answer) =>
    answer.type === 'session' && answer.stream === stream ? [answer.state] : [],
  );
}

/** When each stream hears of each state, milliseconds after `fromMs`, while `ms` pass. */
async function listen(
  node: EnsembleNode,
  fromMs: number,
  ms: number,
): Promise<ReadonlyMap<number, number>> {
  const heard = new Map<number, number>();
  for (const endMs = ensemble.nowMs + ms; ensemble.nowMs < endMs;) {
    for (const answer of node.take()) {
      if (answer.type === 'session') heard.set(answer.stream, ensemble.nowMs - fromMs);
    }
    await ensemble.pass(20);
  }
  return heard;
}

/** Cuts a node off. @returns when it has noticed */
async function isolate(node: EnsembleNode): Promise<number> {
  ensemble.isolate(node.id);
  await ensemble.until(() => !node.isServing);
  return ensemble.nowMs;
}

/** Every node that has lost its leader by itself: a follower, and a leader without its quorum. */
const lonely = [
  ['a follower', aLearner],
  ['a leader', () => ensemble.theLeader],
] as const;

describe.each(lonely)('%s that is cut off', (_name, pick) => {
  it('tells a session at once, and ends its stream before the others end the session', async () => {
    await start();
    const node = pick();
    const session = await attach(node, 1, 5000);
    await ensemble.pass(1000);
    node.take();
    const lostMs = await isolate(node);
    await ensemble.pass(peerMs - 100);
    expect(statesOf(node.answers, 1), 'before the peer timeout has passed').toEqual([]);
    await ensemble.pass(100 + lateMs);
    expect(statesOf(node.take(), 1)).toEqual(['suspended']);
    node.submit({ type: 'request', stream: 1, id: 2, operation: { type: 'ping' } });
    expect(node.take()).toMatchObject([{ id: 2, error: { code: 'CONNECTIONLOSS' } }]);
    await ensemble.until(() => node.answers.length > 0);
    const [end] = node.take();
    expect(end).toMatchObject({ stream: 1, ends: true, error: { code: 'CONNECTIONLOSS' } });
    expect(ensemble.nowMs - lostMs).toBeLessThanOrEqual(5000 + lateMs);
    const { leader } = ensemble;
    expect(leader?.id, 'the others go on').not.toBe(node.id);
    expect(leader?.replica.metrics().sessions, `session ${session} lives`).toBe(1);
    await ensemble.pass(10_000);
    expect(leader?.replica.metrics().sessions).toBe(0);
  });

  it('tells all others spread over a second', async () => {
    await start();
    const node = pick();
    const streams = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const stream of streams) watch(node, stream);
    await ensemble.settle();
    node.take();
    const lostMs = await isolate(node);
    const heard = await listen(node, lostMs, 3000);
    expect([...heard.keys()].sort((x, y) => x - y)).toEqual(streams);
    const times = [...heard.values()];
    expect(Math.min(...times)).toBeGreaterThanOrEqual(peerMs);
    expect(Math.max(...times)).toBeLessThanOrEqual(
      peerMs + defaultLimits.suspensionSpreadMs + lateMs,
    );
    for (const [from, to] of [
      [0, 1 / 3],
      [1 / 3, 2 / 3],
      [2 / 3, 1],
    ] as const) {
      const part = times.map((ms) => (ms - peerMs) / defaultLimits.suspensionSpreadMs);
      const count = part.filter((share) => share >= from && share < to + 0.15).length;
      expect(count, `of 100, from ${from} of the second on`).toBeGreaterThan(15);
    }
  });

  it('says that it goes on when it serves again before the session can have ended', async () => {
    await start();
    const node = pick();
    const session = await attach(node, 1, 20_000);
    watch(node, 2);
    await isolate(node);
    await ensemble.pass(peerMs + defaultLimits.suspensionSpreadMs + lateMs);
    expect(statesOf(node.take(), 1)).toEqual(['suspended']);
    const missed = ensemble.theLeader.put('/a', 'x');
    await ensemble.during(missed);
    ensemble.heal();
    await ensemble.untilServing();
    await ensemble.untilEqual();
    const answers = node.take();
    expect(statesOf(answers, 1)).toEqual(['connected']);
    expect(statesOf(answers, 2)).toEqual(['connected']);
    const events = answers.filter(({ type, stream }) => type === 'events' && stream === 2);
    expect(events, 'what it watches is late and not lost').toHaveLength(1);
    node.submit({ type: 'request', stream: 1, id: 3, operation: { type: 'ping' } });
    expect(node.take()).toMatchObject([{ type: 'result', id: 3 }]);
    const info = { type: 'sessionInfo', session } as const;
    expect(await node.request(info, { consistency: 'linearizable' })).toMatchObject({
      result: { id: session, connected: true },
    });
  });
});

it('an election that is shorter than the peer timeout ends nothing and is not told', async () => {
  await start();
  const node = aLearner();
  await attach(node, 1, 5000);
  watch(node, 2);
  await ensemble.settle();
  node.take();
  ensemble.crash(ensemble.theLeader.id);
  await ensemble.untilServing();
  expect(node.log.join('\n')).toContain('serves no clients until it has a leader again');
  await ensemble.pass(3000);
  expect(node.take().filter(({ type }) => type !== 'events')).toEqual([]);
});

it('a node that answers local reads without a leader tells of both ends of that', async () => {
  await start({ settings: { readOnlyMode: true } });
  const node = aLearner();
  await attach(node, 1, 60_000);
  watch(node, 2);
  await isolate(node);
  await ensemble.pass(peerMs + defaultLimits.suspensionSpreadMs + lateMs);
  const told = node.take();
  expect(statesOf(told, 1)).toEqual(['suspended']);
  expect(statesOf(told, 2)).toEqual(['suspended']);
  const read = { type: 'exists', path: parsePath('/') } as const;
  node.submit({ type: 'request', stream: 1, id: 2, operation: read });
  node.submit({ type: 'request', stream: 1, id: 3, operation: { type: 'ping' } });
  expect(node.take()).toMatchObject([
    { type: 'result', id: 2, readOnly: true },
    { type: 'error', id: 3, error: { code: 'CONNECTIONLOSS' } },
  ]);
  // Who comes now knows by the answer that the node is read-only, and is not told again.
  watch(node, 3);
  await ensemble.pass(2000);
  expect(node.take()).toMatchObject([{ type: 'result', stream: 3, readOnly: true }]);
  ensemble.heal();
  await ensemble.untilServing();
  const after = node.take();
  for (const stream of [1, 2, 3]) expect(statesOf(after, stream)).toEqual(['connected']);
});

describe('a stream that was opened by a request with a session', () => {
  it('ends with that session at once, on every node, whoever ends it', async () => {
    await start();
    const session = await attach(ensemble.theLeader, 9, 60_000);
    for (const node of ensemble.nodes) watch(node, 1, session);
    for (const node of ensemble.nodes) watch(node, 2);
    await ensemble.settle();
    for (const node of ensemble.nodes) node.take();
    const end = { type: 'endSession' } as const;
    ensemble.theLeader.submit({ type: 'request', stream: 9, id: 2, operation: end });
    await ensemble.settle();
    for (const node of ensemble.nodes) {
      const answers = node.take();
      expect(statesOf(answers, 1), `node ${node.id}`).toEqual(['expired']);
      expect(statesOf(answers, 2), `node ${node.id}`).toEqual([]);
      expect(node.replica.metrics().watches).toBe(1);
    }
  });

  it('is refused where the session is over', async () => {
    await start();
    const session = await attach(ensemble.theLeader, 9, 60_000);
    const end = { type: 'endSession' } as const;
    ensemble.theLeader.submit({ type: 'request', stream: 9, id: 2, operation: end });
    await ensemble.untilEqual();
    for (const node of ensemble.nodes) {
      node.take();
      watch(node, 1, session);
      expect(node.take()).toMatchObject([{ id: 1, error: { code: 'SESSIONEXPIRED' } }]);
    }
  });
});
