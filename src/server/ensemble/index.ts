/** `zoogate ensemble`: several nodes on one machine, in one terminal. */
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { mistakesText } from '../config/index.ts';
import { ExitStatus } from '../exit-status.ts';
import { nextSignal } from '../signals.ts';
import { StartError } from '../start-error.ts';
import { areReady, askForLeader } from './leadership.ts';
import { Nodes } from './nodes.ts';
import type { NodeExit } from './nodes.ts';
import { ensembleHelp, parseEnsembleOptions } from './options.ts';
import type { EnsembleOptions } from './options.ts';
import { planNodes, requireFreeDirectories, requireFreePorts, writeSettings } from './plan.ts';
import type { PlannedNode } from './plan.ts';

const LOOK_EVERY_MS = 250;

export async function ensembleCommand(args: readonly string[]): Promise<ExitStatus> {
  const options = parseEnsembleOptions(args);
  if (options === undefined) {
    print(ensembleHelp);
    return ExitStatus.OK;
  }
  if (!('nodes' in options)) {
    process.stderr.write(mistakesText(options, 'ensemble'));
    return ExitStatus.USAGE;
  }
  try {
    return await runEnsemble(options);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`zoogate: ${error.message}\n`);
    return ExitStatus.FAILED;
  }
}

async function runEnsemble(options: EnsembleOptions): Promise<ExitStatus> {
  const planned = planNodes(options);
  await requireFreePorts(planned);
  await requireFreeDirectories(planned);
  await writeSettings(options.dataDir, planned);
  const end = { stopping: false, failed: false };
  const nodes = new Nodes(planned, {
    executable: process.argv[1] ?? '',
    serveArgs: options.serveArgs,
    print: (line) => print(`${line}\n`),
    onExit: (exit) => {
      if (!end.stopping) print(endedText(exit, quorumText(nodes, planned)));
      else end.failed ||= exit.code !== ExitStatus.OK;
    },
  });
  // A second signal means that it does not go fast enough.
  const signal = nextSignal(() => nodes.signal('SIGKILL'));
  const watching = new AbortController();
  const watched = watchLeader(nodes, planned, watching.signal);
  const reason = await Promise.race([signal, nodes.ended()]);
  watching.abort();
  await watched;
  if (reason === undefined) {
    process.stderr.write('zoogate: all nodes have ended\n');
    return ExitStatus.FAILED;
  }
  end.stopping = true;
  print('\nzoogate: stopping all nodes\n');
  nodes.signal('SIGTERM');
  await nodes.ended();
  print('zoogate: all nodes have stopped; their data is kept\n');
  return end.failed ? ExitStatus.FAILED : ExitStatus.OK;
}

/** Prints where the nodes are once all serve, and from then on who leads, when that changes. */
async function watchLeader(
  nodes: Nodes,
  planned: readonly PlannedNode[],
  signal: AbortSignal,
): Promise<void> {
  const urls = planned.map(({ url }) => url);
  let told: number | undefined;
  while (!signal.aborted) {
    const view = await askForLeader(urls);
    const leader = view?.leader ?? undefined;
    const isNews = leader !== undefined && leader !== told && nodes.running > 0;
    if (isNews && (told !== undefined || (await areReady(urls)))) {
      print(told === undefined ? startedText(nodes, planned, leader) : leaderText(leader, view));
      told = leader;
    }
    await wait(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

function leaderText(leader: number, view: { readonly epoch: number } | undefined): string {
  return `\nzoogate: node ${leader} leads now, in epoch ${view?.epoch ?? 0}\n\n`;
}

function startedText(nodes: Nodes, planned: readonly PlannedNode[], leader: number): string {
  const rows = planned.map(({ id, url, role }) => {
    const state = role === 'observer' ? 'observes' : id === leader ? 'leads' : 'follows';
    return `  node ${id}  ${url}  ${state.padEnd(8)}  process ${nodes.processId(id) ?? 'ended'}`;
  });
  const [first] = planned;
  const last = planned.at(-1);
  const text = [
    '',
    `zoogate: ${planned.length} nodes run on this machine`,
    '',
    ...rows,
    '',
    'Write through one node, read from another, and see what each is doing:',
    '',
    `  curl -X PUT -d hello ${first?.url ?? ''}/znodes/greeting`,
    `  curl ${last?.url ?? ''}/znodes/greeting`,
    `  curl ${first?.url ?? ''}/ensemble`,
    '',
    `Kill the leader, and the others go on: kill -9 ${nodes.processId(leader) ?? ''}`,
    'Ctrl-C stops all of them and keeps what they hold.',
    '',
  ];
  return `${text.join('\n')}\n`;
}

function endedText({ node, code, signal }: NodeExit, others: string): string {
  const how = signal === null ? `with status ${String(code)}` : `by ${signal}`;
  return (
    `\nzoogate: node ${node.id} has ended ${how}; ${others}. To start it again:\n` +
    `  npm start -- --config ${node.settingsFile}\n\n`
  );
}

/** What the end of a node means. Nodes that were started again elsewhere are not known here. */
function quorumText(nodes: Nodes, planned: readonly PlannedNode[]): string {
  const voters = planned.filter(({ role }) => role === 'participant');
  const left = voters.filter(({ id }) => nodes.processId(id) !== undefined).length;
  if (left * 2 > voters.length) return 'the others go on';
  return `${left} of ${voters.length} voters are left here, and without a majority nobody is served`;
}

function print(text: string): void {
  process.stdout.write(text);
}
