/**
 * How many files the process may open, and how many of them clients get: a node whose descriptors are all
 * taken by sockets could not open the next file of its log.
 */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { Limits } from '../protocol/limits.ts';
import { moreFiles } from '../storage/errors.ts';
import { StartError } from './start-error.ts';

/** The soft limit of open files (RLIMIT_NOFILE), which Node raises to the hard one at its start; undefined = none. */
export async function openFilesMax(): Promise<number | undefined> {
  if (process.platform === 'linux') return filesIn(await readFile('/proc/self/limits', 'utf8'));
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Without the network, whose names would be looked up.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as unknown as ReportedLimits;
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}

interface ReportedLimits {
  readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } };
}

/** @param text `/proc/<pid>/limits` */
export function filesIn(text: string): number | undefined {
  const [, soft] = /^Max open files +(\S+)/m.exec(text) ?? [];
  const files = Number(soft);
  return Number.isSafeInteger(files) ? files : undefined;
}

export interface ConnectionLimits {
  readonly limits: Limits;
  /** Where clients get noticeably less than is configured. */
  readonly warning?: string;
}

/** A node that admits fewer connections than this share of what is configured says so. */
const NOTICEABLE = 1 / 8;

/**
 * Of connections that files make few, what one client may have: more than of plenty, since a proxy without
 * X-Forwarded-For or a machine with many programs is one client too.
 */
const CLIENT_SHARE = 3 / 4;

/**
 * The limits with as many connections as the files allow.
 * @throws StartError where not even one is left
 */
export function withinFiles(limits: Limits, filesMax: number | undefined): ConnectionLimits {
  const { connectionsMax, connectionsPerClientMax, filesReserved } = limits;
  if (filesMax === undefined || filesMax - filesReserved >= connectionsMax) return { limits };
  const connections = filesMax - filesReserved;
  if (connections < 1) {
    throw new StartError(
      `The process may open ${filesMax} files, of which ${filesReserved} are kept for the disk and the ` +
        `other members (--limit filesReserved): none is left for clients. To go on, ${moreFiles}.`,
    );
  }
  const perClient = Math.min(connectionsPerClientMax, Math.ceil(connections * CLIENT_SHARE));
  const bounded = {
    ...limits,
    connectionsMax: connections,
    connectionsPerClientMax: perClient,
  };
  if (connections >= connectionsMax * NOTICEABLE) return { limits: bounded };
  const warning =
    `the process may open ${filesMax} files: clients get ${connections} connections, one client ` +
    `${perClient}; for ${connectionsMax} connections ${moreFiles} to ${connectionsMax + filesReserved}`;
  return { limits: bounded, warning };
}
