/**
 * The way out of one stream, a WebSocket or an event stream. Frames go to the socket at once while it takes
 * them; behind a full socket they wait here, where they can be counted and dropped. How far behind a reader
 * is, and whether it moves at all, is judged by what waits.
 */
import type { Client } from './clients.ts';
import type { StreamReader, UnreadStreams } from './unread-streams.ts';

export interface OutletOwner {
  /** What waited moves up. @param hasRead since the reader took something, and not for our own reasons */
  progressed(hasRead: boolean): void;
  /** Nothing waits any more. */
  drained(): void;
  /** Ends the stream at once, since its client holds too much unread; absent where events alone may wait. */
  cutOff?(): void;
}

/** What an outlet wants of a socket, or of a response. */
export interface Sink {
  write(frames: Buffer | string): unknown;
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  /** A `drain` is to come. */
  readonly writableNeedDrain: boolean;
  once(event: 'drain', listener: () => void): unknown;
}

interface Waiting {
  readonly frames: Buffer | string;
  readonly areEvents: boolean;
}

export interface OutletParts {
  readonly sink: Sink;
  readonly owner: OutletOwner;
  /** Unsent bytes above which the socket counts as full. */
  readonly highWaterBytes: number;
  readonly unread: UnreadStreams;
  readonly clients: readonly Client[];
}

export class Outlet implements StreamReader {
  readonly clients: readonly Client[];
  readonly #sink: Sink;
  readonly #owner: OutletOwner;
  readonly #highWaterBytes: number;
  readonly #unread: UnreadStreams;
  #waiting: Waiting[] | undefined;
  #waitingBytes = 0;
  /** Bytes of answers since nothing was unread: at least those that are. */
  #answerBytes = 0;
  #full = false;
  /** What waited is being handed over. */
  #goesOn = false;
  #ended = false;

  constructor({ sink, owner, highWaterBytes, unread, clients }: OutletParts) {
    this.#sink = sink;
    this.#owner = owner;
    this.#highWaterBytes = highWaterBytes;
    this.#unread = unread;
    this.clients = clients;
  }

  /** True from the moment the socket is full until nothing waits any more. */
  get isFull(): boolean {
    return this.#full;
  }

  get unreadBytes(): number {
    return this.#waitingBytes + this.#sink.writableLength;
  }

  /** How many of these may be answers: never fewer than are. */
  get unreadAnswerBytes(): number {
    return Math.min(this.#answerBytes, this.unreadBytes);
  }

  get isCuttable(): boolean {
    return this.#owner.cutOff !== undefined && this.unreadAnswerBytes > this.#highWaterBytes;
  }

  cutOff(): void {
    this.#owner.cutOff?.();
  }

  /** Sends whole frames of answers, behind all that were sent before. */
  send(frames: Buffer | string): void {
    this.#answerBytes = this.unreadBytes === 0 ? frames.length : this.#answerBytes + frames.length;
    this.#send({ frames, areEvents: false });
  }

  /** The same for frames of events: other streams may share them, and the ring has those that are to come. */
  sendEvents(frames: Buffer | string): void {
    this.#send({ frames, areEvents: true });
  }

  #send(item: Waiting): void {
    // Behind what is being handed over just now, too.
    if (this.#full || this.#goesOn) this.#hold(item);
    else this.#write(item);
  }

  #write(item: Waiting): void {
    const { frames, areEvents } = item;
    if (areEvents && !this.#unread.turns.take(frames.length)) {
      this.#full = true;
      this.#waiting = [item, ...(this.#waiting ?? [])];
      this.#waitingBytes += Buffer.byteLength(frames);
      this.#unread.measure(this);
      this.#unread.turns.later(() => this.#goOn(false));
      return;
    }
    this.#sink.write(frames);
    if (this.#sink.writableLength === 0 || this.#ended) return;
    this.#unread.measure(this);
    if (!this.#isFilled()) return;
    this.#full = true;
    // Without a pending `drain` the socket has room of its own, and says nothing when that is used no more.
    if (this.#sink.writableNeedDrain) this.#sink.once('drain', () => this.#goOn(true));
    else this.#unread.wait(this);
  }

  #hold(item: Waiting): void {
    this.#waiting ??= [];
    this.#waiting.push(item);
    this.#waitingBytes += Buffer.byteLength(item.frames);
    this.#unread.measure(this);
  }

  /** Hands everything to the socket at once, full or not: the connection is about to be closed. */
  flush(): void {
    for (const { frames } of this.#waiting ?? []) this.#sink.write(frames);
    this.drop();
  }

  /** Forgets what waits: its reader will never take it. */
  drop(): void {
    this.#waiting = undefined;
    this.#waitingBytes = 0;
  }

  /** The stream is over: what its socket still holds goes with that. */
  end(): void {
    this.#ended = true;
    this.#unread.forget(this);
  }

  /** Its reader has taken everything, or its client holds less than before. */
  recheck(): void {
    this.#goOn(this.#sink.writableLength === 0);
  }

  #isFilled(): boolean {
    const { writableLength, writableNeedDrain } = this.#sink;
    if (writableNeedDrain && writableLength > this.#highWaterBytes) return true;
    return this.#unread.isCrowded(this);
  }

  #goOn(hasRead: boolean): void {
    if (this.#ended) return;
    this.#full = false;
    this.#owner.progressed(hasRead);
    this.#goesOn = true;
    while (!this.isFull) {
      const item = this.#waiting?.shift();
      if (item === undefined) break;
      this.#waitingBytes -= Buffer.byteLength(item.frames);
      this.#write(item);
    }
    this.#goesOn = false;
    this.#unread.measure(this);
    if (!this.isFull) this.#owner.drained();
  }
}
