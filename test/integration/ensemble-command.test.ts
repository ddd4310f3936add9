/** `zoogate ensemble`: several nodes in one terminal. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/server/config/index.ts';
import { lockDirectory } from '../../src/storage/directory-lock.ts';
import { freePorts } from '../support/free-port.ts';
import { executable, runZoogate, temporaryDirectory } from '../support/server-process.ts';
import { until } from '../support/waiting.ts';

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGTERM');
});

interface Ensemble {
  readonly output: () => string;
  readonly url: (id: number) => string;
  /** One signal; resolves with the status of the process. */
  readonly stop: () => Promise<number | null>;
}

function launch(
  dataDir: string,
  bases: { port: number; peerPort: number },
  more: string[] = [],
): Ensemble {
  const ports = ['--port-base', `${bases.port}`, '--peer-port-base', `${bases.peerPort}`];
  const args = [executable, 'ensemble', '--data-dir', dataDir, ...ports, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    output: () => output,
    url: (id) => `http://127.0.0.1:${bases.port + id}`,
    stop: () => {
      child.kill('SIGINT');
      return exited;
    },
  };
}

function started({ output }: Ensemble): Promise<true> {
  return until(
    'the start of the ensemble',
    () => (output().includes('nodes run on this machine') ? true : undefined),
    60_000,
  );
}

/** Bases of which the ports 1 to 3 are free. */
async function freeBases(): Promise<{ port: number; peerPort: number }> {
  const port = await freePorts(20);
  return { port, peerPort: port + 10 };
}

describe('an ensemble in one terminal', () => {
  it('says where it is, tells its nodes apart, stops at one signal, and keeps what it holds', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const bases = await freeBases();
    const first = launch(dataDir, bases);
    await started(first);
    expect(first.output()).toMatch(
      /^ {2}node 2 {2}http:\/\/127\.0\.0\.1:\d+ {2}\w+ +process \d+$/m,
    );
    for (const id of [1, 2, 3]) {
      expect(first.output()).toMatch(new RegExp(`^${id} \\| .*node ${id} listens on`, 'm'));
    }
    const put = await fetch(`${first.url(1)}/znodes/kept`, { method: 'PUT', body: 'x' });
    expect(put.status).toBe(201);
    expect(await (await fetch(`${first.url(3)}/znodes/kept`)).text()).toBe('x');
    expect(await first.stop()).toBe(0);
    expect(first.output()).toContain('all nodes have stopped; their data is kept');
    expect(first.output()).not.toMatch(/node \d has ended/);

    const second = launch(dataDir, bases);
    await started(second);
    expect(await (await fetch(`${second.url(2)}/znodes/kept`)).text()).toBe('x');
    expect(await second.stop()).toBe(0);

    const other = launch(dataDir, bases, ['--nodes', '1']);
    await until('the refusal', () => (other.output() === '' ? undefined : true));
    expect(other.output()).toContain(
      `${dataDir} holds an ensemble of the members 1, 2, 3, and this one has the members 1`,
    );
  }, 120_000);

  it('starts nothing again by itself, and says how to', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const ensemble = launch(dataDir, await freeBases());
    await started(ensemble);
    process.kill(Number(readFileSync(join(dataDir, '2', 'pid'), 'utf8')), 'SIGKILL');
    const hint = `npm start -- --config ${join(dataDir, '2.yaml')}`;
    await until('the hint', () => (ensemble.output().includes(hint) ? true : undefined));
    expect(ensemble.output()).toContain('node 2 has ended by SIGKILL; the others go on');
    const args = ['--config', join(dataDir, '2.yaml')];
    const { config } = loadConfig({ args, env: {} }).resolve();
    expect(config).toMatchObject({ id: 2, port: Number(new URL(ensemble.url(2)).port) });
    expect(await ensemble.stop()).toBe(0);
  }, 90_000);
});

describe('an ensemble is refused', () => {
  it('where a port is taken, naming each', async () => {
    const bases = await freeBases();
    const servers = [bases.port + 1, bases.peerPort + 3].map((port) => ({
      port,
      server: createServer().listen(port, '127.0.0.1'),
    }));
    await Promise.all(
      servers.map(({ server }) => until('listening', () => server.listening || undefined)),
    );
    const dataDir = join(temporaryDirectory(), 'data');
    const ports = ['--port-base', `${bases.port}`, '--peer-port-base', `${bases.peerPort}`];
    const result = await runZoogate(['ensemble', '--data-dir', dataDir, ...ports]);
    for (const { server } of servers) server.close();
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toBe(
      [
        'zoogate: these ports of 127.0.0.1 cannot be had; does an ensemble run already?',
        `  port ${bases.port + 1} for the clients of node 1 (EADDRINUSE); --port-base chooses others`,
        `  port ${bases.peerPort + 3} for the peers of node 3 (EADDRINUSE); --peer-port-base chooses others`,
        '',
      ].join('\n'),
    );
    expect(existsSync(dataDir)).toBe(false);
  });

  it('where a process has the data of a node, and its settings stay as they are', async () => {
    const bases = await freeBases();
    const dataDir = join(temporaryDirectory(), 'data');
    const ofNode = join(dataDir, '2');
    mkdirSync(ofNode, { recursive: true });
    const lock = await lockDirectory(ofNode);
    const ports = ['--port-base', `${bases.port}`, '--peer-port-base', `${bases.peerPort}`];
    const result = await runZoogate(['ensemble', '--data-dir', dataDir, ...ports]);
    await lock.release();
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toBe(
      `zoogate: node 2 of this ensemble runs already: data directory ${ofNode} is in use by process ` +
        `${process.pid}. Stop it, or choose another --data-dir for a second ensemble\n`,
    );
    expect(readdirSync(dataDir)).toEqual(['2']);
  });

  it('with wrong options, and tells all of them', async () => {
    const args = ['--nodes', 'many', '--observers', '99', '--peer-port-base', '8181'];
    const result = await runZoogate(['ensemble', ...args]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toBe(
      [
        'zoogate: the configuration has 3 mistakes:',
        '  --nodes must be a whole number',
        '  --observers must be from 0 to 16, not 99',
        '  --peer-port-base is too near to --port-base: 3 nodes need 3 ports of each kind',
        '`zoogate help ensemble` shows what there is.',
        '',
      ].join('\n'),
    );
    const unknown = await runZoogate(['ensemble', '--node', '3']);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain('  --node is not an option; did you mean --nodes?\n');
  });

  it('shows its help', async () => {
    const help = await runZoogate(['ensemble', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--observers N');
  });
});
