/** Reads a file front to back in large pieces, and hands out views of them. */
import type { DiskFile } from './disk.ts';

const WINDOW_BYTES = 256 * 1024;

export class FileWindow {
  readonly size: number;
  readonly #file: DiskFile;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  private constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  static async open(file: DiskFile): Promise<FileWindow> {
    return new FileWindow(file, await file.size());
  }

  /** A view, if the bytes are here already. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /**
   * A view of the bytes; undefined when the file ends before. Views stay valid: a window that has been
   * handed out is replaced, never written again.
   */
  async view(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset + length > this.size) return undefined;
    const present = this.peek(offset, length);
    if (present !== undefined) return present;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.size - offset);
    this.#bytes = await this.#file.read(offset, wanted);
    this.#start = offset;
    return this.peek(offset, length);
  }
}
