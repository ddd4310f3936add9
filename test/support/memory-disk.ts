/**
 * A deterministic disk that keeps two books: what a reader sees, and what a power loss would leave. Bytes
 * are safe after `sync` of their file, names after `syncDirectory` of their directory, nothing else is.
 *
 * It fails on command: `fault` is asked before every operation. It draws on no clock, no timer and no chance
 * but the `random` it is given, so that a run can be repeated from its seed; `schedule` lets a simulator
 * decide when an operation completes.
 */
import type { Disk, DiskFile, LogFile, LogWrite, OpenMode } from '../../src/storage/disk.ts';
import { DirectoryInUseError } from '../../src/storage/errors.ts';
import { MemoryFile } from './memory-file.ts';
import type { Random } from './random.ts';

export interface DiskOperation {
  /** Counts all operations of this disk, from 1. */
  readonly index: number;
  readonly kind:
    | ('open' | 'create' | 'size' | 'read' | 'write' | 'truncate' | 'sync' | 'close')
    | ('rename' | 'remove' | 'list' | 'makeDirectory' | 'syncDirectory' | 'lock');
  readonly path: string;
  /** Of a write. */
  readonly bytes?: number;
}

export type DiskFault =
  /** Fails; of a write the first `written` bytes (none unless said) have been written. */
  | { readonly type: 'error'; readonly code: string; readonly written?: number }
  /** Does not complete before `release`. */
  | { readonly type: 'stall' }
  /** The machine stops while the operation is under way: it never completes, and nothing after it. */
  | { readonly type: 'crash' };

export interface MemoryDiskOptions {
  /** For what the disk leaves open: which bytes a failed sync has lost. */
  readonly random?: Random;
  readonly capacityBytes?: number;
  readonly fault?: (operation: DiskOperation) => DiskFault | undefined;
  /** While it says so syncs succeed and do nothing, until `honour`. */
  readonly isLying?: () => boolean;
  /** Completes an operation; at once unless said. */
  readonly schedule?: (complete: () => void) => void;
}

type Inode = MemoryFile | 'directory';

/** Names that appear, change or vanish together, in one directory. */
interface NameChange {
  readonly directory: string;
  readonly names: readonly (readonly [path: string, inode: Inode | undefined])[];
  /** A sync of the directory has said that it is durable. */
  isSaid?: boolean;
}

interface State {
  names: Map<string, Inode>;
  durableNames: Map<string, Inode>;
  pendingNames: NameChange[];
}

export class MemoryDisk implements Disk {
  /** Resolves when a fault has stopped the machine. */
  readonly crashed: Promise<void>;
  readonly #options: MemoryDiskOptions;
  readonly #state: State;
  readonly #stalled: (() => void)[] = [];
  #stop: () => void = () => undefined;
  #operations = 0;
  #isStopped = false;
  #isLocked = false;

  constructor(options: MemoryDiskOptions = {}, state?: State) {
    this.#options = options;
    this.#state = state ?? { names: new Map(), durableNames: new Map(), pendingNames: [] };
    this.crashed = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  /** Operations so far. */
  get operations(): number {
    return this.#operations;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Completes the operations that a fault has stalled. */
  release(): void {
    for (const complete of this.#stalled.splice(0)) complete();
  }

  /** What syncs that lied have said to be durable is. */
  honour(): void {
    const { names, durableNames, pendingNames } = this.#state;
    for (const change of pendingNames) if (change.isSaid) applyNames(durableNames, change);
    this.#state.pendingNames = pendingNames.filter(({ isSaid }) => !isSaid);
    for (const inodes of [names, durableNames]) {
      for (const inode of inodes.values()) if (inode !== 'directory') inode.honour();
    }
  }

  /** This process ends at once; its kernel keeps what was written. The next process's view of the disk. */
  kill(options: MemoryDiskOptions = {}): MemoryDisk {
    this.#halt();
    return new MemoryDisk(options, this.#state);
  }

  /**
   * The power goes; the disk as it is found afterwards. Of what was not synced each part is lost, kept or
   * torn as `random` decides; without it all is lost.
   */
  powerLoss(random?: Random, options: MemoryDiskOptions = {}): MemoryDisk {
    this.#halt();
    const survivors = new Map<Inode, Inode>();
    const names = new Map(this.#state.durableNames);
    for (const change of random === undefined ? [] : this.#state.pendingNames) {
      if (random !== undefined && random() < 0.5) applyNames(names, change);
    }
    for (const [path, inode] of names) {
      if (inode === 'directory') continue;
      if (names.get(directoryOf(path)) !== 'directory' && directoryOf(path) !== '') {
        names.delete(path);
        continue;
      }
      const survivor = survivors.get(inode) ?? inode.afterPowerLoss(random);
      survivors.set(inode, survivor);
      names.set(path, survivor);
    }
    const state = { names, durableNames: new Map(names), pendingNames: [] };
    return new MemoryDisk(options, state);
  }

  /** The same disk at this moment, in a world of its own: what happens to it leaves this one as it is. */
  fork(options: MemoryDiskOptions = {}): MemoryDisk {
    const copies = new Map<MemoryFile, MemoryFile>();
    const copyOf = (inode: Inode): Inode => {
      if (inode === 'directory') return inode;
      const copy = copies.get(inode) ?? inode.copy();
      copies.set(inode, copy);
      return copy;
    };
    const copyNames = (names: ReadonlyMap<string, Inode>): Map<string, Inode> =>
      new Map([...names].map(([path, inode]) => [path, copyOf(inode)]));
    const { names, durableNames, pendingNames } = this.#state;
    const state = {
      names: copyNames(names),
      durableNames: copyNames(durableNames),
      pendingNames: pendingNames.map((change) => ({
        ...change,
        names: change.names.map(
          ([path, inode]) => [path, inode === undefined ? inode : copyOf(inode)] as const,
        ),
      })),
    };
    return new MemoryDisk(options, state);
  }

  /** Bit rot: on the disk and in every cache. */
  flipBit(path: string, offset: number, bit = 0): void {
    this.#file(path).flipBit(offset, bit);
  }

  /** The bytes of a file as a reader sees them. */
  peek(path: string): Uint8Array {
    const file = this.#file(path);
    return file.read(0, file.size);
  }

  /** Puts a file there behind everybody's back, durable. */
  poke(path: string, bytes: Uint8Array): void {
    const file = new MemoryFile();
    file.write(0, bytes);
    file.sync();
    this.#forgetChanges(path);
    this.#state.names.set(path, file);
    this.#state.durableNames.set(path, file);
  }

  /** Takes a file away behind everybody's back, for good. */
  lose(path: string): void {
    this.#forgetChanges(path);
    this.#state.names.delete(path);
    this.#state.durableNames.delete(path);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode !== 'create') {
      await this.perform('open', path, () => this.#file(path));
      return new MemoryDiskFile(this, path, this.#file(path));
    }
    const file = await this.perform('create', path, () => this.#create(path));
    return new MemoryDiskFile(this, path, file);
  }

  async openLog(path: string): Promise<LogFile> {
    const file = await this.perform('open', path, () => this.#file(path));
    return new MemoryLogFile(this, path, file);
  }

  rename(from: string, to: string): Promise<void> {
    return this.perform('rename', from, () => {
      const names = [[from, undefined] as const, [to, this.#file(from)] as const];
      this.#changeNames({ directory: directoryOf(to), names });
    });
  }

  remove(path: string): Promise<void> {
    return this.perform('remove', path, () => {
      this.#file(path);
      this.#changeNames({ directory: directoryOf(path), names: [[path, undefined]] });
    });
  }

  list(directory: string): Promise<readonly string[]> {
    return this.perform('list', directory, () => {
      const inside = [...this.#state.names.keys()].filter(
        (path) => directoryOf(path) === directory,
      );
      return inside.map((path) => path.slice(path.lastIndexOf('/') + 1)).sort();
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.perform('makeDirectory', path, () => {
      if (this.#state.names.has(path)) return;
      this.#changeNames({ directory: directoryOf(path), names: [[path, 'directory']] });
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.perform('syncDirectory', path, () => {
      const { pendingNames, durableNames } = this.#state;
      const isLying = this.#options.isLying?.() === true;
      for (const change of pendingNames) {
        if (change.directory !== path) continue;
        if (isLying) change.isSaid = true;
        else applyNames(durableNames, change);
      }
      if (isLying) return;
      this.#state.pendingNames = pendingNames.filter((change) => change.directory !== path);
    });
  }

  lock(): Promise<void> {
    return this.perform('lock', '', () => {
      if (this.#isLocked) throw new DirectoryInUseError('(memory)', 'another holder');
      this.#isLocked = true;
    });
  }

  async freeBytes(): Promise<number> {
    return this.#freeBytes();
  }

  async close(): Promise<void> {
    this.#isLocked = false;
  }

  /** Writes as much as there is room for. */
  writeTo(file: MemoryFile, offset: number, bytes: Uint8Array): void {
    const grows = Math.max(0, offset + bytes.length - file.size);
    const free = grows === 0 ? 0 : this.#freeBytes();
    const written = grows <= free ? bytes.length : Math.max(0, bytes.length - (grows - free));
    file.write(offset, bytes.subarray(0, written));
    if (written < bytes.length) throw errorOf('ENOSPC', 'write');
  }

  sync(file: MemoryFile): void {
    if (this.#options.isLying?.() === true) file.pretendSync();
    else file.sync();
  }

  failSync(file: MemoryFile): void {
    file.failSync(this.#options.random ?? (() => 0));
  }

  /**
   * One operation: asks for a fault, takes effect, completes.
   * @param partly what an operation that fails or never completes has done all the same
   */
  perform<Result>(
    kind: DiskOperation['kind'],
    path: string,
    effect: () => Result,
    detail: { bytes?: number; partly?: (fault: DiskFault) => void } = {},
  ): Promise<Result> {
    if (this.#isStopped) return never();
    this.#operations += 1;
    const { bytes, partly } = detail;
    const operation = {
      index: this.#operations,
      kind,
      path,
      ...(bytes !== undefined && { bytes }),
    };
    const fault = this.#options.fault?.(operation);
    if (fault?.type === 'crash') {
      (partly ?? effect)(fault);
      this.#halt();
      return never();
    }
    return new Promise((resolve, reject) => {
      const complete = (): void => {
        if (this.#isStopped) return;
        try {
          if (fault?.type === 'error') {
            partly?.(fault);
            throw errorOf(fault.code, kind);
          }
          resolve(effect());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      if (fault?.type === 'stall') this.#stalled.push(complete);
      else if (this.#options.schedule === undefined) complete();
      else this.#options.schedule(complete);
    });
  }

  #halt(): void {
    this.#isStopped = true;
    this.#stop();
  }

  #file(path: string): MemoryFile {
    const inode = this.#state.names.get(path);
    if (inode === undefined) throw errorOf('ENOENT', path);
    if (inode === 'directory') throw errorOf('EISDIR', path);
    return inode;
  }

  #create(path: string): MemoryFile {
    const directory = directoryOf(path);
    if (directory !== '' && this.#state.names.get(directory) !== 'directory') {
      throw errorOf('ENOENT', directory);
    }
    const present = this.#state.names.get(path);
    if (present instanceof MemoryFile) {
      present.truncate(0);
      return present;
    }
    const file = new MemoryFile();
    this.#changeNames({ directory, names: [[path, file]] });
    return file;
  }

  #changeNames(change: NameChange): void {
    applyNames(this.#state.names, change);
    this.#state.pendingNames.push(change);
  }

  /** What had not reached the disk of a name does not come back later. */
  #forgetChanges(path: string): void {
    this.#state.pendingNames = this.#state.pendingNames.map((change) => ({
      ...change,
      names: change.names.filter(([name]) => name !== path),
    }));
  }

  #freeBytes(): number {
    return (this.#options.capacityBytes ?? Number.MAX_SAFE_INTEGER) - this.#usedBytes();
  }

  #usedBytes(): number {
    let bytes = 0;
    for (const inode of this.#state.names.values()) bytes += inode === 'directory' ? 0 : inode.size;
    return bytes;
  }
}

class MemoryDiskFile implements DiskFile {
  readonly #disk: MemoryDisk;
  readonly #path: string;
  readonly #file: MemoryFile;

  constructor(disk: MemoryDisk, path: string, file: MemoryFile) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#disk.perform('size', this.#path, () => this.#file.size);
  }

  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    return this.#disk.perform('read', this.#path, () => {
      const bytes = this.#file.read(offset, length);
      if (into === undefined || into.length < bytes.length) return bytes;
      // As real files do, so that whoever keeps what is not theirs is found out.
      into.set(bytes);
      return into.subarray(0, bytes.length);
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return writeFile(this.#disk, { path: this.#path, file: this.#file }, { offset, bytes });
  }

  truncate(length: number): Promise<void> {
    return this.#disk.perform('truncate', this.#path, () => {
      this.#file.truncate(length);
    });
  }

  sync(): Promise<void> {
    return syncFile(this.#disk, { path: this.#path, file: this.#file });
  }

  close(): Promise<void> {
    return this.#disk.perform('close', this.#path, () => undefined);
  }
}

/** Operations in the order of the calls, each one begun when the one before it has ended. */
class MemoryLogFile implements LogFile {
  readonly #disk: MemoryDisk;
  readonly #file: MemoryFile;
  #path: string;
  #last: Promise<unknown> = Promise.resolve();
  #hintFailure: Error | undefined;

  constructor(disk: MemoryDisk, path: string, file: MemoryFile) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  append({ offset, bytes, hint }: LogWrite): Promise<void> {
    const target = { path: this.#path, file: this.#file };
    const appended = this.#inTurn(async () => {
      if (this.#hintFailure !== undefined) throw this.#hintFailure;
      await writeFile(this.#disk, target, { offset, bytes });
      await syncFile(this.#disk, target);
    });
    if (hint === undefined) return appended;
    const at = { offset: offset + bytes.length, bytes: hint };
    this.#last = appended
      .then(() => writeFile(this.#disk, target, at))
      .catch((error: unknown) => {
        this.#hintFailure ??= error as Error;
      });
    return appended;
  }

  publish(path: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#disk.rename(this.#path, path);
      this.#path = path;
      await this.#disk.syncDirectory(directoryOf(path));
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#disk.perform('close', this.#path, () => undefined));
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

interface Target {
  readonly path: string;
  readonly file: MemoryFile;
}

function writeFile(
  disk: MemoryDisk,
  { path, file }: Target,
  { offset, bytes }: { offset: number; bytes: Uint8Array },
): Promise<void> {
  const detail = {
    bytes: bytes.length,
    partly: (fault: DiskFault) => {
      const written = fault.type === 'error' ? (fault.written ?? 0) : bytes.length;
      if (written > 0) disk.writeTo(file, offset, bytes.subarray(0, written));
    },
  };
  return disk.perform('write', path, () => disk.writeTo(file, offset, bytes), detail);
}

/** A sync that is cut short by a crash has done nothing that the surviving writes could not do too. */
function syncFile(disk: MemoryDisk, { path, file }: Target): Promise<void> {
  const partly = (fault: DiskFault): void => {
    if (fault.type === 'error') disk.failSync(file);
  };
  return disk.perform('sync', path, () => disk.sync(file), { partly });
}

function applyNames(names: Map<string, Inode>, { names: changes }: NameChange): void {
  for (const [path, inode] of changes) {
    if (inode === undefined) names.delete(path);
    else names.set(path, inode);
  }
}

function directoryOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function errorOf(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

function never<Result>(): Promise<Result> {
  return new Promise<Result>(() => undefined);
}
