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
  /** Three voters and nobody else, and faults of all kinds: what paces are compared by. */
  readonly isPlain: boolean;
}

const [, , faultsText = '{}'] = process.argv;
const faults = JSON.parse(faultsText) as Partial<FaultSwarm>;

process.on('message', (seed: number) => {
  const before = process.cpuUsage();
  simulate({ seed, faults }).then(
    ({ failure, traceHash, simulatedMs, swarm }) => {
      const { user, system } = process.cpuUsage(before);
      const cpuMs = (user + system) / 1000;
      const failed = failure?.message;
      const { voters, observers, isBornFirst } = swarm;
      const isPlain = voters.length === 3 && observers.length === 0 && !isBornFirst;
      const result = { seed, failure: failed, traceHash, simulatedMs, cpuMs, isPlain };
      process.send?.(result satisfies SeedResult);
    },
    (error: unknown) => {
      throw error;
    },
  );
});
