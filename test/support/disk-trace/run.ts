/** Runs of a node on a disk that is watched: what it is asked to write, and what a loss of power leaves of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe } from 'vitest';
import { startInProcess } from '../in-process.ts';
import { temporaryDirectory } from '../server-process.ts';
import { Books } from './books.ts';
import type { TraceEvent } from './events.ts';
import { preload } from './preload.ts';

/** So little that a few writes bring new files of the log, snapshots, and the removal of what these replace. */
export const smallArgs = [
  ...['--segment-size', '1MiB', '--snapshot-every', '8', '--snapshots-retained', '1'],
  ...['--log-format', 'json'],
];

/**
 * Tests that follow a process at its system calls. Where that cannot be done they say what is missing, and the
 * run that decides about a change (`CI`) fails.
 */
export function describeTraced(name: string, tests: () => void): void {
  const { missing } = preload();
  const isExcused = missing !== undefined && process.env['CI'] === undefined;
  if (isExcused) describe.skip(`${name} (not run, it needs ${missing})`, tests);
  else describe(name, tests);
}

export interface Writing {
  /** Number of the first one; default 1. */
  readonly from?: number;
  readonly count: number;
  /** Connections that write at once, each one thing after another. */
  readonly clients: number;
  /** Of every third write; the others have a few bytes. Default 200 KiB. */
  readonly largeBytes?: number;
}

/** Creates znodes of names that occur nowhere else. @returns the paths that were acknowledged */
export async function writeMarked(url: string, writing: Writing): Promise<readonly string[]> {
  const { from = 1, count, clients, largeBytes = 200 * 1024 } = writing;
  const acknowledged: string[] = [];
  let next = from;
  const client = async (): Promise<void> => {
    while (next < from + count) {
      const number = next++;
      const path = `/written-${number}-marker`;
      const body = number % 3 === 0 ? 'x'.repeat(largeBytes) : 'small';
      const signal = AbortSignal.timeout(10_000);
      const response = await fetch(`${url}/znodes${path}`, { method: 'PUT', body, signal });
      await response.arrayBuffer();
      if (response.ok) acknowledged.push(path);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return acknowledged;
}

/** What is certain to be there after the first `end` events, and nothing else, in a directory of its own. */
export function certainCopy(events: readonly TraceEvent[], end = events.length): string {
  const books = new Books();
  for (const event of events.slice(0, end)) books.take(event);
  const root = temporaryDirectory();
  for (const [path, inode] of books.certainFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), inode.content());
  }
  return root;
}

/** Starts a node on a data directory. @returns those of `paths` that it does not have */
export async function missingFrom(dataDir: string, paths: readonly string[]): Promise<string[]> {
  const node = await startInProcess({ dataDir });
  try {
    const missing: string[] = [];
    for (const path of paths) {
      const response = await fetch(`${node.url}/znodes${path}?consistency=local`);
      await response.arrayBuffer();
      if (!response.ok) missing.push(path);
    }
    return missing;
  } finally {
    await node.remove();
  }
}
