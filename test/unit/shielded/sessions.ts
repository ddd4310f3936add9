/** Checks of what is said of a session whose end is on its way. */
import { strictEqual } from 'node:assert/strict';
import type { SessionResult } from '../../../src/protocol/operations.ts';
import { InProcessEnsemble } from '../../support/in-process-ensemble.ts';
import type { Checks } from './checks.ts';

const superIdentity = { scheme: 'digest', id: 'super:x' } as const;

/** Somebody with super rights touches a session whose end is in the log of the leader alone. */
async function touchedSessionIsNotJudged(): Promise<void> {
  let isStalled = false;
  const ensemble = await InProcessEnsemble.start({
    settings: { tickMs: 50, sessionTimeoutMinMs: 100, superIdentity },
    disk: (id) => ({
      fault: ({ path }) =>
        isStalled && id !== 3 && path.startsWith('log/') ? { type: 'stall' } : undefined,
    }),
  });
  const { theLeader } = ensemble;
  const made = await theLeader.request({ type: 'newSession', timeoutMs: 300 });
  if (made.type === 'error') throw new Error(made.error.detail);
  const { id: session } = made.result as SessionResult;
  isStalled = true;
  await ensemble.pass(700);
  const caller = { identities: [superIdentity] };
  const answer = theLeader.ask({ type: 'sessionInfo', session, touch: true }, { caller });
  await ensemble.pass(200);
  isStalled = false;
  for (const { disk } of ensemble.nodes) disk.release();
  const { type } = await ensemble.during(answer);
  await ensemble.stop();
  strictEqual(type, 'error', 'the answer to a sign of life that saves nothing');
}

export const checks: Checks = { touchedSessionIsNotJudged };
