/** Every guarantee, through both doors, of a member of an ensemble: of its leader, a follower, an observer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const vitest = 'node_modules/vitest/vitest.mjs';
const args = ['run', '--config', '.config/vitest.config.ts', 'test/conformance'];

test.for(['leader', 'follower', 'observer'])(
  'through the %s',
  { timeout: 900_000 },
  async (role) => {
    // What a worker inherits from this run would tell the other that it is a worker of this one.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
    const child = spawn(process.execPath, [vitest, ...args], {
      cwd: root,
      env: { ...Object.fromEntries(inherited), ZOOGATE_TEST_THROUGH: role, NO_COLOR: '1' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code, output.slice(-20_000)).toBe(0);
  },
);
