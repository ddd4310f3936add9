/**
 * `npm run bench:peers -- [--quick] [--seconds 3] [--rounds 3] [--trials 20] [--missed 100000]
 * [--only pipelined,writer,rest,outage,hand-off,catch-up] [--systems zoogate,zookeeper,etcd] [--json FILE]`
 *
 * Three nodes of the built Zoogate beside three servers of ZooKeeper and three members of etcd, in turns in
 * the same minutes, fsync on, on a real disk, with the load on the same machine. CPU per operation is the
 * sum over the three processes, and the steadier figure. What is not installed is left out.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { zooKeeperMissing } from '../../crosscheck/zookeeper-server.ts';
import { commandLine } from '../../support/command-line.ts';
import { makeWorkFolder } from '../host.ts';
import { httpLoadTool } from '../loads/wrk.ts';
import { formatGoal, header, isMet, ratioOf, Results } from '../results.ts';
import { catchUpCase } from './cases/catch-up.ts';
import { handOffCase, outageCase } from './cases/outage.ts';
import { pipelinedCase, restCase, writerCase } from './cases/throughput.ts';
import type { PeersCase } from './context.ts';
import { Ensemble, type Recipe } from './ensemble.ts';
import { etcdMissing, etcdRecipe } from './ensembles/etcd.ts';
import { zoogateRecipe } from './ensembles/zoogate.ts';
import { zooKeeperRecipe } from './ensembles/zookeeper.ts';
import { Figures, goalsOf } from './goals.ts';

const usage = `usage: npm run bench:peers -- [--quick] [--seconds N] [--rounds N] [--trials N] [--missed N]
  [--only pipelined,writer,rest,outage,hand-off,catch-up] [--systems zoogate,zookeeper,etcd] [--json FILE]`;

const cases: Readonly<Record<string, PeersCase>> = {
  pipelined: pipelinedCase,
  writer: writerCase,
  rest: restCase,
  outage: outageCase,
  'hand-off': handOffCase,
  'catch-up': catchUpCase,
};

interface Candidate {
  readonly missing: () => string | undefined;
  readonly recipe: (folder: string) => Promise<Recipe>;
}

const systems: Readonly<Record<string, Candidate>> = {
  zoogate: { missing: () => undefined, recipe: zoogateRecipe },
  zookeeper: { missing: zooKeeperMissing, recipe: zooKeeperRecipe },
  etcd: { missing: etcdMissing, recipe: etcdRecipe },
};

/** @throws Error for a name that is none of `known` */
function chosen<Value>(
  option: string,
  given: string | undefined,
  known: Readonly<Record<string, Value>>,
): (readonly [string, Value])[] {
  const names = given === undefined ? Object.keys(known) : given.split(',');
  return names.map((name) => {
    const value = known[name];
    if (value !== undefined) return [name, value];
    throw new Error(`--${option}: no ${name}; there are ${Object.keys(known).join(', ')}`);
  });
}

function positive(option: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (value > 0) return value;
  throw new Error(`--${option} must be a number above 0`);
}

async function startAll(wanted: readonly (readonly [string, Candidate])[], results: Results) {
  const folder = await makeWorkFolder();
  const ensembles: Ensemble[] = [];
  for (const [name, { missing, recipe }] of wanted) {
    const problem = missing();
    if (problem === undefined) ensembles.push(await Ensemble.start(await recipe(folder)));
    else results.value(name, `not measured, it is not installed: ${problem}`);
  }
  return ensembles;
}

async function main(): Promise<void> {
  const { values } = commandLine(usage, {
    options: {
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      trials: { type: 'string' },
      missed: { type: 'string' },
      only: { type: 'string' },
      systems: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const { quick } = values;
  const wantedCases = chosen('only', values.only, cases);
  const wantedSystems = chosen('systems', values.systems, systems);
  const numbers = {
    seconds: positive('seconds', values.seconds, quick ? 0.5 : 3),
    rounds: positive('rounds', values.rounds, quick ? 1 : 3),
    trials: positive('trials', values.trials, quick ? 2 : 20),
    missedWrites: positive('missed', values.missed, quick ? 5000 : 100_000),
  };
  // What was started and written goes when the process ends, and so it must end by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(130));
  // Each of the nine servers is ended with this process.
  process.setMaxListeners(32);
  const [results, figures] = [new Results(), new Figures()];
  console.log(`load on HTTP by ${httpLoadTool()}`);
  console.log(header);
  const ensembles = await startAll(wantedSystems, results);
  try {
    for (const [, one] of wantedCases) await one({ results, figures, ensembles, ...numbers });
  } finally {
    await Promise.all(ensembles.map((ensemble) => ensemble.stop()));
  }
  for (const goal of goalsOf(figures)) results.goal(goal);
  console.log();
  for (const goal of results.goals) console.log(formatGoal(goal));
  if (values.json !== undefined) await writeFile(values.json, report(results, numbers));
}

function report({ rows, goals }: Results, numbers: object): string {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    node: process.version,
    time: new Date().toISOString(),
  };
  const judged = goals.map((goal) => ({ ...goal, met: isMet(goal), ratio: ratioOf(goal) }));
  return `${JSON.stringify({ machine, ...numbers, rows, goals: judged }, null, 2)}\n`;
}

await main();
