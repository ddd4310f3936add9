/** Broken things end the process at once: nothing is acknowledged after them. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/server/config/index.ts';
import { makeLogger } from '../../src/server/logging.ts';
import { startNode } from '../../src/server/node.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { temporaryDirectory } from '../support/server-process.ts';
import { until } from '../support/waiting.ts';

/** Runs the process around a node with something thrown into it, as its own process. */
async function exitOf(statement: string): Promise<{ code: number | null; stdout: string }> {
  const directory = temporaryDirectory();
  const dist = new URL('../../dist/server/', import.meta.url);
  const script = join(directory, 'broken.mjs');
  writeFileSync(
    script,
    [
      `import { loadConfig } from '${new URL('config/index.js', dist).href}';`,
      `import { runProcess } from '${new URL('process.js', dist).href}';`,
      `import { assert } from '${new URL('../protocol/assert.js', dist).href}';`,
      `const args = ['--port', '0', '--data-dir', '${directory}/data'];`,
      `void assert;`,
      `setImmediate(() => { ${statement} });`,
      `process.exit(await runProcess(loadConfig({ args, env: {} }).resolve()));`,
    ].join('\n'),
  );
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout };
}

describe('the process ends with status 70', () => {
  it.each([
    ['an error that nobody caught', `throw new Error('nobody caught it')`, 'nobody caught it'],
    ['a rejection that nobody handled', `void Promise.reject(new Error('alone'))`, 'alone'],
    ['a broken invariant', `assert(false, 'tree: it is wrong')`, 'tree: it is wrong'],
  ])('after %s, and says why', async (_what, statement, message) => {
    const { code, stdout } = await exitOf(statement);
    expect(code).toBe(70);
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(last).toMatchObject({ level: 'fatal', err: { message } });
  });
});

describe('a failed disk', () => {
  it('is fatal, and the write is not acknowledged', async () => {
    let fails = false;
    const disk = new MemoryDisk({
      fault: ({ kind, path }) =>
        fails && kind === 'sync' && path.startsWith('log/')
          ? { type: 'error', code: 'EIO' }
          : undefined,
    });
    const args = ['--port', '0', '--segment-size', '1MiB'];
    const errors: Error[] = [];
    const node = await startNode({
      config: loadConfig({ args, env: {} }).resolve().config,
      logger: makeLogger('silent', { write: () => undefined }),
      version: '0.0.0-test',
      onFatal: (error) => errors.push(error),
      disk,
    });
    fails = true;
    const abort = new AbortController();
    const answer = fetch(`${node.url}/znodes/a`, {
      method: 'PUT',
      body: 'x',
      signal: abort.signal,
    });
    await until('the error', () => errors.length > 0 || undefined);
    expect(errors).toMatchObject([{ message: expect.stringContaining('EIO') as string }]);
    abort.abort();
    await expect(answer).rejects.toThrow();
    await node.stop();
  });
});
