/**
 * A node on a disk without room, without permission, or that only reads: it goes on where it may, and says
 * which directory it is, what is missing and what to do where it may not.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runZoogate, startServer, temporaryDirectory } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { smallDisk } from '../support/small-disk.ts';
import { until } from '../support/waiting.ts';

const mountable = smallDisk('1m') !== undefined;
const inMiB = ['--segment-size', '1MiB'];

/** To the last byte. */
function fill(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  try {
    execFileSync('fallocate', ['-l', String(bavail * bsize), join(path, 'ballast')]);
  } catch {
    writeFileSync(join(path, 'ballast'), Buffer.alloc(bavail * bsize));
  }
}

function request(node: ServerProcess, method: string, path: string): Promise<Response> {
  return fetch(node.url + path, { method });
}

async function readiness(node: ServerProcess): Promise<unknown> {
  return (await request(node, 'GET', '/health/ready')).json();
}

describe.runIf(mountable)('a full disk', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'lets a node start again after %s, take deletes, and say whose disk it is',
    async (signal) => {
      const disk = smallDisk('16m');
      if (disk === undefined) throw new Error('no file system can be mounted');
      const dataDir = join(disk.path, 'data');
      const first = await startServer({ dataDir, args: inMiB });
      for (const path of ['/znodes/a', '/znodes/b']) await request(first, 'PUT', path);
      fill(disk.path);
      await first.kill(signal);
      rmSync(join(disk.path, 'ballast'));
      fill(disk.path);

      const node = await startServer({ dataDir, args: inMiB });
      const isTold = async (): Promise<true | undefined> =>
        JSON.stringify(await readiness(node)).includes('warnings') || undefined;
      await until('the warning', isTold);
      expect(await readiness(node)).toEqual({
        status: 'ok',
        warnings: ['the disk of node 1, this one, is nearly full'],
      });
      const refused = await request(node, 'PUT', '/znodes/c');
      expect(refused.status).toBe(507);
      const { code, detail } = (await refused.json()) as { code: string; detail: string };
      expect(code).toBe('QUOTAEXCEEDED');
      expect(detail).toMatch(
        /^the disk of node 1 is nearly full: \d+ bytes of it must be free .*; make room on that disk, deletes are still taken$/,
      );
      expect((await request(node, 'DELETE', '/znodes/a')).status).toBe(204);
      expect(existsSync(join(dataDir, 'http.port.tmp'))).toBe(false);
      expect((await node.stop()).code).toBe(0);

      rmSync(join(disk.path, 'ballast'));
      const last = await startServer({ dataDir, args: inMiB });
      expect((await request(last, 'GET', '/znodes/a')).status).toBe(404);
      expect((await request(last, 'GET', '/znodes/b')).status).toBe(200);
      await last.stop();
    },
  );

  it('refuses a first start with the directory, what is missing and what to do', async () => {
    const disk = smallDisk('2m');
    if (disk === undefined) throw new Error('no file system can be mounted');
    const dataDir = join(disk.path, 'data');
    const args = ['serve', '--port', '0', '--data-dir', dataDir, '--segment-size', '4MiB'];
    const { code, stderr } = await runZoogate(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^zoogate: the data directory .*data cannot be used \(ENOSPC\): there is no room at .*data: 2 MiB are free, and a file of the log takes 4 MiB \(--segment-size\)\. Make room on its disk, or choose another --data-dir\n$/,
    );
    // With room it begins as if nothing had been.
    disk.resize('32m');
    const node = await startServer({ dataDir, args: ['--segment-size', '4MiB'] });
    expect(await readiness(node)).toEqual({ status: 'ok' });
    await node.stop();
  });

  it('is told by whoever wants to start an ensemble there', async () => {
    const disk = smallDisk('64k');
    if (disk === undefined) throw new Error('no file system can be mounted');
    fill(disk.path);
    const { code, stderr } = await runZoogate([
      ...['ensemble', '--data-dir', disk.path],
      ...['--port-base', '42180', '--peer-port-base', '42280'],
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^zoogate: the data directory .* cannot be used \(ENOSPC\): there is no/,
    );
  });

  it.runIf(process.getuid?.() === 0)('that only reads is told from one that is full', async () => {
    const disk = smallDisk('8m');
    if (disk === undefined) throw new Error('no file system can be mounted');
    const dataDir = join(disk.path, 'data');
    mkdirSync(dataDir);
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    const { code, stderr } = await runZoogate(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be used \(EROFS\): the file system of .* is read-only; choose/);
  });
});

describe('the files for scripts, pid and http.port', () => {
  it('never stop a node: what cannot be written is a warning', async () => {
    const dataDir = temporaryDirectory();
    for (const name of ['pid.tmp', 'http.port.tmp']) mkdirSync(join(dataDir, name));
    const node = await startServer({ dataDir });
    expect((await request(node, 'PUT', '/znodes/a')).status).toBe(201);
    const warnings = node
      .stdout()
      .split('\n')
      .filter((line) => line.includes('cannot be written, the node goes on without it'))
      .map((line) => (JSON.parse(line) as { level: string; file: string }).file);
    expect(warnings).toEqual([join(dataDir, 'pid'), join(dataDir, 'http.port')]);
    expect((await node.stop()).code).toBe(0);
  });

  it('never stop a node either when they cannot be removed', async () => {
    const dataDir = temporaryDirectory();
    mkdirSync(join(dataDir, 'pid'));
    const node = await startServer({ dataDir });
    expect(node.stdout()).toContain('cannot be removed, ignore what it says');
    expect((await node.stop()).code).toBe(0);
  });
});
