/** Why a node cannot start, as one message for its operator: what was tried, what came of it, what to do. */
import {
  CorruptionError,
  DirectoryInUseError,
  InconsistentDirectoryError,
} from '../storage/errors.ts';

/** The operator can do something about it; everything else is a fault of the program. */
export class StartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StartError';
  }
}

const explained = [CorruptionError, DirectoryInUseError, InconsistentDirectoryError] as const;

/** The error of a data directory as a message, or as it is where it is a fault of the program. */
export function storageStartError(error: unknown, dataDir: string): unknown {
  if (explained.some((type) => error instanceof type)) {
    return new StartError((error as Error).message, error);
  }
  const code = systemCode(error);
  if (code !== undefined) {
    const message = `the data directory ${dataDir} cannot be used: ${(error as Error).message}`;
    return new StartError(message, error);
  }
  // Recovery says in plain errors what does not fit together; other types are broken code.
  if (error instanceof Error && error.constructor === Error) {
    return new StartError(`the data directory ${dataDir} is refused: ${error.message}`, error);
  }
  return error;
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

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
