/** Small file systems of their own, where this user may mount one: disks that can be full. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './server-process.ts';

export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** `6m`: from now on it has so much room in all. */
  resize(size: string): void;
}

const mounted = new Set<string>();
process.once('exit', () => {
  for (const path of mounted) execFileSync('umount', ['-l', path], { stdio: 'ignore' });
});

/** @returns undefined where this user may not mount anything */
export function smallDisk(size: string): SmallDisk | undefined {
  const path = join(temporaryDirectory(), 'small');
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], {
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  mounted.add(path);
  return {
    path,
    resize: (other) => void execFileSync('mount', ['-o', `remount,size=${other}`, path]),
  };
}
