/** A disk whose log can be held: what is appended meanwhile becomes durable only after the release. */
import type { Disk, DiskFile, LogFile, LogWrite, OpenMode } from '../../src/storage/disk.ts';

export class Gate {
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;

  /** Resolves while the gate is open. */
  get passage(): Promise<void> {
    return this.#open;
  }

  hold(): void {
    if (this.#release !== undefined) return;
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** May be called again. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

export class GatedDisk implements Disk {
  readonly #disk: Disk;
  readonly #gate: Gate;

  constructor(disk: Disk, gate: Gate) {
    this.#disk = disk;
    this.#gate = gate;
  }

  async openLog(path: string): Promise<LogFile> {
    const file = await this.#disk.openLog(path);
    const gate = this.#gate;
    return {
      append: async (write: LogWrite) => {
        await gate.passage;
        await file.append(write);
      },
      publish: (to) => file.publish(to),
      close: () => file.close(),
    };
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#disk.open(path, mode);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#disk.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  lock(): Promise<void> {
    return this.#disk.lock();
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes();
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}
