/** A process of `crew.ts`: runs the seeds that it is sent, and says what came of each. */
import { simulate } from './simulate.ts';
import type { FaultSwarm } from './swarm.ts';

export interface SeedResult {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly traceHash: string;
  readonly simulatedMs: number;
  /** Time of a core that it took. */
  readonly cpuMs: number;
}

const [, , faultsText = '{}'] = process.argv;
const faults = JSON.parse(faultsText) as Partial<FaultSwarm>;

process.on('message', (seed: number) => {
  const before = process.cpuUsage();
  simulate({ seed, faults }).then(
    ({ failure, traceHash, simulatedMs }) => {
      const { user, system } = process.cpuUsage(before);
      const cpuMs = (user + system) / 1000;
      const failed = failure?.message;
      process.send?.({ seed, failure: failed, traceHash, simulatedMs, cpuMs } satisfies SeedResult);
    },
    (error: unknown) => {
      throw error;
    },
  );
});
