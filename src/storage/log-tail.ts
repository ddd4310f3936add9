/** Puts the end of the log right before anything is built on it: what a crash has left there is in doubt. */
import type { Disk } from './disk.ts';
import type { DoubtfulTail, TornTail } from './log-recovery.ts';
import { writeZeros } from './spare-segment.ts';

/** Zeros in place of a torn tail, durable before anything is appended: it must never be read again. */
export async function eraseTail(disk: Disk, torn: TornTail): Promise<void> {
  const file = await disk.open(torn.path, 'write');
  try {
    await writeZeros(file, { from: torn.from, until: torn.to });
  } finally {
    await file.close();
  }
}

/**
 * Makes durable a batch that was read, but may have been read from the memory of the kernel: its writer was
 * killed before its sync had ended, or ended because the sync had failed. After a failed sync the kernel
 * may call the pages clean, and a further sync would do nothing; so the bytes are written again.
 */
export async function secureTail(disk: Disk, { path, from, to }: DoubtfulTail): Promise<void> {
  const file = await disk.open(path, 'write');
  try {
    await file.write(from, await file.read(from, to - from));
    await file.sync();
  } finally {
    await file.close();
  }
}
