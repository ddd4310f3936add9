/**
 * What a running node tells scripts on its machine, as files of its data directory: `http.port`, the port on
 * which clients are served (chosen by the system with `--port 0`), and `pid`, its process.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

export const portFileName = 'http.port';
const processFileName = 'pid';

/** Whoever reads a file finds the whole number or no file. */
export async function writeRunFiles(dataDir: string, port: number): Promise<void> {
  await writeNumber(join(dataDir, processFileName), process.pid);
  await writeNumber(join(dataDir, portFileName), port);
}

/** Of a process that has ended, orderly or not. */
export async function removeRunFiles(dataDir: string): Promise<void> {
  await rm(join(dataDir, portFileName), { force: true });
  await rm(join(dataDir, processFileName), { force: true });
}

async function writeNumber(file: string, value: number): Promise<void> {
  await writeFile(`${file}.tmp`, `${value}\n`);
  await rename(`${file}.tmp`, file);
}
