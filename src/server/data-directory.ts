/** The data directory before anything is opened in it: there, and this process may write into it. */
import { access, constants, mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { dataDirectoryError } from './start-error.ts';

/**
 * Makes the directory if there is none, with its parents, and resolves when its name is on the disk: what is
 * synced in it is lost with the power all the same when the directory is.
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
  await syncNameOfFound(parent);
  for (const directory of missing.reverse()) {
    try {
      await mkdir(directory);
    } catch (error) {
      // Somebody else has made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    // Before anything is made in it: so only the last one that a killed process has made can be in doubt.
    await syncName(directory);
  }
}

/** A process that was killed may have made it just before. Where this user may not open its parent, another made it. */
async function syncNameOfFound(path: string): Promise<void> {
  try {
    await syncName(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(code)) throw error;
  }
}

async function syncName(path: string): Promise<void> {
  const parent = await open(dirname(path), constants.O_RDONLY);
  try {
    await parent.sync();
  } finally {
    await parent.close();
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
