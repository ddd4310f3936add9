/** A node as a process, for a bundle with a fault in it: the executable finds its own package, a bundle does not. */
import { once } from 'node:events';
import process from 'node:process';
import { loadConfig } from '../../../src/server/config/index.ts';
import { ExitStatus } from '../../../src/server/exit-status.ts';
import { openLog } from '../../../src/server/logging.ts';
import { startNode } from '../../../src/server/node.ts';
import { StartError } from '../../../src/server/start-error.ts';

// As `zoogate serve --flag …`.
const { config } = loadConfig({ args: process.argv.slice(3), env: {} }).resolve();
const { logger, flush } = await openLog({ level: config.logLevel, format: config.logFormat });
const onFatal = (error: unknown): never => {
  logger.fatal({ err: error }, 'fatal, ending the process at once');
  flush();
  process.exit(ExitStatus.FATAL);
};
process.on('uncaughtException', onFatal);
process.on('unhandledRejection', onFatal);
const signal = once(process, 'SIGTERM');
try {
  const node = await startNode({ config, logger, version: '0.0.0-test', onFatal });
  await signal;
  await node.stop();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`zoogate: ${error.message}\n`);
  process.exitCode = ExitStatus.FAILED;
} finally {
  flush();
}
process.exit();
