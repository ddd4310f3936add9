/**
 * `zoogate log` and `zoogate snapshot`: what is in a data directory, one JSON object a line. They write
 * nothing there and take no lock, so they also work on a copy, or beside a running node.
 */
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import process from 'node:process';
import { crc32 } from 'node:zlib';
import { defaultLimits } from '../../protocol/limits.ts';
import type { ZnodePath } from '../../protocol/model.ts';
import { parsePath } from '../../protocol/path.ts';
import { loadSnapshot } from '../../replica/snapshots.ts';
import { StateMachine } from '../../replica/state-machine.ts';
import { CorruptionError } from '../../storage/errors.ts';
import { NodeDisk } from '../../storage/index.ts';
import {
  listLog,
  listSnapshotFiles,
  printLog,
  verifyLog,
  verifySnapshots,
} from '../../storage/inspect.ts';
import type { Inspection } from '../../storage/inspect.ts';
import { readSnapshotFile, SnapshotDamagedError } from '../../storage/snapshot-file.ts';
import { readTree } from '../../tree/index.ts';
import { ExitStatus } from '../exit-status.ts';
import { ArgumentError } from '../strict-arguments.ts';
import { parseOfflineArguments } from './arguments.ts';
import type { ArgumentRules, OfflineArguments } from './arguments.ts';
import { describePayload } from './describe.ts';

const logHelp = `Usage: zoogate log list|verify|print [options]

Shows the log of a data directory, one JSON object a line. Changes nothing.

  list      the segments
  verify    reads every record; exits with status 1 when something is damaged
  print     the records

  --data-dir DIR   [default ./data/1; ZOOGATE_DATA_DIR]
  --from ZXID      the first record to print
  --to ZXID        the last record to print
`;

const snapshotHelp = `Usage: zoogate snapshot list|verify|print [options]
       zoogate snapshot verify|print FILE

Shows the snapshots of a data directory, or one that was downloaded (GET /admin/snapshots/{zxid}), one JSON
object a line. Changes nothing.

  list      the files
  verify    reads and loads every one; exits with status 1 when something is damaged
  print     the znodes of one, in pre-order

  --data-dir DIR   [default ./data/1; ZOOGATE_DATA_DIR]
  --zxid ZXID      which one to print; the newest if not given
`;

/** Lines to print; returns whether all that was looked at is sound. */
type Output = AsyncGenerator<object, boolean>;

export async function logCommand(args: readonly string[]): Promise<ExitStatus> {
  const rules: ArgumentRules = { actions: ['list', 'verify', 'print'], zxids: ['from', 'to'] };
  return runOffline(args, { rules, help: logHelp, output: logOutput });
}

export async function snapshotCommand(args: readonly string[]): Promise<ExitStatus> {
  const actions = ['list', 'verify', 'print'];
  const rules: ArgumentRules = { actions, zxids: ['zxid'], ofFiles: ['verify', 'print'] };
  return runOffline(args, { rules, help: snapshotHelp, output: snapshotOutput });
}

async function* logOutput(inspection: Inspection, { action, from, to }: OfflineArguments): Output {
  if (action === 'list') {
    yield* listLog(inspection);
    return true;
  }
  if (action === 'print') {
    const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
    yield* printLog(inspection, { ...range, describePayload });
    return true;
  }
  let sound = true;
  for await (const report of verifyLog(inspection)) {
    // A torn tail is what a power loss leaves: nothing in it was ever acknowledged.
    if (report.status === 'damaged') sound = false;
    yield report;
  }
  return sound;
}

async function* snapshotOutput(inspection: Inspection, options: OfflineArguments): Output {
  if (options.action === 'list') {
    yield* listSnapshotFiles(inspection);
    return true;
  }
  if (options.action === 'print') {
    yield* printZnodes(inspection, options.file ?? (await chosenFile(inspection, options.zxid)));
    return true;
  }
  let sound = true;
  const files = options.file === undefined ? undefined : [options.file];
  for await (const report of verifySnapshots(inspection, files)) {
    const problem = report.problem ?? (await contentProblem(inspection, report.file));
    if (problem !== undefined) sound = false;
    yield problem === undefined ? report : { ...report, status: 'damaged', problem };
  }
  return sound;
}

/** What is wrong with the state that whole bytes stand for: it is loaded as at a start. */
async function contentProblem(inspection: Inspection, file: string): Promise<string | undefined> {
  try {
    await stateOf(inspection, file);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function stateOf({ disk, checksum }: Inspection, file: string): Promise<StateMachine> {
  const state = new StateMachine({ limits: defaultLimits });
  await loadSnapshot(state, readSnapshotFile(disk, { path: file, shared: true }, checksum));
  return state;
}

async function* printZnodes(inspection: Inspection, file: string): AsyncGenerator<object> {
  const { tree } = await stateOf(inspection, file);
  const reader = { limits: defaultLimits, identities: [{ scheme: 'super', id: '' }] };
  const path = parsePath('/');
  for (let after: ZnodePath | undefined; ;) {
    const page = readTree(tree, { type: 'tree', path, ...(after && { after }) }, reader);
    yield* page.nodes;
    after = page.next;
    if (after === undefined) return;
  }
}

async function chosenFile(inspection: Inspection, zxid: number | undefined): Promise<string> {
  let chosen: string | undefined;
  for await (const listing of listSnapshotFiles(inspection)) {
    if (zxid === undefined || zxid === listing.zxid) chosen = listing.file;
  }
  if (chosen !== undefined) return chosen;
  throw new NothingFound(`there is no snapshot${zxid === undefined ? '' : ` of zxid ${zxid}`}`);
}

/** What was asked for is not in the data directory. */
class NothingFound extends Error {}

interface OfflineCommand {
  readonly rules: ArgumentRules;
  readonly help: string;
  readonly output: (inspection: Inspection, options: OfflineArguments) => Output;
}

async function runOffline(
  args: readonly string[],
  { rules, help, output }: OfflineCommand,
): Promise<ExitStatus> {
  // Whoever reads only the first lines closes the pipe.
  process.stdout.on('error', () => process.exit(ExitStatus.OK));
  try {
    const options = parseOfflineArguments(args, rules);
    if (options === undefined) {
      process.stdout.write(help);
      return ExitStatus.OK;
    }
    const { file, dataDir } = options;
    const looked = file === undefined ? await inspectionOf(dataDir) : inspectionOfFiles(file);
    const given = file === undefined ? options : { ...options, file: basename(file) };
    const sound = await printAll(output(looked, given));
    return sound ? ExitStatus.OK : ExitStatus.FAILED;
  } catch (error) {
    return explain(error, help);
  }
}

function explain(error: unknown, help: string): ExitStatus {
  if (error instanceof ArgumentError) {
    process.stderr.write(`zoogate: ${error.message}\n\n${help}`);
    return ExitStatus.USAGE;
  }
  const isKnown =
    error instanceof NothingFound ||
    error instanceof CorruptionError ||
    error instanceof SnapshotDamagedError ||
    (error instanceof Error && 'syscall' in error);
  if (!isKnown) throw error;
  process.stderr.write(`zoogate: ${error.message}\n`);
  return ExitStatus.FAILED;
}

async function inspectionOf(dataDir: string): Promise<Inspection> {
  // The disk would make a directory that is missing; a mistyped one must not come into being here.
  await stat(dataDir).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new NothingFound(`there is no data directory ${dataDir}, name it with --data-dir`);
  });
  return { disk: await NodeDisk.open(dataDir), checksum: (bytes, seed) => crc32(bytes, seed) };
}

function inspectionOfFiles(file: string): Inspection {
  const disk = NodeDisk.existing(dirname(file));
  return { disk, checksum: (bytes, seed) => crc32(bytes, seed) };
}

async function printAll(output: Output): Promise<boolean> {
  for (;;) {
    const { value, done } = await output.next();
    if (done === true) return value;
    if (!process.stdout.write(`${JSON.stringify(value)}\n`)) await once(process.stdout, 'drain');
  }
}
