/** What the machine says about processes, memory and disks (Linux: /proc). */
import { readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const microsecondsPerTick = 10_000;
const tmpfsMagic = 0x01021994;

/** CPU time of a process so far, user and system, microseconds; the kernel counts in steps of 10 ms. */
export function cpuOf(pid: number): number {
  const [user = 0, system = 0] = cpuTicksOf(String(pid));
  return (user + system) * microsecondsPerTick;
}

/** The same of this process and of its children that have ended. */
export function cpuWithChildren(): number {
  return cpuTicksOf('self').reduce((sum, ticks) => sum + ticks, 0) * microsecondsPerTick;
}

/** User and system time of a process, then those of its children that have ended. */
function cpuTicksOf(pid: string): number[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name before may contain anything, blanks and brackets too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).map(Number);
}

/** CPU time of all processes together, and what the hypervisor took, microseconds. */
export function busyOfHost(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [, user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).map(Number);
  const busy = [user, nice, system, irq, softirq, steal].reduce<number>(
    (sum, ticks) => sum + (ticks ?? 0),
    0,
  );
  return busy * microsecondsPerTick;
}

/** Resident memory of a process, bytes. */
export function residentOf(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (found === null) throw new Error(`no VmRSS of process ${pid}`);
  return Number(found[1]) * 1024;
}

/**
 * A folder on a real disk: a temporary folder in memory would make every fsync free. It goes when the
 * process ends, whatever ends it.
 */
export async function makeWorkFolder(): Promise<string> {
  const parent = fileURLToPath(new URL('../../.cache', import.meta.url));
  await mkdir(parent, { recursive: true });
  const { type } = await statfs(parent);
  if (type === tmpfsMagic) throw new Error(`${parent} is in memory; a benchmark needs a disk`);
  const path = await mkdtemp(join(parent, 'bench-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
