/** Real files below one data directory; segments of the log through a thread of their own. */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, statfs, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import type { Disk, DiskFile, LogFile, LogWrite, OpenMode } from './disk.ts';
import { LogWorker } from './log-worker.ts';

const flagsOf: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
};

export class NodeDisk implements Disk {
  readonly #root: string;
  #worker: LogWorker | undefined;
  #lock: DirectoryLock | undefined;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Makes the data directory if there is none. */
  static async open(root: string): Promise<NodeDisk> {
    await mkdir(root, { recursive: true });
    return new NodeDisk(root);
  }

  /** Of a directory that is there already, for whoever only reads. */
  static existing(root: string): NodeDisk {
    return new NodeDisk(root);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new NodeFile(await open(this.#at(path), flagsOf[mode], 0o640));
  }

  async openLog(path: string): Promise<LogFile> {
    this.#worker ??= new LogWorker();
    const full = this.#at(path);
    const fd = await this.#worker.run({ type: 'open', path: full });
    return new NodeLogFile(this.#worker, { fd, path: full, root: this.#root });
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.#at(from), this.#at(to));
  }

  async remove(path: string): Promise<void> {
    await unlink(this.#at(path));
  }

  async list(directory: string): Promise<readonly string[]> {
    try {
      return (await readdir(this.#at(directory))).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await mkdir(this.#at(path), { recursive: true });
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await open(this.#at(path), constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async lock(): Promise<void> {
    this.#lock = await lockDirectory(this.#root);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#root);
    return bavail * bsize;
  }

  async close(): Promise<void> {
    await this.#worker?.end();
    await this.#lock?.release();
    this.#worker = undefined;
    this.#lock = undefined;
  }

  #at(path: string): string {
    return join(this.#root, path);
  }
}

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const isEnough = into !== undefined && into.length >= length;
    const bytes = isEnough ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(
        bytes,
        filled,
        length - filled,
        offset + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    // A short write says nothing of its cause; the attempt to write the rest does.
    for (let done = 0; done < bytes.length;) {
      const left = bytes.length - done;
      const { bytesWritten } = await this.#handle.write(bytes, done, left, offset + done);
      done += bytesWritten;
    }
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

class NodeLogFile implements LogFile {
  readonly #worker: LogWorker;
  readonly #fd: number;
  readonly #root: string;
  #path: string;

  constructor(worker: LogWorker, file: { fd: number; path: string; root: string }) {
    this.#worker = worker;
    this.#fd = file.fd;
    this.#path = file.path;
    this.#root = file.root;
  }

  async append({ offset, bytes, hint }: LogWrite): Promise<void> {
    await this.#worker.run({ type: 'append', fd: this.#fd, offset, bytes, hint });
  }

  async publish(path: string): Promise<void> {
    const to = join(this.#root, path);
    await this.#worker.run({ type: 'publish', from: this.#path, to, in: dirname(to) });
    this.#path = to;
  }

  async close(): Promise<void> {
    await this.#worker.run({ type: 'close', fd: this.#fd });
  }
}
