/**
 * What the storage needs from a disk, and no more. Two versions pass one suite: real files
 * (`node-disk.ts`) and a deterministic disk in memory that loses power on command (tests, simulator).
 *
 * Paths are relative to the data directory, with `/`; the data directory itself is the empty path.
 *
 * Nothing is durable by itself: bytes are after `sync` of the file, names (create, rename, remove) are
 * after `syncDirectory` of the directory they stand in. A failed write or sync leaves the state of the
 * bytes unknown; it is never tried again, because a kernel may call pages clean that it could not write
 * and would then report success falsely.
 */

/** A file for bulk work: snapshots, small files, reading, preallocation. */
export interface DiskFile {
  /** Bytes. */
  size(): Promise<number>;
  /**
   * At most `length` bytes from `offset`; fewer only at the end of the file.
   * @param into memory that may be used for them, if it is large enough
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Writes all of `bytes` or fails. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Resolves when the bytes and the length of the file are on the disk (`fdatasync`). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface LogWrite {
  readonly offset: number;
  /** Belongs to the disk from here on. */
  readonly bytes: Uint8Array;
  /**
   * Written behind `bytes`, after these are durable and reported so, and not synced: it may or may not
   * survive. Its failure fails the next append.
   */
  readonly hint?: Uint8Array;
}

/**
 * A segment that is being written. Its operations never stand behind those of any other file, and they
 * take effect one after another in the order of the calls.
 */
export interface LogFile {
  /** Resolves when `bytes` are on the disk. */
  append(write: LogWrite): Promise<void>;
  /** Gives the file its name in the same directory, and resolves when the name is on the disk. */
  publish(path: string): Promise<void>;
  close(): Promise<void>;
}

export type OpenMode =
  /** Must exist; never changed. */
  | 'read'
  /** Must exist. */
  | 'write'
  /** Made, or emptied if it exists. */
  | 'create';

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Opens an existing file for the log. */
  openLog(path: string): Promise<LogFile>;
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when there is no such directory. */
  list(directory: string): Promise<readonly string[]>;
  /** Does nothing where it exists already. */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /**
   * Claims the whole data directory until `close` or the end of the process, however it ends.
   * @throws DirectoryInUseError when another process (or another holder in this one) has it.
   */
  lock(): Promise<void>;
  /** Bytes that an unprivileged process may still write. */
  freeBytes(): Promise<number>;
  /** Closes what is open and gives the lock back. */
  close(): Promise<void>;
}
