/** One znode that every client replaces, always at the version that it has read: no write may be lost. */
import { fail } from '../fail.ts';

export class Counter {
  /** By version: what was written, and acknowledged. */
  readonly #written = new Map<number, string>([[0, '']]);
  /** Sent and not answered: the version it would get, and the text. */
  #open: { readonly version: number; readonly text: string }[] = [];

  /** A text that nobody else writes is sent, on condition that the version is one less. */
  begin(version: number, text: string): void {
    this.#open.push({ version, text });
  }

  applied(version: number, text: string): void {
    this.#forget(text);
    const other = this.#written.get(version);
    if (other !== undefined) fail(`version ${version} was written by ${other} and by ${text}`);
    this.#written.set(version, text);
  }

  refused(text: string): void {
    this.#forget(text);
  }

  survived(version: number, text: string): void {
    const newest = Math.max(...this.#written.keys());
    if (version < newest) fail(`the counter is at ${version}, and was at ${newest}`);
    const known = this.#written.get(version);
    const isOpen = this.#open.some((write) => write.version === version && write.text === text);
    if (known !== text && !isOpen) fail(`version ${version} of the counter is ${text}: by whom?`);
    this.#written.set(version, text);
    this.#open = [];
  }

  #forget(text: string): void {
    this.#open = this.#open.filter((write) => write.text !== text);
  }
}
