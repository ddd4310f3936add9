/** Checks of what is said of a session that has ended, or whose end is on its way. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import type { SessionResult } from '../../../src/protocol/operations.ts';
import { InProcessEnsemble } from '../../support/in-process-ensemble.ts';
import type { EnsembleOptions } from '../../support/in-process-ensemble.ts';
import type { Checks } from './checks.ts';

const superIdentity = { scheme: 'digest', id: 'super:x' } as const;
const caller = { identities: [superIdentity] };

interface Scene {
  readonly ensemble: InProcessEnsemble;
  /** One session, which all nodes know. */
  readonly session: number;
}

/** Plays in an ensemble, which is stopped in any case. */
async function play(
  { timeoutMs, ...options }: EnsembleOptions & { readonly timeoutMs: number },
  scene: (scene: Scene) => Promise<void>,
): Promise<void> {
  const settings = { tickMs: 50, sessionTimeoutMinMs: 100, superIdentity };
  const ensemble = await InProcessEnsemble.start({ settings, ...options });
  try {
    const made = await ensemble.theLeader.request({ type: 'newSession', timeoutMs });
    if (made.type === 'error') throw new Error(made.error.detail);
    const { id } = made.result as SessionResult;
    await ensemble.untilEqual();
    await scene({ ensemble, session: id });
  } finally {
    await ensemble.stop();
  }
}

/** Somebody with super rights touches a session whose end is in the log of the leader alone. */
async function touchedSessionIsNotJudged(): Promise<void> {
  let isStalled = false;
  const disk: EnsembleOptions['disk'] = (id) => ({
    fault: ({ path }) =>
      isStalled && id !== 3 && path.startsWith('log/') ? { type: 'stall' } : undefined,
  });
  await play({ timeoutMs: 2000, disk }, async ({ ensemble, session }) => {
    const { theLeader } = ensemble;
    isStalled = true;
    await ensemble.pass(2500);
    const answer = theLeader.ask({ type: 'sessionInfo', session, touch: true }, { caller });
    await ensemble.pass(200);
    isStalled = false;
    for (const node of ensemble.nodes) node.disk.release();
    const { type } = await ensemble.during(answer);
    strictEqual(type, 'error', 'the answer to a sign of life that saves nothing');
  });
}

/** One stream comes with a session before that ends, and one after. */
function carriersAreTold(which: 'early' | 'late'): () => Promise<void> {
  return () =>
    play({ timeoutMs: 60_000 }, async ({ ensemble, session }) => {
      const node = ensemble.theLeader;
      const open = { type: 'open', stream: 1, identities: [], session } as const;
      if (which === 'early') node.submit(open);
      await node.request({ type: 'closeSession', session }, { caller });
      if (which === 'late') node.submit(open);
      await ensemble.settle();
      const told = node.take().filter(({ type }) => type === 'session');
      deepStrictEqual(told, [{ type: 'session', stream: 1, state: 'expired' }]);
    });
}

/** A learner is asked about a session of which it has heard nothing itself. */
async function learnerKnowsLifeItself(): Promise<void> {
  await play({ timeoutMs: 60_000 }, async ({ ensemble, session }) => {
    for (const node of ensemble.learners) {
      const answer = await node.request({ type: 'sessionInfo', session }, { caller });
      if (answer.type === 'error') throw new Error(answer.error.detail);
      const { expiresInMs } = answer.result as { readonly expiresInMs: number };
      strictEqual(expiresInMs > 59_000, true, `${expiresInMs} ms of 60 s`);
    }
  });
}

export const checks: Checks = {
  touchedSessionIsNotJudged,
  carriersAreNotTold: carriersAreTold('early'),
  lateCarriersAreNotTold: carriersAreTold('late'),
  learnerKnowsLifeItself,
};
