/** `npm run simulate`: one seed with its trace, as many as a time allows, the mutants, or a whole small space. */
import { commandLine, numberOf, refuse } from '../support/command-line.ts';
import { huntOnDisk } from '../support/disk-trace/hunt.ts';
import { exhaustiveOptions, runExhaustive, spaceOf } from './exhaustive/command.ts';
import { faultNames, faultsOf } from './fault-options.ts';
import { keepSchedule, minimise, readSchedule, textOfFault } from './schedule.ts';
import { simulate } from './simulate.ts';
import type { Outcome, SimulateOptions } from './simulate.ts';
import { simulateMany } from './fleet.ts';
import { hunt } from './hunt.ts';
import type { Finding } from './hunt.ts';
import { diskMutants } from './mutants/disk.ts';
import { mutants } from './mutants/index.ts';
import { MutantTable } from './mutants/table.ts';

/** Of the trace, before what a run has found. */
const LINES_KEPT = 80;

const usage = `npm run simulate -- --seed N [--trace] [--until MS] [--minimise SECONDS] [--fault NAME=MS …]
npm run simulate -- --replay FILE [--trace] [--until MS] [--minimise SECONDS]
npm run simulate -- --seconds S|--count N [--from SEED] [--jobs N] [--fault NAME=MS …]
npm run simulate -- --mutants [NAME …] [--missing] [--seeds N] [--seconds S] [--jobs N]
npm run simulate -- --exhaustive [--begin newborn|founded|divided] [--crashes N] [--timeouts N]
  [--transactions N] [--elections N] [--cuts N] [--votes] [--seconds S]

--fault: the mean time between two of a kind, 0 for never, in the place of what the seed draws; all=0 first
leaves out all others. NAME is all, ${faultNames.join(', ')}.`;

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
    fault: { type: 'string', multiple: true, default: [] },
    mutants: { type: 'boolean', default: false },
    missing: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '10000' },
    ...exhaustiveOptions,
  },
});

const jobs = optional('jobs', 'jobs');
const from = numberOf(usage, 'from', values.from);
const faults = orRefuse(() => faultsOf(values.fault));

requireSense();
if (values.mutants) {
  await measure(positionals);
} else if (values.exhaustive) {
  const space = orRefuse(() => spaceOf(values));
  process.exitCode = (await runExhaustive(space)) ? 0 : 1;
} else if (values.replay !== undefined) {
  const file = values.replay;
  await one({ ...orRefuse(() => readSchedule(file)), ...optional('until', 'untilMs') });
} else if (values.seed !== undefined) {
  const seed = numberOf(usage, 'seed', values.seed);
  await one({ seed, faults, ...optional('until', 'untilMs') });
} else {
  const ends = { ...optional('seconds', 'seconds'), ...optional('count', 'count') };
  const { failed } = await simulateMany({ from, ...ends, ...jobs, faults });
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** One thing is asked for, and nothing that has no meaning with it. */
function requireSense(): void {
  const { mutants: isHunt, exhaustive, replay, seed, seconds, count } = values;
  const isMany = !isHunt && !exhaustive && (seconds ?? count) !== undefined;
  const asked = [isHunt, exhaustive, replay !== undefined, seed !== undefined, isMany];
  const [stray] = positionals;
  if (stray !== undefined && !isHunt) {
    refuse(usage, `${stray} is no option; the name of a mutant is given with --mutants`);
  }
  if (asked.filter(Boolean).length !== 1) {
    refuse(usage, 'give one of --seed, --replay, --seconds or --count, --mutants, --exhaustive');
  }
  if (values.fault.length > 0 && seed === undefined && !isMany) {
    refuse(usage, '--fault is for --seed, --seconds and --count');
  }
}

/** What the command line means; what it cannot mean ends the process with the usage. */
function orRefuse<Meaning>(read: () => Meaning): Meaning {
  try {
    return read();
  } catch (error) {
    refuse(usage, (error as Error).message);
  }
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
  if (stray !== undefined) refuse(usage, `there is no mutant ${stray}; MUTANTS.md has the names`);
  const { unknown } = table;
  const wanted = mutants.filter(({ name }) => {
    if (names.length > 0) return names.includes(name);
    return !values.missing || unknown.includes(name);
  });
  const [seeds, seconds] = [
    numberOf(usage, 'seeds', values.seeds),
    numberOf(usage, 'seconds', values.seconds ?? '3600'),
  ];
  const enter = async (name: string, found: string, by: string): Promise<void> => {
    console.log(`${name}: ${found} ${by}`);
    await table.enter(name, { found, by });
  };
  const onFinding = ({ name, seed, failure, tried }: Finding): Promise<void> => {
    return enter(name, seed === undefined ? `not found in ${tried} seeds` : String(seed), failure);
  };
  const simulated = wanted.filter((mutant) => !diskMutants.includes(mutant));
  await hunt({ mutants: simulated, seeds, seconds, ...jobs, onFinding });
  for (const mutant of wanted.filter((each) => diskMutants.includes(each))) {
    const { trial = 'not found in any trial', finding } = await huntOnDisk(mutant);
    await enter(mutant.name, trial, finding);
  }
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
