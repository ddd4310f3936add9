/** Why a node cannot start, as one message for its operator: what was tried, what came of it, what to do. */
import {
  CorruptionError,
  DirectoryInUseError,
  InconsistentDirectoryError,
  isOutOfRoom,
  outOfFilesText,
} from '../storage/errors.ts';

/** The operator can do something about it; everything else is a fault of the program. */
export class StartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StartError';
  }
}

const explained = [CorruptionError, DirectoryInUseError, InconsistentDirectoryError] as const;

/** What a node knows of the disk that it cannot use. */
export interface DiskFacts {
  /** Bytes that this user may still write; undefined where the system does not say. */
  readonly freeBytes: number | undefined;
  /** Of one file of the log, which is made before the log needs it. */
  readonly segmentBytes: number;
}

/** The error of opening what is in a data directory as a message, or as it is where it is a fault of the program. */
export function storageStartError(error: unknown, dataDir: string, disk?: DiskFacts): unknown {
  if (explained.some((type) => error instanceof type)) {
    return new StartError((error as Error).message, error);
  }
  if (systemCode(error) !== undefined) return dataDirectoryError(error, dataDir, disk);
  // Recovery says in plain errors what does not fit together; other types are broken code.
  if (error instanceof Error && error.constructor === Error) {
    return new StartError(`the data directory ${dataDir} is refused: ${error.message}`, error);
  }
  return error;
}

const advice = 'choose another --data-dir';

type Problem = (path: string, disk: DiskFacts | undefined) => string;

const notAllowed: Problem = (path) =>
  `this user may not write at ${path}; give it to this user, or ${advice}`;
const noRoom: Problem = (path, disk) => `there is no room at ${path}${factsText(disk)}`;

const problems: Readonly<Record<string, Problem>> = {
  EACCES: notAllowed,
  EPERM: notAllowed,
  ENOENT: (path) =>
    `the file system there takes no new directories, as /proc and /sys do not, so ${path} cannot be made; ${advice}`,
  ENOTDIR: (path) => `${path} is not a directory, or not below one; ${advice}`,
  EROFS: (path) => `the file system of ${path} is read-only; ${advice}`,
  ENOSPC: noRoom,
  EDQUOT: noRoom,
  EIO: (path) => `the disk of ${path} has failed; look at the messages of the system, or ${advice}`,
  ENAMETOOLONG: () => `its name is too long; ${advice}`,
};

function factsText(disk: DiskFacts | undefined): string {
  if (disk === undefined) return `; make room, or ${advice}`;
  const { freeBytes, segmentBytes } = disk;
  const free = freeBytes === undefined ? '' : `${roughBytes(freeBytes)} are free, and `;
  return (
    `: ${free}a file of the log takes ${roughBytes(segmentBytes)} (--segment-size). ` +
    `Make room on its disk, or ${advice}`
  );
}

/** The error of making, opening or writing to the directory as a message, or as it is where it is a fault of the program. */
export function dataDirectoryError(error: unknown, dataDir: string, disk?: DiskFacts): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : dataDir;
  const problem = problems[error.code]?.(path, disk) ?? outOfFilesText(error) ?? error.message;
  return new StartError(
    `the data directory ${dataDir} cannot be used (${error.code}): ${problem}`,
    error,
  );
}

/**
 * The error that ends a node which has served, with the directory and what to do where it is one of its disk.
 * Of a write the system says neither.
 */
export function diskFailure(error: Error, dataDir: string): Error {
  const code = systemCode(error);
  if (code === undefined) return error;
  const files = outOfFilesText(error);
  const todo = isOutOfRoom(error)
    ? 'its disk is full: make room there, and start the node again'
    : files === undefined
      ? 'look after its disk before the node is started again'
      : `${files}, and start the node again`;
  return new Error(
    `the data directory ${dataDir} cannot be written to (${error.message}); ${todo}. ` +
      'Nothing has been acknowledged that is not on the disk',
    { cause: error },
  );
}

/** For whom a node listens: the two sockets have settings of their own. */
export type Audience = 'clients' | 'members';

const flagsFor = {
  clients: { host: '--host', port: '--port', socket: '' },
  members: { host: '--peer-host', port: '--peer-port', socket: ' for the other members' },
} as const;

export interface Address {
  readonly host: string;
  readonly port: number;
}

const listenProblems: Readonly<Record<string, (flags: { host: string; port: string }) => string>> =
  {
    EADDRINUSE: ({ port }) => `another process listens there; stop it, or choose another ${port}`,
    EADDRNOTAVAIL: ({ host }) => `this machine has no such address; choose another ${host}`,
    EACCES: ({ port }) => `this user may not listen there; choose a ${port} above 1023`,
    ENOTFOUND: ({ host }) => `no address belongs to this name; choose another ${host}`,
    EAI_AGAIN: ({ host }) =>
      `the name cannot be resolved now; try again, or choose another ${host}`,
  };

/** The error of listening as a message. */
export function listenStartError(
  error: unknown,
  { host, port }: Address,
  audience: Audience = 'clients',
): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const flags = flagsFor[audience];
  const problem = listenProblems[code]?.(flags) ?? (error as Error).message;
  const where = `on ${host} port ${port}${flags.socket}`;
  return new StartError(`cannot listen ${where} (${code}): ${problem}`, error);
}

/** To three digits: `1.5 MiB`. */
function roughBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const steps = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** steps).toPrecision(3))} ${units[steps] ?? ''}`;
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
