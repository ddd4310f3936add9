/** `http.port` in the data directory: the port that a node with `--port 0` has been given. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = 'http.port';

/** Whoever reads the file finds the whole number or no file. */
export async function writePortFile(dataDir: string, port: number): Promise<void> {
  const file = join(dataDir, NAME);
  await writeFile(`${file}.tmp`, `${port}\n`);
  await rename(`${file}.tmp`, file);
}

/** Of a process that has ended, orderly or not. */
export async function removePortFile(dataDir: string): Promise<void> {
  await rm(join(dataDir, NAME), { force: true });
}
