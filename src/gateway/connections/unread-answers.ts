/**
 * Answers whose clients do not take them. One whose client has taken no byte for `answerStallMs` is given up
 * with its connection; beyond `unreadAnswersBytesMax` of all together, those that have stood still for the
 * longest are. Event streams are no part of it: their readers may pause, and wait in the ring.
 */
import type { Limits } from '../../protocol/limits.ts';
import type { HttpConnection } from './connection.ts';

interface Reader {
  /** Memory that the answer takes until it is sent: Node keeps a piece until all of it is with the system. */
  bytes: number;
  /** What is left for the system to take of it. */
  left: number;
  /** `performance.now()` of the last byte that was taken. */
  movedMs: number;
}

type AnswerLimits = Pick<Limits, 'answerStallMs' | 'unreadAnswersBytesMax'>;

/** Milliseconds between two looks; shorter where an answer may stall for less. */
const LOOK_MS = 1000;
const LOOKS_PER_STALL = 4;

export class UnreadAnswers {
  readonly #limits: AnswerLimits;
  readonly #connections: ReadonlySet<HttpConnection>;
  /** Those who have moved last stand at the end. */
  readonly #readers = new Map<HttpConnection, Reader>();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #givenUp = 0;

  constructor(limits: AnswerLimits, connections: ReadonlySet<HttpConnection>) {
    this.#limits = limits;
    this.#connections = connections;
    const everyMs = Math.min(LOOK_MS, limits.answerStallMs / LOOKS_PER_STALL);
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get givenUp(): number {
    return this.#givenUp;
  }

  /** An answer was written and the system has not taken all of it. */
  written(connection: HttpConnection): void {
    this.#measure(connection, performance.now());
    this.#makeRoom();
  }

  /** Its answer is sent, or the connection gone. */
  forget(connection: HttpConnection): void {
    const reader = this.#readers.get(connection);
    if (reader === undefined) return;
    this.#readers.delete(connection);
    this.#bytes -= reader.bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.isBusy && !connection.isStream) this.#measure(connection, now);
    }
    for (const [connection, { movedMs }] of this.#readers) {
      if (now - movedMs < this.#limits.answerStallMs) break;
      this.#giveUp(connection);
    }
    this.#makeRoom();
  }

  #measure(connection: HttpConnection, now: number): void {
    const { socket } = connection;
    const bytes = socket.writableLength;
    if (bytes === 0) {
      this.forget(connection);
      return;
    }
    const left = leftOf(socket);
    const reader = this.#readers.get(connection);
    if (reader === undefined) {
      this.#readers.set(connection, { bytes, left, movedMs: now });
      this.#bytes += bytes;
      return;
    }
    this.#bytes += bytes - reader.bytes;
    if (bytes !== reader.bytes || left !== reader.left) {
      this.#readers.delete(connection);
      this.#readers.set(connection, { bytes, left, movedMs: now });
    }
  }

  #makeRoom(): void {
    for (const connection of this.#readers.keys()) {
      if (this.#bytes <= this.#limits.unreadAnswersBytesMax) return;
      this.#giveUp(connection);
    }
  }

  #giveUp(connection: HttpConnection): void {
    this.#givenUp++;
    this.forget(connection);
    connection.socket.destroy();
  }
}

/** How much the system has not taken: it takes parts of a piece, which only Node's handle tells of. */
function leftOf(socket: HttpConnection['socket']): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly writeQueueSize?: number } };
  return handle?.writeQueueSize ?? socket.writableLength;
}
