/** What the README says of ensembles, executed exactly as it is written, but for the ports. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/waiting.ts';
import { sectionOf, stepsOf } from './document.ts';
import type { Step } from './document.ts';
import { Page } from './page.ts';
import { Shell } from './shell.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}README.md`, 'utf8');

const nodesMax = 4;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Ports that end in 1, 2, …, as the documented ones do. @returns what stands before these digits */
async function freeDecade(from: number): Promise<number> {
  for (let decade = from; decade < 3200; decade += 1) {
    const ports = Array.from({ length: nodesMax }, (_, index) => decade * 10 + index + 1);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return decade;
  }
  throw new Error('there are no free ports');
}

const directories: string[] = [];
const shells: Shell[] = [];
const pages: Page[] = [];

afterAll(() => {
  for (const page of pages) page.close();
  for (const shell of shells) shell.close();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A checkout in which nothing has run yet. */
function checkout(): string {
  const directory = mkdtempSync(join(tmpdir(), 'zoogate-ensemble-'));
  directories.push(directory);
  for (const name of ['package.json', '.config', 'dist', 'node_modules']) {
    symlinkSync(join(root, name), join(directory, name));
  }
  return directory;
}

function pageIn(directory: string, webSocketUrl: string, here: (text: string) => string): Page {
  const shell = new Shell(directory);
  const page = new Page({ shell, directory, webSocketUrl, here });
  shells.push(shell);
  pages.push(page);
  return page;
}

it(
  'starts, replicates, loses its leader, goes on, gets it back',
  { timeout: 240_000 },
  async () => {
    const decade = await freeDecade(2200 + Math.floor(Math.random() * 400));
    const peers = await freeDecade(decade + 1);
    const here = (given: string): string => {
      const bases = `--port-base ${decade}0 --peer-port-base ${peers}0`;
      const command = given.replace(
        /^npm run ensemble(?: --(?= ))?/,
        `npm run ensemble -- ${bases}`,
      );
      return command
        .replace(/(127\.0\.0\.1:)818(?=[0-9$])/g, `$1${decade}`)
        .replace(/(127\.0\.0\.1:)828(?=[0-9])/g, `$1${peers}`);
    };
    const page = pageIn(checkout(), '', here);
    const steps = stepsOf(sectionOf(text, 'An ensemble'));
    expect(steps.length).toBeGreaterThan(20);
    for (const step of steps) await page.run(step);
  },
);

/** After which the master and the workers are in the middle of their work. */
function isMiddle(step: Step): boolean {
  return step.kind === 'send' && step.text.includes('/assign/worker-1/task-0000000000');
}

it('loses its leader under the master and the workers', { timeout: 240_000 }, async () => {
  const cluster = await Cluster.start({ voters: 3 });
  try {
    const leader = await cluster.newLeader();
    const node = cluster.node((leader % 3) + 1);
    const { host } = new URL(node.url);
    const here = (given: string): string => given.replaceAll('127.0.0.1:8181', host);
    const page = pageIn(checkout(), node.running.wsUrl, here);
    const steps = stepsOf(sectionOf(text, 'Master and workers'));
    const middle = steps.findIndex(isMiddle);
    expect(middle).toBeGreaterThan(0);
    for (const step of steps.slice(0, middle)) await page.run(step);
    await cluster.end(leader, 'SIGKILL');
    await until('the node serves again', async () => {
      const ready = await node.ask('GET', '/health/ready');
      return ready.status === 200 && (await node.status()).leader !== leader ? true : undefined;
    });
    for (const step of steps.slice(middle)) await page.run(step);
  } finally {
    await cluster.stop();
  }
});
