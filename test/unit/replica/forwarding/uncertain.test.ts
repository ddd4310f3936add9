/**
 * A leader goes at any point of a write's way: what its client is told is true. An answer means that it
 * happened, `not-applied` that it did not and will not, and nothing of a stream takes effect behind what
 * may not have happened.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, ErrorAnswer } from '../../../../src/protocol/coordination.ts';
import { outcomeOf } from '../../../../src/protocol/errors.ts';
import type { Operation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

const stream = 7;
const WRITES = 6;

function createOf(n: number): Operation {
  const path = parsePath(`/w${n}`);
  const data = new Uint8Array(3);
  return { type: 'create', path, data, kind: 'persistent', sequential: false };
}

type Fate = 'applied' | 'not-applied' | 'unknown';

function fateOf(answer: CoordinatorAnswer): Fate {
  if (answer.type === 'result') return 'applied';
  if (answer.type === 'error') return outcomeOf(answer.error);
  throw new Error(`not an answer: ${answer.type}`);
}

/** Which of the writes there are, once all is quiet again. */
async function present(ensemble: InProcessEnsemble): Promise<ReadonlySet<number>> {
  ensemble.heal();
  for (const id of ensemble.members) {
    if (!ensemble.node(id).isRunning) await ensemble.restart(id);
  }
  await ensemble.untilServing();
  await ensemble.untilEqual();
  expect(new Set(ensemble.nodes.map(({ digest }) => digest)).size).toBe(1);
  const found = new Set<number>();
  for (let n = 1; n <= WRITES; n += 1) {
    if ((await ensemble.theLeader.get(`/w${n}`)) !== undefined) found.add(n);
  }
  return found;
}

/** Lets exactly so many deliveries and turns happen, one at a time. */
async function creep(ensemble: InProcessEnsemble, moves: number): Promise<void> {
  for (let move = 0; move < moves; move += 1) {
    const node = ensemble.nodes[move % ensemble.nodes.length];
    node?.turn();
    ensemble.mesh.step(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type Ending = (ensemble: InProcessEnsemble, leader: EnsembleNode) => void;

const endings: Record<string, Ending> = {
  'is killed': (ensemble, leader) => {
    ensemble.crash(leader.id);
  },
  'is cut off': (ensemble, leader) => {
    ensemble.isolate(leader.id);
  },
  'loses its power': (ensemble, leader) => {
    ensemble.losePower(leader.id);
  },
};

describe.each(Object.keys(endings))('when the leader %s', (how) => {
  const endLeader = endings[how];

  it.each(['learner', 'leader'] as const)(
    'the clients of a %s are told the truth, at every point of the way',
    async (where) => {
      await fc.assert(
        fc.asyncProperty(fc.nat(40), fc.nat(40), async (before, between) => {
          const ensemble = await InProcessEnsemble.start();
          const leader = ensemble.theLeader;
          const node = where === 'leader' ? leader : ensemble.learners[0];
          if (node === undefined || endLeader === undefined) throw new Error('no such node');
          node.submit({ type: 'open', stream, identities: [] });
          for (let id = 1; id <= WRITES; id += 1) {
            node.submit({ type: 'request', stream, id, operation: createOf(id) });
            if (id === 3) await creep(ensemble, between);
          }
          await creep(ensemble, before);
          endLeader(ensemble, leader);
          await ensemble.pass(7000);
          const answers = node.take().filter(({ type }) => type !== 'session');
          const there = await present(ensemble);
          await ensemble.stop();
          judge(answers, there, node.isRunning || where === 'learner');
        }),
        { numRuns: 25 },
      );
    },
  );
});

function judge(
  answers: readonly CoordinatorAnswer[],
  there: ReadonlySet<number>,
  isComplete: boolean,
): void {
  const fates = new Map(answers.map((answer) => [(answer as ErrorAnswer).id, fateOf(answer)]));
  if (isComplete) expect([...fates.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  for (const [id, fate] of fates) {
    if (fate === 'applied') expect(there.has(id), `${id} was acknowledged`).toBe(true);
    if (fate === 'not-applied') expect(there.has(id), `${id} was denied`).toBe(false);
  }
  for (const id of there) {
    for (let before = 1; before < id; before += 1) {
      expect(there.has(before), `${before} stands before ${id}`).toBe(true);
    }
  }
  const firstBad = answers.findIndex((answer) => fateOf(answer) !== 'applied');
  if (firstBad === -1) return;
  expect(answers.at(-1), 'the stream ends').toMatchObject({ type: 'error', ends: true });
  for (const answer of answers.slice(firstBad)) expect(fateOf(answer)).not.toBe('applied');
}

describe('a request of a node that has lost its leader', () => {
  let ensemble: InProcessEnsemble;

  afterEach(() => ensemble.stop());

  async function alone(): Promise<EnsembleNode> {
    ensemble = await InProcessEnsemble.start();
    const [node] = ensemble.learners;
    if (node === undefined) throw new Error('three nodes have learners');
    ensemble.isolate(node.id);
    await ensemble.until(() => !node.isServing);
    return node;
  }

  it('waits a moment for the next one, and goes on as if nothing had happened', async () => {
    ensemble = await InProcessEnsemble.start();
    const [node] = ensemble.learners;
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.until(() => node?.isServing === false);
    if (node === undefined) throw new Error('three nodes have learners');
    const asked = [
      node.ask(createOf(1)),
      node.ask({ type: 'sync' }),
      node.ask({ type: 'exists', path: parsePath('/') }),
    ];
    const answers = await ensemble.during(Promise.all(asked));
    expect(answers.map((answer) => answer.type)).toEqual(['result', 'result', 'result']);
  });

  it('is refused as not done when there is none in time, and at once from then on', async () => {
    const node = await alone();
    const startedMs = ensemble.nowMs;
    const first = await node.request(createOf(1));
    expect(first).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
    expect(first.type === 'error' && first.error.retryAfterMs).toBeGreaterThan(0);
    expect(ensemble.nowMs - startedMs).toBeLessThanOrEqual(400);
    await ensemble.pass(500);
    for (const operation of [
      createOf(1),
      { type: 'sync' },
      { type: 'get', path: parsePath('/') },
    ] as const) {
      void node.ask(operation).then((answer) => {
        expect(answer).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
      });
    }
    await ensemble.settle();
    expect(node.take()).toEqual([]);
    expect(node.status).toMatchObject({ readOnly: false });
    expect(await present(ensemble)).toEqual(new Set());
  });

  it('waits in a queue that is bounded', async () => {
    ensemble = await InProcessEnsemble.start({ limits: { leaderWaitsMax: 2 } });
    const [node] = ensemble.learners;
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.until(() => node?.isServing === false);
    const asked = [1, 2, 3].map((n) => node?.ask(createOf(n)));
    expect(await asked[2]).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
    expect(await ensemble.during(Promise.all([asked[0], asked[1]]))).toMatchObject([
      { type: 'result' },
      { type: 'result' },
    ]);
  });

  it('leaves a stream open that only reads and watches, which then hears of everything', async () => {
    ensemble = await InProcessEnsemble.start();
    const [node] = ensemble.learners;
    if (node === undefined) throw new Error('three nodes have learners');
    const path = parsePath('/watched');
    node.submit({ type: 'open', stream, identities: [] });
    const watch: Operation = { type: 'watch', path, mode: 'persistent' };
    node.submit({ type: 'request', stream, id: 1, operation: watch });
    await ensemble.settle();
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.until(() => !node.isServing);
    node.submit({
      ...{ type: 'request', stream, id: 2, operation: { type: 'get', path } },
      consistency: 'linearizable',
    });
    node.submit({ type: 'request', stream, id: 3, operation: { type: 'ping' } });
    await ensemble.untilServing();
    await ensemble.theLeader.put('/watched', 'x');
    await ensemble.settle();
    expect(node.take()).toMatchObject([
      { type: 'result', id: 1 },
      { type: 'error', id: 2, error: { code: 'NONODE' } },
      { type: 'result', id: 3 },
      { type: 'events', events: [{ type: 'NodeCreated', path }] },
    ]);
  });

  it('that reads is told so after a while, and its stream goes on; a write ends it', async () => {
    const node = await alone();
    await ensemble.pass(500);
    node.submit({ type: 'open', stream, identities: [] });
    const get: Operation = { type: 'get', path: parsePath('/') };
    node.submit({ type: 'request', stream, id: 1, operation: get });
    node.submit({ type: 'request', stream, id: 2, operation: { type: 'ping' } });
    expect(node.take()).toMatchObject([
      { id: 1, error: { code: 'CONNECTIONLOSS' } },
      { id: 2, type: 'result' },
    ]);
    node.submit({ type: 'request', stream, id: 3, operation: createOf(1) });
    expect(node.take()).toMatchObject([{ id: 3, error: { code: 'CONNECTIONLOSS' }, ends: true }]);
  });
});

describe('a refusal of a leader that has been replaced', () => {
  it('is never told', async () => {
    const ensemble = await InProcessEnsemble.start();
    const old = ensemble.theLeader;
    const [learner] = ensemble.learners;
    if (learner === undefined) throw new Error('three nodes have learners');
    // The learner reaches the old leader, which reaches nobody else and is told nothing of a new one.
    await old.put('/a', 'x');
    for (const { id } of ensemble.learners) ensemble.mesh.hold(id, old.id);
    const refusal = old.ask(createOf(1));
    const again = old.ask({ type: 'delete', path: parsePath('/none') });
    await ensemble.pass(3000);
    const answers = await ensemble.during(Promise.all([refusal, again]));
    expect(answers[0]).toMatchObject({ error: { code: 'OPERATIONTIMEOUT' } });
    expect(answers[1], 'it may be there by now').toMatchObject({
      error: { code: 'CONNECTIONLOSS' },
    });
    await ensemble.stop();
  });
});

describe('a node that has been stopped', () => {
  it('refuses everything as not done', async () => {
    const ensemble = await InProcessEnsemble.start();
    const [learner] = ensemble.learners;
    const nodes = [learner, ensemble.theLeader];
    const answers: CoordinatorAnswer[] = [];
    for (const node of nodes) {
      if (node === undefined) throw new Error('three nodes have learners');
      await ensemble.during(node.replica.stop());
      for (const operation of [createOf(1), { type: 'sync' }, { type: 'newSession' }] as const) {
        answers.push(await node.ask(operation));
      }
    }
    expect(answers).toHaveLength(6);
    for (const answer of answers) {
      expect(answer).toMatchObject({ error: { code: 'CONNECTIONLOSS' } });
    }
    await ensemble.stop();
  });
});
