/**
 * A stream on a learner is as ordered as one on the leader: whatever the program, the arrival of frames
 * and the writes of others, its answers stand in the order of its requests, every read shows exactly its
 * own writes before it, no later one, and no answer overtakes an event.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer } from '../../../../src/protocol/coordination.ts';
import type { DataResult, Operation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import type { EnsembleNode } from '../../../support/in-process-ensemble.ts';

const stream = 7;
const own = parsePath('/own');

/** What the stream asks, and what the world does meanwhile. */
type Step =
  | { readonly do: 'put' | 'delete' | 'createAgain' | 'get' | 'watch' | 'linearizable' | 'sync' }
  | { readonly do: 'deliver'; readonly from: number; readonly to: number; readonly max: number }
  | { readonly do: 'turn'; readonly node: number }
  | { readonly do: 'others' }
  | { readonly do: 'pass' };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('put', 'delete', 'createAgain') }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('get', 'watch') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('linearizable', 'sync') }) },
    {
      weight: 8,
      arbitrary: fc.record({
        ...{ do: fc.constant('deliver'), max: fc.integer({ min: 1, max: 3 }) },
        ...{ from: fc.integer({ min: 1, max: 3 }), to: fc.integer({ min: 1, max: 3 }) },
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('turn'), node: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('others') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass') }) },
  ),
  { maxLength: 60 },
) as fc.Arbitrary<Step[]>;

/** The refusal must reach the learner before the commit of the write behind it does. */
const refusedBetweenWrites: Step[] = [
  { do: 'put' },
  { do: 'watch' },
  { do: 'createAgain' },
  { do: 'put' },
];

function operationOf(step: Step, id: number): Operation | undefined {
  const data = new TextEncoder().encode(String(id));
  switch (step.do) {
    case 'put':
      return { type: 'put', path: own, data };
    case 'delete':
      return { type: 'delete', path: own };
    case 'createAgain':
      return { type: 'create', path: own, data, kind: 'persistent', sequential: false };
    case 'get':
    case 'linearizable':
      return { type: 'get', path: own };
    case 'watch':
      return { type: 'get', path: own, watch: true };
    case 'sync':
      return { type: 'sync' };
    default:
      return undefined;
  }
}

/** Runs the program on the stream of one node. @returns the operations by id, and all that was answered */
async function run(
  ensemble: InProcessEnsemble,
  node: EnsembleNode,
  program: readonly Step[],
): Promise<{ asked: Map<number, Step['do']>; answers: CoordinatorAnswer[] }> {
  const asked = new Map<number, Step['do']>();
  let id = 0;
  for (const step of program) {
    const operation = operationOf(step, id + 1);
    if (operation !== undefined) {
      id += 1;
      asked.set(id, step.do);
      const consistency = step.do === 'linearizable' ? 'linearizable' : 'local';
      node.submit({ type: 'request', stream, id, operation, consistency });
    } else if (step.do === 'deliver') {
      if (step.from !== step.to) ensemble.mesh.deliver(step.from, step.to, step.max);
    } else if (step.do === 'turn') {
      ensemble.nodes[step.node]?.turn();
      await new Promise((resolve) => setImmediate(resolve));
    } else if (step.do === 'others') {
      const path = parsePath('/others');
      const put = { type: 'put', path, data: new Uint8Array(1) } as const;
      for (const each of ensemble.nodes) void each.ask(put);
    } else {
      await ensemble.pass(20);
    }
  }
  await ensemble.settle();
  await ensemble.pass(100);
  return { asked, answers: node.take() };
}

/** What the stream's own operations, one after another, must have given; undefined = no znode. */
function check(asked: Map<number, Step['do']>, answers: readonly CoordinatorAnswer[]): void {
  let value: string | undefined;
  let expectedId = 0;
  let lastZxid = 0;
  for (const answer of answers) {
    expect(answer.type === 'result' || answer.type === 'error' || answer.type === 'events').toBe(
      true,
    );
    if (!('zxid' in answer)) continue;
    expect(answer.zxid, 'events and answers stand in one order').toBeGreaterThanOrEqual(lastZxid);
    lastZxid = answer.zxid;
    if (answer.type !== 'result' && answer.type !== 'error') continue;
    expectedId += 1;
    expect(answer.id).toBe(expectedId);
    value = checkOne(asked.get(answer.id), answer, value);
  }
  expect(expectedId, 'everything is answered').toBe(asked.size);
}

function checkOne(
  asked: Step['do'] | undefined,
  answer: Extract<CoordinatorAnswer, { type: 'result' | 'error' }>,
  value: string | undefined,
): string | undefined {
  const code = answer.type === 'error' ? answer.error.code : 'OK';
  switch (asked) {
    case 'put':
      expect(code).toBe('OK');
      return String(answer.id);
    case 'delete':
      expect(code).toBe(value === undefined ? 'NONODE' : 'OK');
      return undefined;
    case 'createAgain':
      expect(code).toBe(value === undefined ? 'OK' : 'NODEEXISTS');
      return value ?? String(answer.id);
    case 'sync':
      expect(code).toBe('OK');
      return value;
    default: {
      expect(code).toBe(value === undefined ? 'NONODE' : 'OK');
      if (answer.type === 'result') {
        const { data } = answer.result as DataResult;
        expect(new TextDecoder().decode(data)).toBe(value);
      }
      return value;
    }
  }
}

describe.each(['learner', 'leader'] as const)('a stream on the %s', (where) => {
  it('keeps its order, whatever happens around it', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 1000 }), async (program, seed) => {
        const ensemble = await InProcessEnsemble.start({ seed });
        const [learner] = ensemble.learners;
        const node = where === 'leader' ? ensemble.theLeader : learner;
        if (node === undefined) throw new Error('three nodes have learners');
        node.submit({ type: 'open', stream, identities: [] });
        const { asked, answers } = await run(ensemble, node, program);
        await ensemble.stop();
        check(asked, answers);
      }),
      { numRuns: 60, examples: [[refusedBetweenWrites, 1]] },
    );
  });
});
