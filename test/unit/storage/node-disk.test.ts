/** Real files pass the suite of every disk; a directory is held against other processes, dead ones not counted. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeDisk } from '../../../src/storage/node-disk.ts';
import { describeDisk } from './disk-suite.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'zoogate-disk-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

describeDisk('files of Node', async () => ({
  disk: await NodeDisk.open(root),
  again: () => NodeDisk.open(root),
}));

/** Another process that listens on a socket as a holder of the directory would. */
async function holder(directory: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const program = `
    const path = process.argv[1] + '/lock.' + process.pid + '.00';
    require('node:net').createServer().listen(path, () => console.log('ready'));
  `;
  const child = spawn(process.execPath, ['-e', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

describe('the lock of a data directory', () => {
  test('refuses while another process lives, naming it, and not once it is killed', async () => {
    const other = await holder(root);
    const disk = await NodeDisk.open(root);
    await expect(disk.lock()).rejects.toThrow(`in use by process ${other.pid}`);
    await other.kill();
    expect(await readdir(root)).toEqual([`lock.${other.pid}.00`]);
    await disk.lock();
    expect(await readdir(root)).toHaveLength(1);
    await disk.close();
    expect(await readdir(root)).toEqual([]);
  });

  test('of several claimants at once at most one goes on', async () => {
    const disks = await Promise.all(Array.from({ length: 5 }, () => NodeDisk.open(root)));
    const outcomes = await Promise.allSettled(disks.map((disk) => disk.lock()));
    const held = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(held.length).toBeLessThanOrEqual(1);
    for (const disk of disks) await disk.close();
    const later = await NodeDisk.open(root);
    await later.lock();
    await later.close();
  });

  test('works where the path is longer than a socket address', async () => {
    const deep = join(root, 'd'.repeat(60), 'e'.repeat(60));
    const disk = await NodeDisk.open(deep);
    await disk.lock();
    await expect((await NodeDisk.open(deep)).lock()).rejects.toThrow(/in use by process/);
    await disk.close();
  });
});

describe('errors of the thread of the log', () => {
  test('come back with their code', async () => {
    const disk = await NodeDisk.open(root);
    const file = await disk.open('spare', 'create');
    await file.close();
    const log = await disk.openLog('spare');
    await expect(log.publish('missing/name')).rejects.toMatchObject({ code: 'ENOENT' });
    await log.close();
    await expect(log.append({ offset: 0, bytes: Buffer.from('x') })).rejects.toMatchObject({
      code: 'EBADF',
    });
    await disk.close();
  });
});
