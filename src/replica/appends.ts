/** What the disk has been given of the log, and in which tenure. */
import { Fifo } from '../protocol/fifo.ts';
import { comparePositions } from '../zab/index.ts';
import type { LogPosition } from '../zab/index.ts';

interface Append {
  /** Of the Ready that it belongs to. */
  readonly tenure: number;
  readonly last: LogPosition;
}

export class Appends {
  /** What the disk has not completed, in the order in which it was given. */
  readonly #open = new Fifo<Append>();
  #handedOut: LogPosition;

  /** @param last of the log that recovery has found */
  constructor(last: LogPosition) {
    this.#handedOut = last;
  }

  /** The last record that the disk has been given. */
  get handedOut(): LogPosition {
    return this.#handedOut;
  }

  push(tenure: number, { epoch, zxid }: LogPosition): void {
    this.#handedOut = { epoch, zxid };
    this.#open.push({ tenure, last: this.#handedOut });
  }

  /** What the disk still completes of what is cut away belongs to nobody. */
  truncateAfter(position: LogPosition): void {
    for (const { tenure, last } of this.#open.drain()) {
      const isCut = comparePositions(last, position) > 0;
      this.#open.push({ tenure, last: isCut ? position : last });
      if (isCut) break;
    }
    this.#handedOut = position;
  }

  /** A snapshot of `position` has taken the place of the log. */
  replace(position: LogPosition): void {
    this.#open.drain();
    this.#handedOut = position;
  }

  /**
   * The tenure in which the record at `position` was handed out: a completion that outlives its tenure
   * speaks of a record that may have been replaced since. Undefined where nothing was handed out.
   */
  tenureOf(position: LogPosition): number | undefined {
    for (;;) {
      const append = this.#open.peek();
      if (append === undefined) return undefined;
      if (comparePositions(append.last, position) >= 0) return append.tenure;
      this.#open.shift();
    }
  }
}
