/**
 * A follower that has missed many writes comes back while others go on writing: from the start of its
 * process until it shows by itself a write that was acknowledged after that start; and what it costs the
 * writers meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from '../../children.ts';
import { rounded } from '../../statistics.ts';
import type { PeersCase } from '../context.ts';
import { otherThan, type Ensemble } from '../ensemble.ts';
import type { SteadyCount, SteadyLoad } from '../loads/steady.ts';

const catchUpMaxMs = 300_000;
const pollMs = 20;
const rateWindowMs = 2000;

interface CatchUp {
  readonly tookMs: number;
  readonly rateBefore: number;
  readonly rateDuring: number;
  readonly errors: number;
}

async function measure(ensemble: Ensemble, missedWrites: number): Promise<CatchUp> {
  const leader = await ensemble.leader();
  const follower = otherThan(leader);
  ensemble.process(follower).signal('SIGKILL');
  await ensemble.process(follower).ended();
  const input: SteadyLoad = { system: ensemble.system, port: ensemble.port(leader) };
  const load = await startChild<SteadyCount>('peers/loads/steady.ts', input);
  try {
    const began = performance.now();
    while ((await load.next()).acknowledged < missedWrites) {
      if (performance.now() - began > catchUpMaxMs) throw new Error('the writes take too long');
      await delay(pollMs);
    }
    const first = await load.next();
    await delay(rateWindowMs);
    const before = await load.next();
    const startMs = performance.now();
    await ensemble.launch(follower);
    await untilMarkArrives(ensemble, leader, follower);
    const tookMs = performance.now() - startMs;
    const after = await load.next();
    return {
      tookMs,
      rateBefore: ((before.acknowledged - first.acknowledged) / rateWindowMs) * 1000,
      rateDuring: ((after.acknowledged - before.acknowledged) / tookMs) * 1000,
      errors: after.errors,
    };
  } finally {
    await load.stop();
  }
}

async function untilMarkArrives(
  { recipe, system }: Ensemble,
  leader: number,
  follower: number,
): Promise<void> {
  const mark = `mark ${performance.now()}`;
  await recipe.mark(leader, mark);
  const deadline = performance.now() + catchUpMaxMs;
  while ((await recipe.readMark(follower).catch(() => undefined)) !== mark) {
    if (performance.now() > deadline) throw new Error(`${system}: the follower does not catch up`);
    await delay(pollMs);
  }
}

export const catchUpCase: PeersCase = async ({ ensembles, results, figures, missedWrites }) => {
  for (const ensemble of ensembles) {
    const { tookMs, rateBefore, rateDuring, errors } = await measure(ensemble, missedWrites);
    const kept = (rateDuring / rateBefore) * 100;
    const { system } = ensemble;
    figures.add(system, 'catch-up', tookMs);
    figures.add(system, 'rate kept while one catches up', kept);
    results.value(
      `${system} follower catches up ${missedWrites} writes`,
      `${rounded(tookMs)} ms, writes/s ${rounded(rateBefore)} before and ${rounded(rateDuring)} ` +
        `during it (${rounded(kept)} %)${errors > 0 ? `, ${errors} errors` : ''}`,
    );
  }
};
