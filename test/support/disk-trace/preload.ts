/**
 * Runs nodes with `preload.c` between them and their C library. Needs Linux and a C compiler; where something
 * is missing a test says so, and on the machine that decides about a change it fails.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../server-process.ts';
import { parseTrace } from './events.ts';
import type { TraceEvent } from './events.ts';

const source = fileURLToPath(new URL('preload.c', import.meta.url));
const compilers = ['cc', 'gcc', 'clang'];

export type Preload =
  | { readonly library: string; readonly missing?: undefined }
  | { readonly library?: undefined; readonly missing: string };

let compiled: Preload | undefined;

/** Compiles it once for this process. @returns what is missing where that cannot be */
export function preload(): Preload {
  return (compiled ??= compile());
}

function compile(): Preload {
  if (process.platform !== 'linux') return { missing: 'Linux, whose calls are followed' };
  const library = join(temporaryDirectory(), 'preload.so');
  const failures: string[] = [];
  for (const compiler of compilers) {
    try {
      const args = ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, source, '-ldl'];
      execFileSync(compiler, args, { stdio: 'pipe' });
      return { library };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') failures.push(message);
    }
  }
  return {
    missing: failures[0] ?? `a C compiler (${compilers.join(', ')}): apt-get install gcc libc6-dev`,
  };
}

/** What a call suffers: see `struct fault` in `preload.c`. */
export interface Fault {
  readonly kind: 'EIO' | 'ENOSPC' | 'EINTR' | 'short' | 'moment' | 'full' | 'hang';
  readonly class: 'any' | 'write' | 'sync' | 'name' | 'open' | 'read';
  /** The number of the call in its class, from 1. */
  readonly at: number | 'every';
}

/** A directory that is watched, for as many processes as there are. */
export class TracedPlace {
  /** Data directories are made by the nodes themselves, right below it. */
  readonly root = temporaryDirectory();
  readonly #file = join(temporaryDirectory(), 'trace');
  readonly #gate = join(temporaryDirectory(), 'gate');

  dataDir(name = 'node'): string {
    return join(this.root, name);
  }

  /** Of a process that is followed. @throws Error where that cannot be */
  environment(fault?: Fault): Record<string, string> {
    const { library, missing } = preload();
    if (library === undefined) throw new Error(`needs ${missing}`);
    const number = fault?.at === 'every' ? '*' : String(fault?.at);
    return {
      LD_PRELOAD: library,
      DISK_TRACE_FILE: this.#file,
      DISK_TRACE_ROOT: this.root,
      DISK_TRACE_GATE: this.#gate,
      // Calls that a ring in shared memory makes pass by the C library.
      UV_USE_IO_URING: '0',
      ...(fault !== undefined && { DISK_TRACE_FAULT: `${fault.kind}@${fault.class}:${number}` }),
    };
  }

  /** Lets the calls that hang go on. */
  release(): void {
    writeFileSync(this.#gate, '');
  }

  /** What has been written down so far. */
  events(): readonly TraceEvent[] {
    return existsSync(this.#file) ? parseTrace(readFileSync(this.#file)) : [];
  }
}
