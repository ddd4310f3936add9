/** Reads a file front to back in large pieces, and hands out views of them. */
import type { DiskFile } from './disk.ts';

const WINDOW_BYTES = 256 * 1024;

/**
 * Whether all windows of a file share one piece of memory. Then a view ends with the next window: for
 * whoever looks at the bytes and keeps none. Hundreds of windows that come and go while the tree grows
 * would leave holes in the process's memory that are never given back.
 */
export interface WindowOptions {
  readonly shared: boolean;
}

export class FileWindow {
  readonly size: number;
  readonly #file: DiskFile;
  readonly #isShared: boolean;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** What all windows use, where they share it. */
  #memory: Uint8Array | undefined;

  private constructor(file: DiskFile, size: number, options: WindowOptions) {
    this.#file = file;
    this.size = size;
    this.#isShared = options.shared;
  }

  static async open(file: DiskFile, options: WindowOptions): Promise<FileWindow> {
    return new FileWindow(file, await file.size(), options);
  }

  /** A view, if the bytes are here already. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /**
   * A view of the bytes; undefined when the file ends before. Unless windows share their memory, views
   * stay valid: a window that has been handed out is replaced, never written again.
   */
  async view(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset + length > this.size) return undefined;
    const present = this.peek(offset, length);
    if (present !== undefined) return present;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.size - offset);
    this.#bytes = await this.#file.read(offset, wanted, this.#sharedMemory(wanted));
    this.#start = offset;
    return this.peek(offset, length);
  }

  #sharedMemory(wanted: number): Uint8Array | undefined {
    if (!this.#isShared) return undefined;
    if (this.#memory === undefined || this.#memory.length < wanted) {
      this.#memory = new Uint8Array(Math.max(wanted, Math.min(WINDOW_BYTES, this.size)));
    }
    return this.#memory;
  }
}
