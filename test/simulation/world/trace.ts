/**
 * What happened: a hash of all of it, by which two runs are compared, and, where somebody wants to read
 * it, the text.
 */
export class Trace {
  #high = 0x811c9dc5;
  #low = 0x9e3779b9;
  readonly #write: ((line: string) => void) | undefined;

  /** @param write takes the lines; without it none are made */
  constructor(write?: (line: string) => void) {
    this.#write = write;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low]
      .map((part) => (part >>> 0).toString(16).padStart(8, '0'))
      .join('');
  }

  /** Makes a number a part of the hash. */
  mix(value: number): void {
    const upper = Math.floor(value / 4_294_967_296);
    this.#high = Math.imul(this.#high ^ value, 0x01000193) ^ (this.#low >>> 15);
    this.#low = Math.imul(this.#low ^ upper ^ (this.#high >>> 7), 0x85ebca6b);
  }

  mixText(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.mix(text.charCodeAt(index));
  }

  /** @param line only called where somebody reads it: it must change nothing */
  tell(line: () => string): void {
    this.#write?.(line());
  }
}
