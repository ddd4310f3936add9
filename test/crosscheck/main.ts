/**
 * `npm run crosscheck -- [--operations 10000] [--seed N] [--door websocket|rest|both] [--keep-going] [--self]`
 *
 * Runs the same random programs on a real ZooKeeper and on Zoogate, through each front door, and compares
 * everything that a client can see. `--self` compares ZooKeeper with another ZooKeeper, which shows that
 * the comparison itself finds nothing where there is nothing.
 */
import { commandLine } from '../support/command-line.ts';
import { directedTimings, runDirected } from './directed.ts';
import { knownDifferences, type KnownDifference } from './known-differences.ts';
import { longTimeouts, type SessionTimeouts, type Target } from './observation.ts';
import {
  generateProgram,
  restProfile,
  websocketProfile,
  type Profile,
  type Step,
} from './program.ts';
import { printDifferences, printFailure, printStatistics } from './report.ts';
import { emptyStatistics, runProgram, type Failure, type Statistics } from './runner.ts';
import { shrink } from './shrink.ts';
import { RestTarget } from './rest-target.ts';
import { WebSocketTarget } from './websocket-target.ts';
import { startZoogate } from './zoogate-server.ts';
import { startZooKeeper, zooKeeperMissing } from './zookeeper-server.ts';
import { ZooKeeperTarget } from './zookeeper-target.ts';

const usage =
  'usage: npm run crosscheck -- [--operations 10000] [--seed N] [--door websocket|rest|both] [--keep-going] [--self]';

const stepsPerProgram = 120;
const shrinkTriesMax = 300;
/** Nothing goes by itself during a program; the directed checks look at that. */
const neverMs = 24 * 3_600_000;

interface Comparison {
  readonly title: string;
  readonly expected: Target;
  readonly actual: Target;
  readonly profile: Profile;
  readonly known: readonly KnownDifference[];
}

interface Options {
  /** Of each front door. */
  readonly operations: number;
  /** Of the first program; each further one has the next. */
  readonly seed: number;
  /** Looks for further differences after the first. */
  readonly keepsGoing: boolean;
}

let bases = 0;

async function compareOnce(
  comparison: Comparison,
  program: readonly Step[],
  statistics: Statistics,
): Promise<Failure | undefined> {
  bases++;
  return runProgram(program, `/crosscheck-${bases}`, { ...comparison, statistics });
}

/** @returns true where no program differed */
async function compare(
  comparison: Comparison,
  { operations, seed: firstSeed, keepsGoing }: Options,
): Promise<boolean> {
  const statistics = emptyStatistics();
  const programs = Math.ceil(operations / stepsPerProgram);
  let same = true;
  for (let index = 0; index < programs; index++) {
    const seed = firstSeed + index;
    const program = generateProgram(seed, stepsPerProgram, comparison.profile);
    const failure = await compareOnce(comparison, program, statistics);
    if (failure === undefined) continue;
    await explain(comparison, program.slice(0, failure.at + 1), { failure, seed });
    same = false;
    if (!keepsGoing) return false;
  }
  printStatistics(comparison.title, statistics, comparison.known);
  return same;
}

async function explain(
  comparison: Comparison,
  program: readonly Step[],
  { failure, seed }: { failure: Failure; seed: number },
): Promise<void> {
  console.log(`${comparison.title}: a difference; making the program small…`);
  let last: Failure | undefined;
  const fails = async (candidate: readonly Step[]): Promise<boolean> => {
    const found = await compareOnce(comparison, candidate, emptyStatistics());
    if (found !== undefined) last = found;
    return found !== undefined;
  };
  const small = await shrink(program, fails, shrinkTriesMax);
  printFailure(last ?? failure, last === undefined ? program : small, seed);
}

async function checkSelf(options: Options): Promise<boolean> {
  const random = await withServers([startQuietZooKeeper, startQuietZooKeeper], ([first, second]) =>
    compare(
      {
        title: 'ZooKeeper with another ZooKeeper',
        expected: new ZooKeeperTarget(first.port),
        actual: new ZooKeeperTarget(second.port, { name: 'the other ZooKeeper' }),
        profile: websocketProfile,
        known: [],
      },
      options,
    ),
  );
  const directed = await withServers(
    [startHastyZooKeeper, startHastyZooKeeper],
    ([first, second]) =>
      compareDirected(first, new ZooKeeperTarget(second.port, { timeouts: directedTimeouts })),
  );
  return random && directed;
}

const startQuietZooKeeper = (): Promise<Server> =>
  startZooKeeper({ fsync: false, containerCheckMs: neverMs });
const startQuietZoogate = (): Promise<Server> =>
  startZoogate({ flags: ['--container-check-ms', String(neverMs)] });

const { tickMs, containerCheckMs, shortSessionMs } = directedTimings;
const directedTimeouts: SessionTimeouts = [shortSessionMs, longTimeouts[1]];
const startHastyZooKeeper = (): Promise<Server> =>
  startZooKeeper({ fsync: false, tickMs, containerCheckMs });
const startHastyZoogate = (): Promise<Server> =>
  startZoogate({
    flags: ['--tick-ms', String(tickMs), '--container-check-ms', String(containerCheckMs)],
  });

/** @returns true where no scenario differed */
async function compareDirected(zooKeeper: Server, actual: Target): Promise<boolean> {
  console.log(`${actual.name}: what happens by itself`);
  const expected = new ZooKeeperTarget(zooKeeper.port, { timeouts: directedTimeouts });
  const found = await runDirected(expected, actual);
  for (const [name, differences] of found) {
    console.log(`DIFFERENCE: ${name}`);
    printDifferences(differences);
  }
  return found.size === 0;
}

interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts both servers, and stops them whatever happens. */
async function withServers(
  [startFirst, startSecond]: readonly [() => Promise<Server>, () => Promise<Server>],
  use: (servers: readonly [Server, Server]) => Promise<boolean>,
): Promise<boolean> {
  const first = await startFirst();
  try {
    const second = await startSecond();
    try {
      return await use([first, second]);
    } finally {
      await second.stop();
    }
  } finally {
    await first.stop();
  }
}

async function checkDoors(doors: string, options: Options): Promise<boolean> {
  const random = await withServers([startQuietZooKeeper, startQuietZoogate], async (servers) => {
    let same = true;
    for (const door of doorsOf(doors)) {
      same = (await compareDoor(servers, door, options)) && same;
    }
    return same;
  });
  const directed = await withServers([startHastyZooKeeper, startHastyZoogate], async (servers) => {
    let same = true;
    for (const door of doorsOf(doors)) {
      const actual = targetOf(door, servers[1].port, directedTimeouts);
      same = (await compareDirected(servers[0], actual)) && same;
    }
    return same;
  });
  return random && directed;
}

type Door = 'websocket' | 'rest';

function doorsOf(doors: string): readonly Door[] {
  if (doors === 'both') return ['websocket', 'rest'];
  if (doors === 'websocket' || doors === 'rest') return [doors];
  throw new Error(`--door: ${doors} is none of websocket, rest, both`);
}

const targetOf = (door: Door, port: number, timeouts: SessionTimeouts): Target =>
  door === 'rest' ? new RestTarget(port, timeouts) : new WebSocketTarget(port, timeouts);

function compareDoor(
  [zooKeeper, zoogate]: readonly [Server, Server],
  door: Door,
  options: Options,
): Promise<boolean> {
  const actual = targetOf(door, zoogate.port, longTimeouts);
  return compare(
    {
      title: actual.name,
      expected: new ZooKeeperTarget(zooKeeper.port),
      actual,
      profile: door === 'rest' ? restProfile : websocketProfile,
      known: knownDifferences,
    },
    options,
  );
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} must be a whole number, not ${text}`);
  return Number(text);
}

async function main(): Promise<boolean> {
  const { values } = commandLine(usage, {
    options: {
      operations: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      door: { type: 'string', default: 'both' },
      self: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
    },
  });
  const missing = zooKeeperMissing();
  if (missing !== undefined) {
    console.log(`crosscheck: nothing compared, ZooKeeper is not installed: ${missing}`);
    return process.env['CI'] === undefined;
  }
  const options: Options = {
    operations: wholeNumber('operations', values.operations),
    seed: wholeNumber('seed', values.seed),
    keepsGoing: values['keep-going'],
  };
  console.log(`crosscheck: seed ${options.seed}`);
  return values.self ? checkSelf(options) : checkDoors(values.door, options);
}

// Servers and folders go when the process ends, and so it must end by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = (await main()) ? 0 : 1;
