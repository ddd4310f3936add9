/** All checks over the history of a run. Pure: the same history has the same report. */
import { Findings } from './facts.ts';
import type { Ledger, LockClaim, SessionFact, WatchLog } from './facts.ts';
import { linearize } from './linearizability.ts';
import type { Model, TimedCall } from './linearizability.ts';
import { partitions, registerModel, sequenceModel } from './models.ts';
import { describe, isUncertain, isWrite } from './operation.ts';
import type { Operation } from './operation.ts';
import { checkFence, checkLocks, checkSessions } from './sessions.ts';
import { checkStreams } from './streams.ts';
import { Timeline } from './timeline.ts';
import { checkWatch } from './watches.ts';
import { ZxidOrder } from './zxid-order.ts';

export interface RunHistory {
  /** The znode that the run has made for itself; everything is below it. */
  readonly root: string;
  readonly operations: readonly Operation[];
  /** As the nodes tell it, each of its own. */
  readonly ledgers: readonly Ledger[];
  readonly watches: readonly WatchLog[];
  readonly sessions: readonly SessionFact[];
  readonly claims: readonly LockClaim[];
  /** The znode that lock holders write under their token. */
  readonly fence?: string;
}

export interface RunReport {
  readonly violations: readonly string[];
  readonly operations: number;
  /** Writes of which their client has never learnt what became of them. */
  readonly uncertain: number;
  /** Of these, those that have taken effect. */
  readonly uncertainApplied: number;
  readonly transactions: number;
  readonly events: number;
  readonly locks: number;
  /** Znodes and sequences whose calls have been put in an order that explains them. */
  readonly linearized: number;
  /** Those for which the search has been given up. */
  readonly undecided: readonly string[];
}

export interface CheckOptions {
  /** Of the search for each partition. */
  readonly stepsMax?: number;
}

export function checkRun(run: RunHistory, options: CheckOptions = {}): RunReport {
  const findings = new Findings();
  const ledger = agreed(run.ledgers, findings);
  const timeline = new Timeline(run.root, ledger.entries, findings);
  const { placement } = new ZxidOrder(timeline, run.operations, findings);
  checkStreams(run.operations, { ...placement, timeline }, findings);
  const { operations } = run;
  const check = { timeline, operations, placement, findings, end: ledger.to };
  checkSessions(run.sessions, check);
  const locks = checkLocks(run.claims, check);
  if (run.fence !== undefined) checkFence(run.fence, check);
  const events = run.watches.reduce(
    (sum, log) => sum + checkWatch(log, ledger.entries, findings),
    0,
  );
  const uncertain = operations.filter(isUncertain);
  return {
    ...searchOrders(operations, findings, options),
    violations: findings.violations,
    operations: operations.length,
    uncertain: uncertain.length,
    uncertainApplied: uncertain.filter((operation) => placement.placed.has(operation)).length,
    ...{ transactions: ledger.entries.length, events, locks },
  };
}

/** The longest ledger, when all agree on what they share. */
function agreed(ledgers: readonly Ledger[], findings: Findings): Ledger {
  const longest = [...ledgers].sort((a, b) => b.entries.length - a.entries.length)[0];
  if (longest === undefined) return { node: 0, from: 0, to: 0, entries: [] };
  const texts = new Map(longest.entries.map((entry) => [entry.zxid, JSON.stringify(entry)]));
  for (const ledger of ledgers) {
    const zxids = new Set(ledger.entries.map(({ zxid }) => zxid));
    for (const entry of ledger.entries) {
      const text = JSON.stringify(entry);
      if (texts.get(entry.zxid) === text) continue;
      const other = texts.get(entry.zxid) ?? 'nothing';
      findings.add('agreement', `node ${ledger.node} has ${text}, ${longest.node} has ${other}`);
    }
    for (const { zxid } of longest.entries) {
      if (zxid > ledger.from && zxid <= ledger.to && !zxids.has(zxid)) {
        findings.add('agreement', `node ${ledger.node} has not the ${zxid} of ${longest.node}`);
      }
    }
  }
  return longest;
}

function searchOrders(
  operations: readonly Operation[],
  findings: Findings,
  { stepsMax }: CheckOptions,
): Pick<RunReport, 'linearized' | 'undecided'> {
  const undecided: string[] = [];
  let linearized = 0;
  const search = <State>(
    model: Model<State, Operation>,
    calls: ReadonlyMap<string, readonly TimedCall<Operation>[]>,
  ): void => {
    for (const [path, timed] of calls) {
      const verdict = linearize(model, timed, stepsMax);
      if (verdict.verdict === 'violation') {
        const last = verdict.longest.slice(-3).map(describe).join('; ');
        const text = `${path}: nothing explains ${describe(verdict.stuck)} after ${last}`;
        findings.add('linearizable', text);
      } else if (verdict.verdict === 'linearizable') linearized += 1;
      else undecided.push(path);
    }
  };
  const { registers, sequences } = partitions(operations.filter(mattersToSearch));
  search(registerModel, registers);
  search(sequenceModel, sequences);
  return { linearized, undecided };
}

function mattersToSearch({ request, answer }: Operation): boolean {
  return isWrite(request) || answer !== undefined;
}
