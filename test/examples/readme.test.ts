/** The README, executed exactly as it is written, from its first command to its last, against one node. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/server/config/index.ts';
import { startServer } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { blocksOf, sectionOf, stepsOf } from './document.ts';
import { Page } from './page.ts';
import { Shell } from './shell.ts';

const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const documentedAddress = '127.0.0.1:8181';

describe('the README', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zoogate-readme-'));
  let node: ServerProcess;
  let shell: Shell;
  let page: Page;

  beforeAll(async () => {
    node = await startServer();
    shell = new Shell(directory);
    page = new Page({
      ...{ shell, directory, webSocketUrl: node.wsUrl },
      here: (given) => given.replaceAll(documentedAddress, new URL(node.url).host),
    });
  });

  afterAll(async () => {
    page.close();
    shell.close();
    await node.stop();
    rmSync(directory, { recursive: true });
  });

  it('shows what happens', { timeout: 120_000 }, async () => {
    const elsewhere = new Set(stepsOf(sectionOf(text, 'An ensemble')).map(({ line }) => line));
    const steps = stepsOf(text).filter(({ line }) => !elsewhere.has(line));
    expect(steps.length).toBeGreaterThan(40);
    for (const step of steps) await page.run(step);
  });

  it('has no block that is neither executed nor the two commands and the scripts of the project', () => {
    const { scripts } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { scripts: Record<string, string> };
    for (const { language, lines, line } of blocksOf(text)) {
      if (language === 'console' || language === 'websocket') continue;
      expect(language, `README line ${line}`).toBe('sh');
      for (const command of lines) {
        const script = /^npm (?:run )?(\S+)/.exec(command)?.[1];
        expect(Object.keys(scripts), `README: ${command}`).toContain(script);
        const [, args] = /^npm start -- (.*)$/.exec(command) ?? [];
        if (args !== undefined) loadConfig({ args: args.split(' '), env: {} }).resolve();
      }
    }
  });
});
