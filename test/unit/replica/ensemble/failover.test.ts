/** A leader that goes: what it has acknowledged stays, and somebody else leads soon. */
import { afterEach, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../../src/protocol/errors.ts';
import type { Operation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import { seededRandom } from '../../../support/random.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const putOf = (path: string, text: string): Operation => ({
  type: 'put',
  path: parsePath(path),
  data: new TextEncoder().encode(text),
});

describe('a leader', () => {
  it('that is killed loses nothing that it has acknowledged', async () => {
    ensemble = await InProcessEnsemble.start();
    const acknowledged: string[] = [];
    const first = ensemble.theLeader;
    for (let n = 0; n < 50; n += 1) {
      void first.ask(putOf(`/n${n}`, 'x')).then(({ type }) => {
        if (type === 'result') acknowledged.push(`/n${n}`);
      });
      if (n % 7 === 0) await ensemble.pass(1);
      if (n === 40) ensemble.losePower(first.id);
    }
    expect(acknowledged.length).toBeGreaterThan(20);
    await ensemble.untilServing();
    const second = ensemble.theLeader;
    expect(second.id).not.toBe(first.id);
    for (const path of acknowledged) expect(await second.get(path)).toBe('x');
    await ensemble.restart(first.id);
    await ensemble.untilServing();
    await ensemble.untilEqual();
    expect(new Set(ensemble.nodes.map(({ digest }) => digest)).size).toBe(1);
  });

  it('that is cut off gives up, and what it alone had in its log is removed when it comes back', async () => {
    ensemble = await InProcessEnsemble.start();
    const first = ensemble.theLeader;
    await first.put('/kept', 'yes');
    ensemble.isolate(first.id);
    const lost = first.ask(putOf('/lost', 'surplus'));
    await ensemble.untilServing(ensemble.learners.map(({ id }) => id));
    const answer = await ensemble.during(lost);
    expect(answer.type === 'error' && outcomeOf(answer.error)).toBe('unknown');
    expect(first.isServing).toBe(false);
    const second = ensemble.theLeader;
    await second.put('/later', 'yes');
    ensemble.heal();
    await ensemble.untilServing([1, 2, 3]);
    await ensemble.untilEqual();
    expect(await first.get('/lost')).toBeUndefined();
    expect(await first.get('/kept')).toBe('yes');
    expect(await first.get('/later')).toBe('yes');
    expect(first.log.join('\n')).toContain('never committed');
    const restarted = await ensemble.restart(first.id);
    await ensemble.untilServing();
    expect(await restarted.get('/lost')).toBeUndefined();
  });

  it('is found again, with everything, when the power of all has gone at once', async () => {
    ensemble = await InProcessEnsemble.start();
    const paths: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      if ((await ensemble.theLeader.put(`/n${n}`, String(n))).type === 'result')
        paths.push(`/n${n}`);
    }
    for (const id of [1, 2, 3]) ensemble.losePower(id, seededRandom(id));
    for (const id of [1, 2, 3]) await ensemble.startNode(id, ensemble.node(id).disk);
    await ensemble.untilServing();
    expect(paths).toHaveLength(30);
    for (const path of paths) expect(await ensemble.theLeader.get(path)).toBe(path.slice(2));
  });

  it('that stops in order hands over, and nobody waits for an election', async () => {
    ensemble = await InProcessEnsemble.start();
    const first = ensemble.theLeader;
    await first.put('/a', '1');
    const startedMs = ensemble.nowMs;
    await first.stop();
    await ensemble.untilServing();
    expect(ensemble.nowMs - startedMs).toBeLessThan(300);
    expect(ensemble.theLeader.id).not.toBe(first.id);
    expect(await ensemble.theLeader.get('/a')).toBe('1');
  });

  it('takes again what its learner forwards after each change', async () => {
    ensemble = await InProcessEnsemble.start();
    for (let round = 0; round < 4; round += 1) {
      const [learner] = ensemble.learners;
      expect(await learner?.put(`/round${round}`, 'x')).toMatchObject({ type: 'result' });
      const { id } = ensemble.theLeader;
      ensemble.crash(id);
      await ensemble.untilServing();
      await ensemble.restart(id);
      await ensemble.untilServing();
    }
    await ensemble.untilEqual();
    for (const node of ensemble.nodes) expect(await node.get('/round3')).toBe('x');
  });
});
