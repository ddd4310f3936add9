/** `npm run scenarios`: runs the scenario scripts; with `--rewrite` their traces are written anew. */
import { spawnSync } from 'node:child_process';
import { argv, env, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const config = '.config/vitest.config.ts';
const isRewriting = argv.includes('--rewrite');
const others = argv.slice(2).filter((argument) => argument !== '--rewrite');
const { status } = spawnSync(
  execPath,
  [vitest, 'run', '--config', config, 'test/scenario', ...others],
  { stdio: 'inherit', env: isRewriting ? { ...env, SCENARIO_REWRITE: '1' } : env },
);
exit(status ?? 1);
