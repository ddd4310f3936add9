/** A process of `fleet.ts`: runs the seeds that it is sent, and says what came of each. */
import { simulate } from './simulate.ts';

export interface SeedResult {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly traceHash: string;
  readonly simulatedMs: number;
}

process.on('message', (seed: number) => {
  simulate({ seed }).then(
    ({ failure, traceHash, simulatedMs }) => {
      const result: SeedResult = { seed, failure: failure?.message, traceHash, simulatedMs };
      process.send?.(result);
    },
    (error: unknown) => {
      throw error;
    },
  );
});
