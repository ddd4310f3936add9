/** Processes that run seeds: each is sent one, answers with what came of it, and is sent the next. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FaultSwarm } from './swarm.ts';
import type { SeedResult } from './worker.ts';

/** A run that takes longer does not come to its end, milliseconds. */
const PATIENCE_MS = 180_000;

/** Of the simulator as it is; a mutant has its own. */
const unmutated = new URL('./worker.ts', import.meta.url);

/** A run makes much that lives shortly: with a larger young generation hardly any of it is copied. */
const heap = '--max-semi-space-size=32';

export interface Task {
  /** The next seed; undefined when there is no more to do. */
  readonly draw: () => number | undefined;
  readonly take: (result: SeedResult) => void;
  readonly worker?: URL;
  /** In the place of what the seeds draw. */
  readonly faults?: Partial<FaultSwarm>;
}

/** One process after another that runs seeds as long as there are any; one that ends by itself has failed its seed. */
export async function employ(task: Task): Promise<void> {
  let isDone = false;
  while (!isDone) isDone = await oneProcess(task);
}

/** @returns false when it has ended by itself and there may be more to do */
function oneProcess({ draw, take, worker = unmutated, faults = {} }: Task): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let seed = draw();
    if (seed === undefined) {
      resolve(true);
      return;
    }
    const execArgv = [...process.execArgv, heap];
    const child = fork(fileURLToPath(worker), [JSON.stringify(faults)], { execArgv });
    const watch = new Watch(child);
    const goOn = (): void => {
      if (seed === undefined) child.disconnect();
      else child.send(seed);
      watch.begin(seed !== undefined);
    };
    child.on('message', (message) => {
      take(message as SeedResult);
      seed = draw();
      goOn();
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      watch.begin(false);
      const lost = seed;
      if (lost !== undefined) take(lostResult(lost, watch.isOver ? 'no end' : `${code ?? signal}`));
      resolve(lost === undefined);
    });
    goOn();
  });
}

/** Ends a process that does not come to an end. */
class Watch {
  readonly #child: ChildProcess;
  #timer: NodeJS.Timeout | undefined;
  isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  begin(isBusy: boolean): void {
    clearTimeout(this.#timer);
    if (!isBusy) return;
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#child.kill('SIGKILL');
    }, PATIENCE_MS);
  }
}

function lostResult(seed: number, how: string): SeedResult {
  const failure =
    how === 'no end'
      ? `the run has not ended within ${PATIENCE_MS / 1000} s`
      : `the process has ended with ${how}`;
  return { seed, failure, traceHash: '', simulatedMs: 0, cpuMs: 0, isPlain: false };
}
