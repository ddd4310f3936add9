/**
 * What a running node tells scripts on its machine, as files of its data directory: `http.port`, the port on
 * which clients are served (chosen by the system with `--port 0`), and `pid`, its process. They are a
 * convenience: on a full or failing disk the node goes on without them.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Logger } from './logging.ts';

export const portFileName = 'http.port';
const processFileName = 'pid';

type Log = Pick<Logger, 'warn'>;

/** A reader of such a file finds the whole number or no file. */
export async function writeRunFiles(dataDir: string, port: number, log: Log): Promise<void> {
  const numbers = { [processFileName]: process.pid, [portFileName]: port };
  for (const [name, value] of Object.entries(numbers)) {
    const file = join(dataDir, name);
    const temporary = `${file}.tmp`;
    try {
      await writeFile(temporary, `${value}\n`);
      await rename(temporary, file);
    } catch (error) {
      // Of a full disk the empty file would remain.
      await rm(temporary, { force: true }).catch(() => undefined);
      const { message } = error as Error;
      log.warn(
        { file, [name]: value },
        `${file} cannot be written, the node goes on without it: ${message}`,
      );
    }
  }
}

/** Of a process that has ended, orderly or not. */
export async function removeRunFiles(dataDir: string, log: Log): Promise<void> {
  for (const name of [portFileName, processFileName]) {
    const file = join(dataDir, name);
    await rm(file, { force: true }).catch((error: unknown) => {
      log.warn({ file }, `${file} cannot be removed, ignore what it says: ${String(error)}`);
    });
  }
}
