/**
 * `zoogate health`: asks the node that has these settings whether it works. For whoever watches a process and
 * has no HTTP client at hand, such as the health check of a container without a shell.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ConfigError, loadConfig, mistakesText, urlOf } from './config/index.ts';
import type { Config } from './config/index.ts';
import { ExitStatus } from './exit-status.ts';
import { portFileName } from './run-files.ts';

const help = `Usage: zoogate health [--ready] [settings of serve]

Asks the node that runs with these settings, from the environment too, whether its process works; with
--ready, whether it serves clients in a quorum. Ends with status 0 if so, else with 1. The settings are those
of \`zoogate help serve\`.
`;

/** A node that takes longer is not well either, milliseconds. */
const ANSWER_TIMEOUT_MS = 4000;

export async function healthCommand(args: readonly string[]): Promise<ExitStatus> {
  const path = args.includes('--ready') ? '/health/ready' : '/health/live';
  const { flags, resolve } = loadConfig({
    args: args.filter((arg) => arg !== '--ready'),
    env: process.env,
  });
  if (flags.help) {
    process.stdout.write(help);
    return ExitStatus.OK;
  }
  try {
    return await ask(resolve().config, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(mistakesText(error.mistakes, 'health'));
    return ExitStatus.USAGE;
  }
}

async function ask(config: Config, path: string): Promise<ExitStatus> {
  let url = '';
  try {
    url = `${urlOf(config.host, portOf(config))}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const text = await response.text();
    if (response.ok) {
      process.stdout.write(`${text}\n`);
      return ExitStatus.OK;
    }
    process.stderr.write(`zoogate: ${url} answers ${response.status}: ${text}\n`);
  } catch (error) {
    process.stderr.write(`zoogate: ${url} does not answer: ${reasonOf(error)}\n`);
  }
  return ExitStatus.FAILED;
}

/** A node that was to take any free port has written down which. */
function portOf({ port, dataDir }: Config): number {
  return port === 0 ? Number(readFileSync(join(dataDir, portFileName), 'utf8')) : port;
}

/** What `fetch` says is that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
