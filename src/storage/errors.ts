/** The errors for which a node refuses to start, or ends. Each says what was found, where, and what to do. */

/** Somebody else works on the data directory. */
export class DirectoryInUseError extends Error {
  /** What has it, as `process 4711`. */
  readonly holder: string;

  constructor(directory: string, holder: string) {
    super(
      `data directory ${directory} is in use by ${holder}: ` +
        'stop that process first, or give this node a data directory of its own',
    );
    this.name = 'DirectoryInUseError';
    this.holder = holder;
  }
}

export interface Damage {
  readonly file: string;
  /** Where in the file, bytes. */
  readonly offset: number;
  /** The first zxid that cannot be read. */
  readonly zxid: number;
  readonly problem: string;
}

/**
 * Bytes that were durable, and may have been acknowledged, are damaged or missing. Never taken for a torn
 * tail: a node that forgot what it acknowledged would help to elect a leader without it.
 */
export class CorruptionError extends Error {
  readonly damage: Damage;

  constructor(damage: Damage) {
    super(
      `${damage.file} is damaged at offset ${String(damage.offset)} ` +
        `(zxid ${String(damage.zxid)}): ${damage.problem}. ` +
        'These records may have been acknowledged, so the node does not start without them. ' +
        'Keep a copy of the data directory and replace it: by a backup, or, for a member of an ' +
        'ensemble, by an empty one, joining as a new member',
    );
    this.name = 'CorruptionError';
    this.damage = damage;
  }
}

/** The files of a data directory contradict one another. */
export class InconsistentDirectoryError extends Error {
  constructor(problem: string) {
    super(
      `the data directory is not complete: ${problem}. ` +
        'Keep a copy of it and replace it: by a backup, or, for a member of an ensemble, ' +
        'by an empty one, joining as a new member',
    );
    this.name = 'InconsistentDirectoryError';
  }
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** No more bytes for this user (`ENOSPC`, `EDQUOT`): the disk itself is well. */
export function isOutOfRoom(error: unknown): boolean {
  const { code } = errorOf(error) as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** What gives a process more descriptors. */
export const moreFiles = 'raise the limit of open files (ulimit -n; LimitNOFILE in systemd)';

const filesTexts: Readonly<Record<string, string>> = {
  EMFILE: `this process may open no more files: ${moreFiles}, or keep more of them from clients (--limit filesReserved)`,
  ENFILE:
    'this machine may open no more files: raise fs.file-max, or end the programs that hold most of them',
};

/** Why no file can be opened, and what to do; undefined for any other error. The disk itself is well. */
export function outOfFilesText(error: unknown): string | undefined {
  return filesTexts[(errorOf(error) as NodeJS.ErrnoException).code ?? ''];
}
