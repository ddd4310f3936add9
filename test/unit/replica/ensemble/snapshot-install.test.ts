/** A snapshot that takes the place of everything: what clients of the node are told, and what stays. */
import { afterEach, describe, expect, it } from 'vitest';
import type {
  AttachResult,
  Operation,
  SessionResult,
} from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

const limits = { ringTransactionsMax: 8, leaderGraceMs: 0 };

const put = (path: string): Operation => ({
  type: 'put',
  path: parsePath(path),
  data: new Uint8Array(2000),
});

async function writeMany(count: number): Promise<void> {
  const asked: Promise<unknown>[] = [];
  for (let n = 0; n < count; n += 1) {
    asked.push(ensemble.theLeader.ask(put(`/n${n % 20}`)));
    if (n % 20 === 0) await ensemble.pass(1);
  }
  await ensemble.during(Promise.all(asked));
}

/** Node 1 is away for so long that it can only be helped by a snapshot. */
async function fallBehind(): Promise<void> {
  ensemble.isolate(1);
  await ensemble.until(() => !ensemble.node(1).isServing);
  await writeMany(500);
  await ensemble.during(ensemble.theLeader.replica.takeSnapshot());
  await writeMany(100);
  ensemble.heal();
  await ensemble.untilServing();
  await ensemble.untilEqual();
  expect(ensemble.node(1).log.join('\n')).toContain('has been installed');
}

describe('a snapshot from the leader', () => {
  it('tells those who watch on the node that events are gone', async () => {
    ensemble = await InProcessEnsemble.start({ limits });
    const node = ensemble.node(1);
    const attach = { session: 'none', identities: [], watches: [] } as const;
    node.submit({ type: 'open', stream: 7, identities: [] });
    node.submit({ type: 'request', stream: 7, id: 1, operation: { type: 'attach', ...attach } });
    const path = parsePath('/n1');
    const watch = { type: 'watch', path, mode: 'persistent' } as const;
    node.submit({ type: 'request', stream: 7, id: 2, operation: watch });
    await ensemble.settle();
    expect(node.take()).toMatchObject([{ id: 1 }, { id: 2, type: 'result' }]);
    await fallBehind();
    const [gone, ...rest] = node.take();
    expect(gone).toMatchObject({ type: 'gone', stream: 7 });
    let zxid = (gone as { currentZxid: number }).currentZxid;
    for (const answer of rest as { zxid?: number; currentZxid?: number }[]) {
      const next = answer.zxid ?? answer.currentZxid ?? 0;
      expect(next, 'nothing from before the gap').toBeGreaterThan(zxid);
      zxid = next;
    }
    await ensemble.theLeader.request(put('/n1'));
    await ensemble.untilEqual();
    expect(node.take()).toMatchObject([{ type: 'events', stream: 7 }]);
  });

  it('ends streams that came with a session whose end this node has missed', async () => {
    ensemble = await InProcessEnsemble.start({ limits });
    const node = ensemble.node(1);
    const answer = await node.request({ type: 'newSession', timeoutMs: 4000 });
    const { id: session } = (answer as { result: SessionResult }).result;
    const watch = { type: 'watch', path: parsePath('/n1'), mode: 'persistent' } as const;
    node.submit({ type: 'open', stream: 7, identities: [], session });
    node.submit({ type: 'request', stream: 7, id: 1, operation: watch });
    ensemble.isolate(1);
    await ensemble.pass(8000);
    await fallBehind();
    expect(node.take()).toContainEqual({ type: 'session', stream: 7, state: 'expired' });
    expect(node.replica.metrics().streams).toBe(0);
  });

  it('brings sessions along, and the ends of those that this node has missed', async () => {
    ensemble = await InProcessEnsemble.start({ limits });
    const node = ensemble.node(1);
    for (const stream of [7, 8]) {
      const attach = { session: 'new', identities: [], watches: [] } as const;
      node.submit({ type: 'open', stream, identities: [] });
      node.submit({
        ...{ type: 'request', stream, id: stream },
        operation: { type: 'attach', ...attach, timeoutMs: 60_000 },
      });
    }
    await ensemble.pass(100);
    const sessions = node.take().flatMap((answer) => {
      const id = answer.type === 'result' && (answer.result as AttachResult).session?.id;
      return typeof id === 'number' ? [id] : [];
    });
    expect(sessions).toHaveLength(2);
    ensemble.isolate(1);
    const [, session = 0] = sessions;
    await ensemble.theLeader.request({ type: 'closeSession', session });
    await fallBehind();
    expect(node.take()).toContainEqual(
      expect.objectContaining({ type: 'session', stream: 8, state: 'expired' }),
    );
    expect(node.replica.metrics().sessions).toBe(1);
    expect(node.digest).toBe(ensemble.theLeader.digest);
  });

  it('that is cut off half way leaves the old state, and is begun again', async () => {
    ensemble = await InProcessEnsemble.start({ limits });
    ensemble.crash(1);
    await writeMany(500);
    ensemble.mesh.delay(3, 1, 500);
    const node = await ensemble.restart(1);
    const isSent = (): boolean =>
      ensemble.mesh.inFlight(3, 1).some(({ type }) => type === 'SNAPSHOT');
    await ensemble.until(isSent);
    ensemble.isolate(1);
    await ensemble.pass(1000);
    expect(node.log.join('\n')).not.toContain('has been installed');
    await ensemble.restart(1);
    ensemble.mesh.delay(3, 1, 0);
    ensemble.heal();
    await ensemble.untilServing();
    await ensemble.untilEqual();
    expect(ensemble.node(1).digest).toBe(ensemble.theLeader.digest);
  });

  it('that arrives damaged changes nothing; the next one is whole', async () => {
    ensemble = await InProcessEnsemble.start({ limits });
    ensemble.crash(1);
    await writeMany(500);
    const { disk } = ensemble.theLeader;
    await ensemble.during(ensemble.theLeader.replica.takeSnapshot());
    const names = await disk.list('snapshots');
    disk.flipBit(`snapshots/${names.at(-1) ?? ''}`, 5000);
    await writeMany(100);
    await ensemble.restart(1);
    await ensemble.untilServing();
    expect(ensemble.node(1).log.join('\n')).toContain('was not installed');
    expect(ensemble.node(1).log.join('\n')).toContain('has been installed');
    await ensemble.untilEqual();
    expect(ensemble.node(1).digest).toBe(ensemble.theLeader.digest);
  });
});
