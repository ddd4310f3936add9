/**
 * The way out of one connection. Frames go to the socket at once while it takes them; behind a full socket
 * they wait here, where they can be counted and dropped. How far behind a reader is, and whether it moves
 * at all, is judged by what waits.
 */
import type { Duplex } from 'node:stream';

export interface OutletOwner {
  /** The reader took something after the socket was full; what waited moves up. */
  progressed(): void;
  /** Nothing waits any more. */
  drained(): void;
}

export class Outlet {
  readonly #socket: Duplex;
  readonly #owner: OutletOwner;
  readonly #highWaterBytes: number;
  #waiting: Buffer[] | undefined;
  #waitingBytes = 0;
  #full = false;

  /** @param highWaterBytes unsent bytes above which the socket counts as full */
  constructor(socket: Duplex, owner: OutletOwner, highWaterBytes: number) {
    this.#socket = socket;
    this.#owner = owner;
    this.#highWaterBytes = highWaterBytes;
  }

  /** True from the moment the socket is full until nothing waits any more. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Bytes that the kernel has not taken yet. */
  get unreadBytes(): number {
    return this.#waitingBytes + this.#socket.writableLength;
  }

  /** Sends whole frames, behind all that were sent before. */
  send(frames: Buffer): void {
    if (this.#full) {
      this.#waiting ??= [];
      this.#waiting.push(frames);
      this.#waitingBytes += frames.length;
      return;
    }
    this.#socket.write(frames);
    // Without a pending `drain` the socket has room, however small the high water is set.
    if (this.#socket.writableLength <= this.#highWaterBytes) return;
    if (!this.#socket.writableNeedDrain) return;
    this.#full = true;
    this.#socket.once('drain', () => this.#drain());
  }

  /** Hands everything to the socket at once, full or not: the connection is about to be closed. */
  flush(): void {
    for (const frames of this.#waiting ?? []) this.#socket.write(frames);
    this.drop();
  }

  /** Forgets what waits: its reader will never take it. */
  drop(): void {
    this.#waiting = undefined;
    this.#waitingBytes = 0;
  }

  #drain(): void {
    this.#full = false;
    this.#owner.progressed();
    const waiting = this.#waiting ?? [];
    this.drop();
    for (const frames of waiting) this.send(frames);
    if (!this.isFull) this.#owner.drained();
  }
}
