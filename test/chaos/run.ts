/** The run: windows of load and harm, each of which ends in peace and a check. */
import { Cluster } from '../support/cluster.ts';
import type { RunReport } from '../support/history/check.ts';
import type { Operation } from '../support/history/operation.ts';
import { isWrite } from '../support/history/operation.ts';
import { httpClient } from '../support/http-client.ts';
import { placesOf, Trial } from '../support/load/trial.ts';
import { seededRandom } from '../support/random.ts';
import { until } from '../support/waiting.ts';
import { Faults } from './faults.ts';
import type { ChaosOptions } from './options.ts';

/** Long enough for several faults, short enough for a quick check and little memory. */
const windowMs = 15_000;

export interface ChaosReport {
  windows: number;
  operations: number;
  uncertain: number;
  uncertainApplied: number;
  transactions: number;
  events: number;
  locks: number;
  linearized: number;
  undecided: number;
  faults: ReadonlyMap<string, number>;
  /** Leaders that came to lead, by their epochs. */
  elections: number;
  longestOutageMs: number;
  /** What was being done to the ensemble meanwhile, and right before. */
  longestOutageUnder: readonly string[];
  violations: string[];
}

export async function chaos(
  { minutes, seed, nodes }: ChaosOptions,
  say: (text: string) => void,
): Promise<ChaosReport> {
  const report = emptyReport();
  const cluster = await Cluster.start({ voters: nodes, observers: 1 });
  const random = seededRandom(seed);
  const faults = new Faults(cluster, random);
  report.faults = faults.counts;
  const endMs = performance.now() + minutes * 60_000;
  try {
    for (let window = 1; performance.now() < endMs; window += 1) {
      const until = Math.min(endMs, performance.now() + windowMs);
      await oneWindow({ cluster, faults, report, window, seed: seed + window, endMs: until });
      report.windows = window;
      say(
        `window ${window}: ${report.operations} operations so far, ${report.uncertain} uncertain, ` +
          `${report.transactions} transactions, ${report.elections} elections`,
      );
    }
  } catch (error) {
    report.violations.push(`${(error as Error).message}\n${cluster.tails(15)}`);
  } finally {
    await cluster.stop();
  }
  return report;
}

interface Window {
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly report: ChaosReport;
  readonly window: number;
  readonly seed: number;
  readonly endMs: number;
}

async function oneWindow({ cluster, faults, report, window, ...at }: Window): Promise<void> {
  const root = `/chaos-${window}`;
  const trial = await Trial.begin({
    ...{ places: placesOf(cluster), seed: at.seed, root, keys: 5, window: 4, thinkMs: 30 },
    ...{ streams: 3, rests: 2, watchers: 2, locks: 2, sessions: 2 },
  });
  const before = await epochOf(cluster);
  await faults.runUntil(() => performance.now() >= at.endMs);
  cluster.heal();
  await cluster.settled(cluster.ids, 60_000);
  // The load goes on in peace for a moment: what is broken for good is found here.
  await trial.progress(30);
  add(report, await trial.verify());
  report.elections += (await epochOf(cluster)) - before;
  const outage = longestOutage(trial.recorder.operations);
  if (outage.ms > report.longestOutageMs) {
    report.longestOutageMs = outage.ms;
    report.longestOutageUnder = faults.done
      .filter(({ fromMs, untilMs }) => fromMs < outage.untilMs && untilMs > outage.fromMs - 1000)
      .map(({ name }) => name);
  }
  await checkMonuments(cluster, window);
  await tidy(cluster, root);
}

function add(report: ChaosReport, checked: RunReport): void {
  report.operations += checked.operations;
  report.uncertain += checked.uncertain;
  report.uncertainApplied += checked.uncertainApplied;
  report.transactions += checked.transactions;
  report.events += checked.events;
  report.locks += checked.locks;
  report.linearized += checked.linearized;
  report.undecided += checked.undecided.length;
}

/** Every window leaves a znode that must be there, as it was, on every node, as long as the run lasts. */
async function checkMonuments(cluster: Cluster, window: number): Promise<void> {
  const path = (index: number): string => `/znodes/monument-${index}`;
  await until('a monument', async () => {
    const [id = 1] = cluster.up;
    const http = httpClient(cluster.node(id).url);
    const answer = await http('PUT', path(window), { body: `of window ${window}` });
    return answer.status < 300 ? true : undefined;
  });
  for (const id of cluster.up) {
    for (let index = 1; index <= window; index += 1) {
      const { status, text } = await httpClient(cluster.node(id).url)('GET', path(index));
      if (text !== `of window ${index}`) {
        throw new Error(`node ${id} has lost the monument of window ${index}: ${status} ${text}`);
      }
    }
  }
}

/** Writes of the window that arrive late find nothing to change. */
async function tidy(cluster: Cluster, root: string): Promise<void> {
  await until('the end of the window', async () => {
    const [id = 1] = cluster.up;
    const http = httpClient(cluster.node(id).url);
    const { status } = await http('DELETE', `/znodes${root}?recursive`);
    return status === 204 || status === 404 ? true : undefined;
  });
}

async function epochOf(cluster: Cluster): Promise<number> {
  const leader = await cluster.newLeader();
  return (await cluster.node(leader).status()).epoch;
}

interface Outage {
  readonly ms: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The longest time in which nobody's write succeeded. */
function longestOutage(operations: readonly Operation[]): Outage {
  const successes = operations
    .flatMap(({ request, answer }) =>
      isWrite(request) && answer?.outcome === 'ok' ? [answer.returnedMs] : [],
    )
    .sort((a, b) => a - b);
  let longest = { ms: 0, fromMs: 0, untilMs: 0 };
  let last = successes[0] ?? 0;
  for (const atMs of successes) {
    if (atMs - last > longest.ms) longest = { ms: atMs - last, fromMs: last, untilMs: atMs };
    last = atMs;
  }
  return longest;
}

function emptyReport(): ChaosReport {
  return {
    ...{ windows: 0, operations: 0, uncertain: 0, uncertainApplied: 0, transactions: 0 },
    ...{ events: 0, locks: 0, linearized: 0, undecided: 0, elections: 0, longestOutageMs: 0 },
    longestOutageUnder: [],
    ...{ faults: new Map<string, number>(), violations: [] },
  };
}
