/** The thread of the log does its jobs in order, whatever their size, and tells what the file system says. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogWorker } from '../../../src/storage/log-worker.ts';

let folder: string;
let path: string;
let worker: LogWorker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoogate-log-worker-'));
  path = join(folder, 'log');
  await writeFile(path, '');
  worker = new LogWorker();
});

afterEach(async () => {
  await worker.end();
  await rm(folder, { recursive: true });
});

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

test('appends of all sizes, asked for at once, come into the file in order, each with its hint', async () => {
  const fd = await worker.run({ type: 'open', path });
  // Around what fits into the memory that is shared, with a hint and without.
  const lengths = [1, 600, 256 * 1024 - 8, 256 * 1024 - 7, 256 * 1024 + 1, 2_000_000, 3];
  const expected = new Uint8Array(lengths.reduce((sum, length) => sum + length, 8));
  let offset = 0;
  const appends: Promise<number>[] = [];
  for (const [index, length] of lengths.entries()) {
    const bytes = filled(length, index + 1);
    const hint = index === 1 ? undefined : filled(8, 100 + index);
    appends.push(worker.run({ type: 'append', fd, offset, bytes, hint }));
    expected.set(bytes, offset);
    if (hint !== undefined) expected.set(hint, offset + length);
    offset += length;
  }
  expect(await Promise.all(appends)).toEqual(lengths.map(() => 0));
  const to = join(folder, 'published');
  await worker.run({ type: 'publish', from: path, to, in: folder });
  await worker.run({ type: 'close', fd });
  expect(Buffer.compare(await readFile(to), expected)).toBe(0);
});

test('an error has its code and its call, and the jobs behind it are done', async () => {
  const missing = worker.run({ type: 'open', path: join(folder, 'missing') });
  const there = worker.run({ type: 'open', path });
  await expect(missing).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
  const fd = await there;
  await worker.run({ type: 'close', fd });
  const closed = { type: 'append', fd, offset: 0, bytes: filled(10, 1), hint: undefined } as const;
  await expect(worker.run(closed)).rejects.toMatchObject({ code: 'EBADF', syscall: 'write' });
});

test('what waits when the thread ends, and what comes afterwards, fails', async () => {
  const opening = [worker.run({ type: 'open', path }), worker.run({ type: 'open', path })];
  const outcomes = Promise.allSettled(opening);
  await worker.end();
  const states = (await outcomes).map(({ status }) => status);
  expect(states.at(-1)).toBe('rejected');
  await expect(worker.run({ type: 'open', path })).rejects.toThrow('thread of the log has ended');
});
