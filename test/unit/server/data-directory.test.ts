import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareDataDirectory } from '../../../src/server/data-directory.ts';
import { dataDirectoryError, StartError } from '../../../src/server/start-error.ts';
import { temporaryDirectory } from '../../support/server-process.ts';

async function problemOf(dataDir: string): Promise<string> {
  const error: unknown = await prepareDataDirectory(dataDir).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StartError);
  return (error as StartError).message;
}

describe('a data directory', () => {
  it('is made with its parents, and may be there already', async () => {
    const dataDir = join(temporaryDirectory(), 'a', 'b');
    await prepareDataDirectory(dataDir);
    await Promise.all([prepareDataDirectory(dataDir), prepareDataDirectory(join(dataDir, 'c'))]);
    expect(statSync(join(dataDir, 'c')).isDirectory()).toBe(true);
  });

  it.runIf(process.platform === 'linux')('is refused where none can be made', async () => {
    expect(await problemOf('/proc/none/data')).toBe(
      'the data directory /proc/none/data cannot be used (ENOENT): ' +
        'the file system there takes no new directories, as /proc and /sys do not, so /proc/none ' +
        'cannot be made; choose another --data-dir',
    );
  });

  it('is refused where a file is', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    expect(await problemOf(file)).toBe(
      `the data directory ${file} cannot be used (ENOTDIR): ` +
        `${file} is not a directory, or not below one; choose another --data-dir`,
    );
    expect(await problemOf(join(file, 'below'))).toContain('cannot be used (ENOTDIR)');
  });

  it.each([
    ['EACCES', 'this user may not write at /x; give it to this user, or choose another --data-dir'],
    ['EROFS', 'the file system of /x is read-only; choose another --data-dir'],
    ['ENOSPC', 'there is no room at /x; make room, or choose another --data-dir'],
    ['EDQUOT', 'there is no room at /x; make room, or choose another --data-dir'],
    [
      'EIO',
      'the disk of /x has failed; look at the messages of the system, or choose another --data-dir',
    ],
    ['EBUSY', 'EBUSY: it failed'],
  ])('says what to do about %s', (code, problem) => {
    const error = Object.assign(new Error(`${code}: it failed`), { code, path: '/x' });
    expect((dataDirectoryError(error, './data') as StartError).message).toBe(
      `the data directory ./data cannot be used (${code}): ${problem}`,
    );
  });

  it('leaves a fault of the program what it is', () => {
    const error = new TypeError('x is undefined');
    expect(dataDirectoryError(error, './data')).toBe(error);
  });
});
