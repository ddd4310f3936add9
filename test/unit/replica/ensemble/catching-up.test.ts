/** A node that was away gets what it has missed: from memory, from the log's files, or by a snapshot. */
import { afterEach, describe, expect, it } from 'vitest';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const smallRing = { ringTransactionsMax: 8 };

async function writeMany(count: number, bytes = 10, from = 0): Promise<void> {
  const { theLeader } = ensemble;
  const path = (n: number): string => `/n${n % 40}`;
  const asked: Promise<unknown>[] = [];
  for (let n = from; n < from + count; n += 1) {
    const data = new TextEncoder().encode(`${n}:`.padEnd(bytes, 'x'));
    asked.push(theLeader.ask({ type: 'put', path: parsePath(path(n)), data }));
    if (n % 20 === 0) await ensemble.pass(1);
  }
  const answers = await ensemble.during(Promise.all(asked));
  expect(answers).not.toContainEqual(expect.objectContaining({ type: 'error' }));
}

async function expectEqual(): Promise<void> {
  await ensemble.untilServing();
  await ensemble.untilEqual();
  expect(new Set(ensemble.nodes.map(({ digest }) => digest)).size).toBe(1);
}

const logOf = (id: number): string => ensemble.node(id).log.join('\n');

describe('a follower that was away', () => {
  it('a short while gets the records that are in memory', async () => {
    ensemble = await InProcessEnsemble.start();
    ensemble.isolate(1);
    await writeMany(30);
    ensemble.heal();
    await expectEqual();
    expect(logOf(3)).not.toContain('gets a snapshot');
  });

  it('longer gets the records from the log, and those behind them from memory', async () => {
    ensemble = await InProcessEnsemble.start({ limits: smallRing });
    ensemble.crash(1);
    await writeMany(200);
    await ensemble.restart(1);
    await writeMany(20, 10, 200);
    await expectEqual();
    expect(logOf(3)).not.toContain('gets a snapshot');
  });

  it('too long gets a snapshot, while writes go on', async () => {
    ensemble = await InProcessEnsemble.start({ limits: smallRing });
    await writeMany(50);
    ensemble.crash(1);
    await writeMany(400, 2000);
    await ensemble.during(ensemble.theLeader.replica.takeSnapshot());
    await writeMany(400, 2000, 400);
    await ensemble.restart(1);
    for (let n = 0; n < 20; n += 1) await writeMany(10, 100, 1000 + n * 10);
    await expectEqual();
    expect(logOf(3)).toContain('gets a snapshot');
    expect(logOf(1)).toContain('has been installed');
    await ensemble.restart(1);
    await expectEqual();
  });

  it('leads with what it got by a snapshot, and gives it to others', async () => {
    ensemble = await InProcessEnsemble.start({ limits: smallRing });
    ensemble.crash(2);
    await writeMany(600, 2000);
    await ensemble.restart(2);
    await expectEqual();
    expect(logOf(2)).toContain('has been installed');
    ensemble.crash(3);
    await ensemble.untilServing();
    await writeMany(5);
    await ensemble.restart(3);
    await expectEqual();
  });
});

describe('an observer', () => {
  it('has what is committed, and its absence costs nobody anything', async () => {
    ensemble = await InProcessEnsemble.start({ observers: [4], limits: smallRing });
    expect(ensemble.node(4).status.members.find(({ id }) => id === 4)).toMatchObject({
      role: 'observer',
      state: 'observing',
    });
    await writeMany(30);
    await expectEqual();
    expect((await ensemble.node(4).put('/through', 'observer')).type).toBe('result');
    ensemble.crash(4);
    await writeMany(200);
    await ensemble.restart(4);
    await expectEqual();
    expect(ensemble.theLeader.id).not.toBe(4);
    ensemble.losePower(4);
    await writeMany(600, 2000);
    await ensemble.startNode(4, ensemble.node(4).disk);
    await expectEqual();
    expect(logOf(4)).toContain('has been installed');
  });
});
