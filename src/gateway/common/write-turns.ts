/**
 * Large frames to many streams: to copy a mebibyte for each of a hundred of them takes tenths of a second, in
 * which nothing else happens, heartbeats of the ensemble included. So much is written in one turn of the event
 * loop. The streams that are left go on in later turns, in order, and take a quarter of the time.
 */

/** Bytes of large frames that are written in one turn, the last frame whole: a few milliseconds. */
const TURN_BYTES = 256 << 10;

/** What is smaller counts for nothing. */
const LARGE_BYTES = 16 << 10;

/** The pause behind a turn, as a multiple of the time that the turn took. */
const REST = 3;

export class WriteTurns {
  #left = TURN_BYTES;
  #late: (() => void)[] = [];
  #scheduled = false;

  /** False when a frame of that length must wait for another turn. */
  take(bytes: number): boolean {
    if (bytes < LARGE_BYTES) return true;
    if (this.#left <= 0) return false;
    this.#left -= bytes;
    this.#schedule(0);
    return true;
  }

  /** Calls `goOn` in a later turn, in which there are bytes left when its time comes. */
  later(goOn: () => void): void {
    this.#late.push(goOn);
    this.#schedule(0);
  }

  #schedule(afterMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (afterMs < 1) setImmediate(() => this.#turn());
    else setTimeout(() => this.#turn(), afterMs);
  }

  #turn(): void {
    this.#left = TURN_BYTES;
    const late = this.#late;
    this.#late = [];
    const begunMs = performance.now();
    let next = 0;
    while (next < late.length && this.#left > 0) late[next++]?.();
    // One that could not be served all the same has said so again.
    this.#late = [...late.slice(next), ...this.#late];
    // Node collects what is written to a response, and hands it to the system at the end of the turn.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#late.length > 0) this.#schedule(REST * (performance.now() - begunMs));
      else if (this.#left < TURN_BYTES) this.#schedule(0);
    });
  }
}
