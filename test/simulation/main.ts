/** `npm run simulate`: one seed with its trace, as many as a time allows, the mutants, or a whole small space. */
import { commandLine, numberOf } from '../support/command-line.ts';
import { exhaustiveOptions, runExhaustive } from './exhaustive/command.ts';
import { keepSchedule, minimise, readSchedule, textOfFault } from './schedule.ts';
import { simulate } from './simulate.ts';
import type { Outcome, SimulateOptions } from './simulate.ts';
import { simulateMany } from './fleet.ts';
import { hunt } from './hunt.ts';
import type { Finding } from './hunt.ts';
import { mutants } from './mutants/index.ts';
import { MutantTable } from './mutants/table.ts';

/** Of the trace, before what a run has found. */
const LINES_KEPT = 80;

const usage = `npm run simulate -- --seed N [--trace] [--until MS] [--minimise SECONDS]
npm run simulate -- --replay FILE [--trace] [--minimise SECONDS]
npm run simulate -- --seconds S|--count N [--from SEED] [--jobs N]
npm run simulate -- --mutants [NAME …] [--missing] [--seeds N] [--seconds S] [--jobs N]
npm run simulate -- --exhaustive [--begin newborn|founded|divided] [--crashes N] [--timeouts N]
  [--transactions N] [--elections N] [--cuts N] [--votes] [--seconds S]`;

const { values, positionals } = commandLine(usage, {
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    until: { type: 'string' },
    replay: { type: 'string' },
    minimise: { type: 'string', default: '120' },
    seconds: { type: 'string' },
    count: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    missing: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '10000' },
    ...exhaustiveOptions,
  },
});

const jobs = optional('jobs', 'jobs');
const from = numberOf(usage, 'from', values.from);

if (values.mutants) {
  await measure(positionals);
} else if (values.exhaustive) {
  process.exitCode = (await runExhaustive(values)) ? 0 : 1;
} else if (values.replay !== undefined) {
  await one(readSchedule(values.replay));
} else if (values.seed !== undefined) {
  await one({ seed: numberOf(usage, 'seed', values.seed), ...optional('until', 'untilMs') });
} else if (values.seconds !== undefined || values.count !== undefined) {
  const ends = { ...optional('seconds', 'seconds'), ...optional('count', 'count') };
  const { failed } = await simulateMany({ from, ...ends, ...jobs });
  process.exitCode = failed.length === 0 ? 0 : 1;
} else {
  console.log(usage);
}

/** The number of an option under the name that it has elsewhere, or nothing where it is not given. */
function optional<Name extends string>(
  option: 'jobs' | 'until' | 'seconds' | 'count',
  name: Name,
): Readonly<Partial<Record<Name, number>>> {
  const text = values[option];
  const none: Partial<Record<Name, number>> = {};
  if (text === undefined) return none;
  return { [name]: numberOf(usage, option, text) } as Record<Name, number>;
}

/** Looks for the mutants of these names, or for all, and enters what it finds into the table. */
async function measure(names: readonly string[]): Promise<void> {
  const table = new MutantTable(mutants);
  const stray = names.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (stray !== undefined) throw new Error(`there is no mutant ${stray}`);
  const { unknown } = table;
  const wanted = mutants.filter(({ name }) => {
    if (names.length > 0) return names.includes(name);
    return !values.missing || unknown.includes(name);
  });
  const [seeds, seconds] = [
    numberOf(usage, 'seeds', values.seeds),
    numberOf(usage, 'seconds', values.seconds ?? '3600'),
  ];
  const onFinding = async (finding: Finding): Promise<void> => {
    const { name, seed, failure, tried } = finding;
    const how = seed === undefined ? `not found in ${tried} seeds` : `seed ${seed}: ${failure}`;
    console.log(`${name}: ${how}`);
    await table.enter(finding);
  };
  await hunt({ mutants: wanted, seeds, seconds, ...jobs, onFinding });
}

/** Plays one run, and when it fails says what is the least of it that fails. */
async function one(options: SimulateOptions): Promise<void> {
  const { seed } = options;
  const startedMs = performance.now();
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
  };
  const onLine = values.trace ? (line: string) => console.log(line) : keep;
  const outcome = await simulate({ ...options, onLine });
  const tookMs = performance.now() - startedMs;
  const { failure } = outcome;
  if (failure !== undefined) {
    if (!values.trace) console.log(lines.join('\n'));
    console.log(`seed ${seed} fails: ${failure.stack ?? failure.message}`);
    process.exitCode = 1;
  }
  const seconds = outcome.simulatedMs / 1000;
  console.log(
    `seed ${seed}: ${seconds.toFixed(1)} s simulated, ${outcome.events} events, in ${tookMs.toFixed(0)} ms`,
  );
  console.log(`trace hash ${outcome.traceHash}`);
  if (failure !== undefined && options.untilMs === undefined) await shorten(outcome);
}

async function shorten(outcome: Outcome): Promise<void> {
  const schedule = await minimise(outcome, numberOf(usage, 'minimise', values.minimise));
  const { seed, failure, plan } = schedule;
  console.log(
    `\n${plan.length} of ${outcome.plan.length} faults make seed ${seed} fail: ${failure}`,
  );
  for (const fault of plan) console.log(`  ${textOfFault(fault)}`);
  console.log(`npm run simulate -- --replay ${keepSchedule(schedule)}`);
}
