/** `npm run simulate`: one seed with its trace, or as many as a time allows on all cores. */
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';
import { simulateMany } from './fleet.ts';

/** Of the trace, before what a run has found. */
const LINES_KEPT = 80;

const usage = `npm run simulate -- --seed N [--trace] [--until MS]
npm run simulate -- --seconds S [--from SEED] [--jobs N]`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    until: { type: 'string' },
    seconds: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || (values.seed === undefined && values.seconds === undefined)) {
  console.log(usage);
} else if (values.seed !== undefined) {
  await one(Number(values.seed));
} else {
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  const result = await simulateMany({
    seconds: Number(values.seconds),
    from: Number(values.from),
    ...(jobs !== undefined && { jobs }),
  });
  process.exitCode = result.failed.length === 0 ? 0 : 1;
}

async function one(seed: number): Promise<void> {
  const untilMs = values.until === undefined ? undefined : Number(values.until);
  const limits = untilMs === undefined ? {} : { untilMs };
  const startedMs = performance.now();
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
  };
  const onLine = values.trace ? (line: string) => console.log(line) : keep;
  const outcome = await simulate({ seed, ...limits, onLine });
  const tookMs = performance.now() - startedMs;
  if (outcome.failure !== undefined) {
    if (!values.trace) console.log(lines.join('\n'));
    console.log(`seed ${seed} fails: ${outcome.failure.stack ?? outcome.failure.message}`);
    process.exitCode = 1;
  }
  const seconds = outcome.simulatedMs / 1000;
  console.log(
    `seed ${seed}: ${seconds.toFixed(1)} s simulated, ${outcome.events} events, in ${tookMs.toFixed(0)} ms`,
  );
  console.log(`trace hash ${outcome.traceHash}`);
}
