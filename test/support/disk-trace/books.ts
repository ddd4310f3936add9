/**
 * Two books on a disk, kept from a trace: what a process sees, and what is certain to be there after a loss of
 * power. Bytes are certain once a sync of their file that began after they were written has ended well; names,
 * once such a sync of their directory has. Nothing else is: a kernel may have written more, and need not have.
 *
 * What a failed sync was to make certain never is, whatever a later sync says: the kernel may have called the
 * pages clean that it could not write. Only writing the bytes again helps.
 */
import type { TraceEvent } from './events.ts';

const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const EINTR = 4;

/** The file at an offset, or its length. */
interface Change {
  readonly offset: number;
  /** Of a write; a truncation has none. */
  readonly bytes: Uint8Array | undefined;
  readonly length: number;
  isCertain: boolean;
  isLost: boolean;
}

export class Inode {
  readonly isDirectory: boolean;
  /** Of a file, in the order in which they were made. */
  readonly changes: Change[] = [];
  /** Of a directory: names that have come or gone since they were last certain, oldest first. */
  names: NameChange[] = [];

  constructor(isDirectory: boolean) {
    this.isDirectory = isDirectory;
  }

  /** True when all that was written is certain to be there. */
  get isSynced(): boolean {
    return this.changes.every(({ isCertain }) => isCertain);
  }

  /** What is certain, or all that a process sees. */
  content(which: 'certain' | 'seen' = 'certain'): Uint8Array {
    const changes = this.changes.filter(({ isCertain }) => which === 'seen' || isCertain);
    const bytes = new Uint8Array(
      Math.max(0, ...changes.map(({ offset, length }) => offset + length)),
    );
    let size = 0;
    for (const { offset, bytes: written, length } of changes) {
      if (written === undefined) {
        bytes.fill(0, length);
        size = length;
        continue;
      }
      bytes.fill(0, offset, offset + length);
      bytes.set(written, offset);
      size = Math.max(size, offset + length);
    }
    return bytes.subarray(0, size);
  }
}

/** A rename changes two names at once. */
interface NameChange {
  readonly names: readonly (readonly [path: string, inode: Inode | undefined])[];
}

type Names = Map<string, Inode>;

/** What a sync that is under way will have made certain. */
interface Syncing {
  readonly inode: Inode;
  readonly changes: readonly Change[];
  readonly names: readonly NameChange[];
}

export class Books {
  /** By paths relative to the traced directory, which is `''` and certain to be there. */
  readonly #seen: Names = new Map([['', new Inode(true)]]);
  readonly #certain: Names = new Map(this.#seen);
  /** By process and descriptor, and by process and call. */
  readonly #open = new Map<string, Inode>();
  readonly #syncing = new Map<string, Syncing>();

  /** Takes the events in their order. */
  take(event: TraceEvent): void {
    const { operation, phase, error, data, result, paths } = event;
    const [path = ''] = paths;
    if (operation === 'sync') {
      if (phase === 'begin') this.#syncBegun(event);
      else this.#syncEnded(event);
    } else if (phase === 'end' && error === 0) {
      if (operation === 'open') this.#opened(event);
      if (operation === 'write') this.#changed(event, data, result);
      if (operation === 'truncate') this.#changed({ ...event, offset: 0 }, undefined, event.offset);
      if (operation === 'rename') this.#renamed(paths);
      if (operation === 'unlink') this.#named([[path, undefined]]);
      if (operation === 'mkdir') this.#named([[path, new Inode(true)]]);
    }
  }

  /** What has this name now. */
  find(path: string): Inode | undefined {
    return this.#seen.get(path);
  }

  /** The files that would be found after a loss of power, by their paths. */
  certainFiles(): ReadonlyMap<string, Inode> {
    const paths = [...this.#certain].filter(([path, inode]) => {
      return !inode.isDirectory && this.#isReachable(path);
    });
    return new Map(paths);
  }

  /** Every directory above it is certain to be there, too. */
  #isReachable(path: string): boolean {
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
      if (this.#certain.get(at)?.isDirectory !== true) return false;
    }
    return true;
  }

  #opened(event: TraceEvent): void {
    const {
      offset: flags,
      paths: [path = ''],
    } = event;
    let inode = this.#seen.get(path);
    if (inode === undefined) {
      if ((flags & O_CREAT) === 0) throw new Error(`${path} is opened, and nothing made it`);
      inode = new Inode(false);
      this.#named([[path, inode]]);
    } else if ((flags & O_TRUNC) !== 0) {
      inode.changes.push({
        ...{ offset: 0, bytes: undefined, length: 0 },
        ...{ isCertain: false, isLost: false },
      });
    }
    this.#open.set(handleOf(event), inode);
  }

  #changed(event: TraceEvent, bytes: Uint8Array | undefined, length: number): void {
    const { offset } = event;
    this.#of(event).changes.push({ offset, bytes, length, isCertain: false, isLost: false });
  }

  #syncBegun(event: TraceEvent): void {
    const inode = this.#of(event);
    const changes = inode.changes.filter(({ isCertain }) => !isCertain);
    this.#syncing.set(callOf(event), { inode, changes, names: [...inode.names] });
  }

  #syncEnded(event: TraceEvent): void {
    const { error } = event;
    const call = callOf(event);
    const { inode, changes, names } = this.#syncing.get(call) ?? missing('sync', call);
    this.#syncing.delete(call);
    // It has done nothing, and is begun anew: libuv does that by itself.
    if (error === EINTR) return;
    for (const change of changes) {
      if (error !== 0) change.isLost = true;
      else if (!change.isLost) change.isCertain = true;
    }
    if (error !== 0) return;
    for (const change of names) {
      for (const [path, named] of change.names) set(this.#certain, path, named);
    }
    inode.names = inode.names.filter((change) => !names.includes(change));
  }

  #renamed([from = '', to = '']: readonly string[]): void {
    const inode = this.#seen.get(from) ?? missing('rename', from);
    if (inode.isDirectory) throw new Error(`a directory is renamed: ${from}`);
    this.#named([
      [from, undefined],
      [to, inode],
    ]);
  }

  #named(names: NameChange['names']): void {
    const directories = new Set(names.map(([path]) => this.#seen.get(parentOf(path))));
    const [directory] = directories;
    if (directories.size !== 1 || directory === undefined) {
      throw new Error(
        `names of different directories change: ${names.map(([path]) => path).join()}`,
      );
    }
    for (const [path, inode] of names) set(this.#seen, path, inode);
    directory.names.push({ names });
  }

  #of(event: TraceEvent): Inode {
    const handle = handleOf(event);
    return this.#open.get(handle) ?? missing(event.operation, handle);
  }
}

function handleOf({ process, fd }: TraceEvent): string {
  return `${process}:${fd}`;
}

function callOf({ process, id }: TraceEvent): string {
  return `${process}:${id}`;
}

function set(names: Names, path: string, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(path);
  else names.set(path, inode);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function missing(operation: string, what: string): never {
  throw new Error(`${operation} of ${what}, which nothing has made`);
}
