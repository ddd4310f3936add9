/**
 * `npm run bench -- [--quick] [--seconds 1] [--only rest,websocket,…] [--peers] [--beside DIR] [--json FILE]`
 *
 * Measures the built server as a process of its own, fsync on, on a real disk, beside what the machine
 * allows; prints a table and says of each goal whether it is met. Differences below a third mean little:
 * the load runs on the same cores. CPU per operation is the steadier figure.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { builds } from './cases/builds.ts';
import { capacity } from './cases/capacity.ts';
import { peers } from './cases/peers.ts';
import { rest } from './cases/rest.ts';
import { idle, watchers } from './cases/streams.ts';
import { websocket } from './cases/websocket.ts';
import { writer } from './cases/writer.ts';
import type { BenchContext, Case } from './context.ts';
import { makeWorkFolder } from './host.ts';
import { httpLoadTool } from './loads/wrk.ts';
import { commandLine } from '../support/command-line.ts';
import { formatGoal, header, isMet, ratioOf, Results } from './results.ts';

const usage = `usage: npm run bench -- [--quick] [--seconds N] [--only rest,websocket,writer,watchers,idle,capacity,peers,builds]
  [--peers] [--beside DIR] [--json FILE]

--only builds --beside DIR compares this build with another built checkout.`;

const cases = {
  rest,
  websocket,
  writer,
  watchers,
  idle,
  capacity,
  peers,
  builds,
} as const satisfies Record<string, Case>;
type CaseName = keyof typeof cases;
const isCase = (name: string): name is CaseName => name in cases;

function chosenCases(only: string | undefined, withPeers: boolean): CaseName[] {
  const all = Object.keys(cases).filter(isCase);
  if (only === undefined) {
    return all.filter((name) => name !== 'builds' && (name !== 'peers' || withPeers));
  }
  return only.split(',').map((name) => {
    if (!isCase(name)) throw new Error(`--only: no case ${name}; there are ${all.join(', ')}`);
    return name;
  });
}

async function main(): Promise<void> {
  const { values } = commandLine(usage, {
    options: {
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'boolean', default: false },
      beside: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const { quick } = values;
  const chosen = chosenCases(values.only, values.peers);
  const seconds = Number(values.seconds ?? (quick ? 0.4 : 1));
  if (!(seconds > 0)) throw new Error('--seconds must be a number above 0');
  // What was started and written goes when the process ends, and so it must end by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(130));
  const results = new Results();
  const context: BenchContext = {
    ...{ results, folder: await makeWorkFolder(), seconds, quick },
    ...(values.beside !== undefined && { beside: values.beside }),
  };
  console.log(`load on HTTP by ${httpLoadTool()}`);
  console.log(header);
  for (const name of chosen) await cases[name](context);
  console.log();
  for (const goal of results.goals) console.log(formatGoal(goal));
  if (values.json !== undefined) await writeFile(values.json, report(results));
}

function report({ rows, goals }: Results): string {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    node: process.version,
    time: new Date().toISOString(),
  };
  const judged = goals.map((goal) => ({ ...goal, met: isMet(goal), ratio: ratioOf(goal) }));
  return `${JSON.stringify({ machine, rows, goals: judged }, null, 2)}\n`;
}

await main();
