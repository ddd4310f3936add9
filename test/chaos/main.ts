/** `npm run chaos`: harm by chance to an ensemble under load, and the question whether it has kept its word. */
import process from 'node:process';
import { parseOptions, usage } from './options.ts';
import { chaos } from './run.ts';
import type { ChaosReport } from './run.ts';

function show(report: ChaosReport): string {
  const faults = [...report.faults]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `    ${name}: ${count}`);
  return [
    `${report.windows} windows`,
    `  operations:           ${report.operations}`,
    `  of unknown outcome:   ${report.uncertain}, of which ${report.uncertainApplied} took effect`,
    `  transactions:         ${report.transactions}`,
    `  watch events:         ${report.events}`,
    `  lock tenures:         ${report.locks}`,
    `  histories linearized: ${report.linearized}, given up: ${report.undecided}`,
    `  elections:            ${report.elections}`,
    `  longest write outage: ${Math.round(report.longestOutageMs)} ms, under: ${report.longestOutageUnder.join(', ')}`,
    `  faults:`,
    ...faults,
    `  violations:           ${report.violations.length}`,
    ...report.violations,
  ].join('\n');
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  const { minutes, seed, nodes } = options;
  console.log(`chaos: ${minutes} minutes, seed ${seed}, ${nodes} voters and an observer`);
  const report = await chaos(options, (text) => console.log(text));
  console.log(show(report));
  if (report.violations.length > 0) console.log(`seed ${seed}`);
  return report.violations.length === 0 ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`);
  process.exit(2);
}
