/**
 * For how long nothing is written when the leader goes: from the last write acknowledged before to the
 * first one acknowledged after it, as one client of a member that stays sees it. The client has one write
 * outstanding and tries again 5 ms after one that failed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { median, rounded } from '../../statistics.ts';
import type { PeersCase, PeersContext } from '../context.ts';
import { otherThan, type Ensemble, type RetryingWriter } from '../ensemble.ts';

const retryMs = 5;
const beforeMs = 500;
const outageMaxMs = 30_000;
/** A member that has just come back is given this time before the next leader goes. */
const restMs = 500;

/** Writes until it is stopped, and knows the longest time without an acknowledgement. */
class Watch {
  readonly #writer: RetryingWriter;
  #lastMs: number | undefined;
  #longestMs = 0;
  #isStopped = false;
  #isMeasuring = false;
  acknowledged = 0;
  readonly #running: Promise<void>;

  constructor(writer: RetryingWriter) {
    this.#writer = writer;
    this.#running = this.#run();
  }

  /** From now on gaps count; also the one that is open. */
  measure(): void {
    this.#isMeasuring = true;
  }

  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#running;
    this.#writer.close();
    return this.#longestMs;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (!(await this.#writer.write())) {
        await delay(retryMs);
        continue;
      }
      const nowMs = performance.now();
      if (this.#isMeasuring && this.#lastMs !== undefined) {
        this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
      }
      this.#lastMs = nowMs;
      this.acknowledged++;
    }
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + outageMaxMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${outageMaxMs} ms`);
    await delay(retryMs);
  }
}

async function trial(ensemble: Ensemble, signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
  const { system } = ensemble;
  const leader = await ensemble.leader();
  const watch = new Watch(ensemble.recipe.writer(otherThan(leader)));
  await delay(beforeMs);
  await until(() => watch.acknowledged > 10, `${system}: writes before the leader goes`);
  watch.measure();
  ensemble.process(leader).signal(signal);
  await ensemble.process(leader).ended();
  // What was under way when the process ended may still be acknowledged by the others.
  await delay(2 * beforeMs);
  const before = watch.acknowledged;
  await until(() => watch.acknowledged > before + 10, `${system}: writes after the leader went`);
  const longestMs = await watch.stop();
  await ensemble.startMember(leader);
  await delay(restMs);
  return longestMs;
}

async function measure(
  { ensembles, results, figures, trials }: PeersContext,
  kind: {
    readonly figure: 'outage' | 'hand-off';
    readonly signal: 'SIGKILL' | 'SIGTERM';
    readonly name: string;
  },
): Promise<void> {
  const taken = new Map(ensembles.map((ensemble) => [ensemble, [] as number[]]));
  for (let round = 0; round < trials; round++) {
    for (const [ensemble, values] of taken) values.push(await trial(ensemble, kind.signal));
  }
  for (const [{ system }, values] of taken) {
    for (const value of values) figures.add(system, kind.figure, value);
    const [middle, worst] = [median(values), Math.max(...values)].map(rounded);
    const text = `median ${String(middle)} ms, worst ${String(worst)} ms of ${values.length}`;
    results.value(`${system} ${kind.name}: no write for`, text);
  }
}

export const outageCase: PeersCase = (context) =>
  measure(context, { figure: 'outage', signal: 'SIGKILL', name: 'leader killed with -9' });

export const handOffCase: PeersCase = (context) =>
  measure(context, { figure: 'hand-off', signal: 'SIGTERM', name: 'leader told to end' });
