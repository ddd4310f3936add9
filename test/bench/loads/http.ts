/**
 * Load on HTTP, a number of connections with one request each: by wrk where it is installed, since a load
 * that costs more than the server measures itself; else by autocannon.
 */
import { childInput, print } from '../children.ts';
import { Window } from '../window.ts';
import type { Quantiles } from '../window.ts';
import { runAutocannon } from './autocannon.ts';
import { httpLoadTool, runWrk } from './wrk.ts';

export interface HttpLoad {
  readonly url: string;
  readonly serverPid: number | readonly number[];
  readonly seconds: number;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly connections: number;
  readonly body?: string;
}

export interface HttpRun {
  readonly requests: number;
  readonly latencies: readonly number[] | Quantiles;
  /** Answers that are no success, and what has failed before an answer. */
  readonly bad: number;
}

const warmUpSeconds = 0.3;
const load = childInput() as HttpLoad;
const run = httpLoadTool() === 'wrk' ? runWrk : runAutocannon;

await run({ ...load, seconds: warmUpSeconds });
const window = new Window(load.serverPid);
const { requests, latencies, bad } = await run(load);
print(window.finish(requests, latencies, bad));
