/** The data directory before anything is opened in it: there, and this process may write into it. */
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { StartError } from './start-error.ts';

/**
 * Makes the directory if there is none, with its parents.
 * @throws StartError where the system refuses that, saying what to do
 */
export async function prepareDataDirectory(dataDir: string): Promise<void> {
  try {
    await makeDirectories(resolve(dataDir));
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataDirectoryError(error, dataDir);
  }
}

/** One by one: where a file system takes no directories, as /proc, Node's `recursive` never comes to an end. */
async function makeDirectories(path: string): Promise<void> {
  const missing: string[] = [];
  let parent = path;
  while (!(await isDirectory(parent))) {
    missing.push(parent);
    parent = dirname(parent);
  }
  for (const directory of missing.reverse()) {
    try {
      await mkdir(directory);
    } catch (error) {
      // Somebody else has made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** @throws Error where something else has its name */
async function isDirectory(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) {
      throw Object.assign(new Error(`${path} is not a directory`), { code: 'ENOTDIR', path });
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

const advice = 'choose another --data-dir';

const problems: Readonly<Record<string, (path: string) => string>> = {
  EACCES: (path) => `this user may not write at ${path}; give it to this user, or ${advice}`,
  EPERM: (path) => `this user may not write at ${path}; give it to this user, or ${advice}`,
  ENOENT: (path) => `${path} cannot be made there; ${advice}`,
  ENOTDIR: (path) => `${path} is not a directory, or not below one; ${advice}`,
  EROFS: (path) => `the file system of ${path} is read-only; ${advice}`,
  ENOSPC: (path) => `there is no room to make ${path}; make room, or ${advice}`,
  ENAMETOOLONG: () => `its name is too long; ${advice}`,
};

/** The error of making or opening the directory as a message, or as it is where it is a fault of the program. */
export function dataDirectoryError(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : dataDir;
  const problem = problems[error.code]?.(path) ?? error.message;
  return new StartError(
    `the data directory ${dataDir} cannot be used (${error.code}): ${problem}`,
    error,
  );
}
