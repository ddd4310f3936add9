/** What an operator, a broken disk or a full one does to the data directory of the real process. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { segmentHeaderBytes } from '../../../src/storage/log-format.ts';
import { httpClient } from '../../support/http-client.ts';
import type { Http } from '../../support/http-client.ts';
import { seededRandom } from '../../support/random.ts';
import { runZoogate, startServer, temporaryDirectory } from '../../support/server-process.ts';
import type { ServerProcess } from '../../support/server-process.ts';
import { seedsFor } from './settings.ts';

const args = ['--segment-size', '1MiB', '--log-level', 'info'];
const batchHeaderBytes = 32;

let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.kill('SIGKILL');
});

async function start(dataDir: string): Promise<{ http: Http; running: ServerProcess }> {
  server = await startServer({ dataDir, args });
  return { http: httpClient(server.url), running: server };
}

async function put(http: Http, path: string, body: string): Promise<number> {
  const { status, text, headers } = await http('PUT', `/znodes${path}`, { body });
  expect(status, text).toBeLessThan(300);
  return Number(headers['zk-zxid']);
}

/** A directory of a killed node with `count` znodes, one batch each. */
async function killedAfter(count: number): Promise<{ dataDir: string; log: string }> {
  const dataDir = temporaryDirectory();
  const { http, running } = await start(dataDir);
  for (let index = 0; index < count; index += 1) await put(http, `/n${index}`, `data-${index}`);
  await running.kill('SIGKILL');
  const [name = ''] = readdirSync(join(dataDir, 'log')).filter((file) => file.endsWith('.log'));
  return { dataDir, log: `log/${name}` };
}

interface Extent {
  /** Where each batch begins, bytes. */
  readonly batches: readonly number[];
  /** Where the last one ends. */
  readonly end: number;
}

async function extentOf(dataDir: string, path: string): Promise<Extent> {
  const bytes = readFileSync(join(dataDir, path));
  const batches: number[] = [];
  for (let offset = segmentHeaderBytes; ;) {
    const count = bytes.readUInt32LE(offset + 12);
    if (bytes.readUInt32LE(offset) === 0 || count === 0) return { batches, end: offset };
    batches.push(offset);
    offset += batchHeaderBytes + bytes.readUInt32LE(offset + 8);
  }
}

async function namesIn(http: Http): Promise<readonly string[]> {
  return (await http('GET', '/children/')).json()['children'] as string[];
}

/** A copy of `dataDir` whose log has been changed. */
function changed(dataDir: string, path: string, change: (file: string) => void): string {
  const copy = join(temporaryDirectory(), 'data');
  cpSync(dataDir, copy, { recursive: true, filter: (file) => !file.includes('/lock') });
  change(join(copy, path));
  return copy;
}

function overwrite(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
}

describe('a log whose last write was interrupted', () => {
  test.for(seedsFor([21], 1))('loses that one alone, seed %i', async (seed) => {
    const random = seededRandom(seed);
    const { dataDir, log } = await killedAfter(6);
    const { batches, end } = await extentOf(dataDir, log);
    const last = batches.at(-1) ?? 0;
    for (let round = 0; round < 3; round += 1) {
      const from = last + 1 + Math.floor(random() * (end - last - 1));
      const copies = [
        changed(dataDir, log, (file) => truncateSync(file, from)),
        changed(dataDir, log, (file) => overwrite(file, (bytes) => bytes.fill(0, from))),
      ];
      for (const copy of copies) {
        const { http, running } = await start(copy);
        expect(running.stdout()).toContain(`behind zxid`);
        const names = await namesIn(http);
        expect(names.filter((name) => name.startsWith('n'))).toEqual([
          'n0',
          'n1',
          'n2',
          'n3',
          'n4',
        ]);
        await put(http, '/n5', 'again');
        await running.kill('SIGKILL');
        const again = await start(copy);
        expect((await again.http('GET', '/znodes/n5')).text).toBe('again');
        await again.running.kill('SIGKILL');
      }
    }
  });
});

describe('a log with a flipped bit', () => {
  test('is refused, and the place of the damage is named, by the node and by the offline look', async () => {
    const { dataDir, log } = await killedAfter(6);
    const { batches } = await extentOf(dataDir, log);
    const [, , third = 0] = batches;
    const copy = changed(dataDir, log, (file) => {
      overwrite(file, (bytes) => {
        bytes[third + 50] = (bytes[third + 50] ?? 0) ^ 4;
      });
    });
    const refused = await runZoogate(['serve', '--data-dir', copy, '--port', '0']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${log} is damaged at offset ${third}`);
    const looked = await runZoogate(['log', 'verify', '--data-dir', copy]);
    expect(looked.code).toBe(1);
    expect(`${looked.stdout}${looked.stderr}`).toContain(String(third));
  });
});

/** A small file system of its own, where this user may mount one. */
function mountSmall(place: string, size: string): boolean {
  try {
    mkdirSync(place, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

const place = join(temporaryDirectory(), 'small');
const isMounted = mountSmall(place, '6m');
process.once('exit', () => {
  if (isMounted) execFileSync('umount', ['-l', place], { stdio: 'ignore' });
});

/** Writes until the node refuses or ends. @returns the names of what it has acknowledged, and the status */
async function fill(http: Http): Promise<{ names: string[]; status: number | undefined }> {
  const names: string[] = [];
  const body = 'x'.repeat(60_000);
  for (let index = 0; index < 500; index += 1) {
    try {
      const { status } = await http('PUT', `/znodes/big-${index}`, { body });
      if (status !== 201) return { names, status };
      names.push(`big-${index}`);
    } catch {
      return { names, status: undefined };
    }
  }
  return { names, status: 201 };
}

describe.runIf(isMounted)('a small disk', () => {
  test('that fills up loses nothing, and lets the node go on when it has room', async () => {
    const dataDir = join(place, 'data');
    const { http, running } = await start(dataDir);
    const { names, status } = await fill(http);
    expect(names.length).toBeGreaterThan(10);
    expect(status).toBe(507);
    expect((await http('DELETE', `/znodes/${names.pop() ?? ''}`)).status).toBe(204);
    await running.kill('SIGKILL');
    execFileSync('mount', ['-o', 'remount,size=60m', place]);
    const next = await start(dataDir);
    const found = await namesIn(next.http);
    expect(found).toEqual(expect.arrayContaining(names));
    await put(next.http, '/more', 'room');
  });
});

describe('a limit on the size of files', () => {
  test('ends the node before it acknowledges what it cannot write', async () => {
    const dataDir = temporaryDirectory();
    const { http, running } = await start(dataDir);
    // From now on no file of this process grows beyond 1 MiB and a bit, snapshots and segments included.
    execFileSync('prlimit', [`--pid=${running.pid}`, '--fsize=1000000']);
    const { names, status } = await fill(http);
    expect(status).not.toBe(201);
    await running.kill('SIGKILL');
    const next = await start(dataDir);
    expect(await namesIn(next.http)).toEqual(expect.arrayContaining(names));
  });
});
