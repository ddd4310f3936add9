/**
 * The life of the process around a node: signals, the end in order and in time, and the end at once when
 * something is broken that must not go on.
 */
import process from 'node:process';
import type { Config, ResolvedConfig } from './config/index.ts';
import { ExitStatus } from './exit-status.ts';
import { openLog } from './logging.ts';
import type { ProcessLog } from './logging.ts';
import { startNode } from './node.ts';
import type { RunningNode } from './node.ts';
import { nextSignal } from './signals.ts';
import { StartError } from './start-error.ts';
import { productVersion } from './version.ts';

/** Runs a node until a signal ends it; does not return before the process may exit. */
export async function runProcess({
  config,
  warnings,
}: Pick<ResolvedConfig, 'config' | 'warnings'>): Promise<ExitStatus> {
  const log = await openLog({ level: config.logLevel, format: config.logFormat });
  for (const warning of warnings) log.logger.warn(warning);
  let running: RunningNode | undefined;
  const end = (status: ExitStatus): never => endNow(log, status, running);
  const onFatal = (error: unknown): never => exitFatally(log, error, end);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  const signal = nextSignal(() => end(ExitStatus.FAILED));
  try {
    const node = await Promise.race([start(config, log, onFatal), signal]);
    // A signal during recovery: nothing has been acknowledged, and recovery may be cut short anywhere.
    if (typeof node === 'string') return ExitStatus.OK;
    running = node;
    log.logger.info({ signal: await signal }, 'stopping');
    const status = await stopInTime(node, config, log);
    return status === ExitStatus.OK ? status : end(status);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`zoogate: ${error.message}\n`);
    return ExitStatus.FAILED;
  } finally {
    log.flush();
  }
}

function start(
  config: Config,
  { logger }: ProcessLog,
  onFatal: (error: unknown) => never,
): Promise<RunningNode> {
  return startNode({ config, logger, version: productVersion(), onFatal });
}

/** Stops `node`, or gives up when the time for it is over. */
export async function stopInTime(
  node: Pick<RunningNode, 'stop'>,
  { shutdownTimeout }: Pick<Config, 'shutdownTimeout'>,
  { logger }: Pick<ProcessLog, 'logger'>,
): Promise<ExitStatus> {
  const startedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(resolve, shutdownTimeout, 'timeout');
  });
  const end = await Promise.race([node.stop(), timeout]);
  clearTimeout(timer);
  if (end === 'timeout') {
    logger.error({ shutdownTimeout }, 'not stopped in time, ending the process as it is');
    return ExitStatus.FAILED;
  }
  logger.info({ ms: Math.round(performance.now() - startedMs) }, 'stopped');
  return ExitStatus.OK;
}

/**
 * Ends the process where it stands: a node that is wrong about its own state, or whose disk has failed,
 * acknowledges nothing more. What is on the disk is what counts, and the next start reads it.
 */
function exitFatally(
  { logger, flush }: ProcessLog,
  error: unknown,
  end: (status: ExitStatus) => never,
): never {
  try {
    logger.fatal({ err: error }, 'fatal, ending the process at once');
    flush();
  } finally {
    end(ExitStatus.FATAL);
  }
}

/**
 * Ends the process without waiting for the rest of it. `process.exit` waits for the other threads, and one that waits
 * for a disk that hangs ends no sooner than that disk goes on: there only SIGKILL ends the process, and no status is told.
 */
function endNow({ logger, flush }: ProcessLog, status: ExitStatus, node?: RunningNode): never {
  const silentMs = node?.replica.diskStalledMs ?? 0;
  try {
    if (silentMs > 0) {
      logger.error({ silentMs }, 'the disk hangs, and the process would wait for it: SIGKILL');
    }
    flush();
  } finally {
    if (silentMs > 0) process.kill(process.pid, 'SIGKILL');
    process.exit(status);
  }
}
