/**
 * Answers whose clients do not take them. One whose client has taken no byte for `answerStallMs` is given up
 * with its connection; beyond `unreadAnswersBytesPerClientMax` of one client those of its own that have stood
 * still for the longest are, and beyond `unreadAnswersBytesMax` those of all. Event streams are no part of it: their readers may pause, and wait in the ring.
 */
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from '../common/clients.ts';
import type { HttpConnection } from './connection.ts';

interface Reader {
  /** Memory that the answer takes until it is sent: Node keeps a piece until all of it is with the system. */
  bytes: number;
  /** What is left for the system to take of it. */
  left: number;
  /** `performance.now()` of the last byte that was taken. */
  movedMs: number;
  /** Absent where nobody knows. */
  readonly client: Client | undefined;
}

type AnswerLimits = Pick<
  Limits,
  'answerStallMs' | 'unreadAnswersBytesMax' | 'unreadAnswersBytesPerClientMax'
>;

export interface UnreadAnswersOptions {
  readonly limits: AnswerLimits;
  readonly connections: ReadonlySet<HttpConnection>;
  readonly clientOf: (connection: HttpConnection) => Client | undefined;
}

/** Milliseconds between two looks; shorter where an answer may stall for less. */
const LOOK_MS = 1000;
const LOOKS_PER_STALL = 4;

export class UnreadAnswers {
  readonly #limits: AnswerLimits;
  readonly #connections: ReadonlySet<HttpConnection>;
  readonly #clientOf: UnreadAnswersOptions['clientOf'];
  /** Those who have moved last stand at the end. */
  readonly #readers = new Map<HttpConnection, Reader>();
  readonly #timer: NodeJS.Timeout;
  /** Above 0: the bytes of the readers of each known client. */
  readonly #bytesOf = new Map<Client, number>();
  /** Those with more than their share. */
  readonly #over = new Set<Client>();
  #bytes = 0;
  #givenUp = 0;

  constructor({ limits, connections, clientOf }: UnreadAnswersOptions) {
    this.#limits = limits;
    this.#connections = connections;
    this.#clientOf = clientOf;
    const everyMs = Math.min(LOOK_MS, limits.answerStallMs / LOOKS_PER_STALL);
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Clients that have not taken something. */
  get clients(): number {
    return this.#bytesOf.size;
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
    this.#count(reader, -reader.bytes);
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
      const added = { bytes, left, movedMs: now, client: this.#clientOf(connection) };
      this.#readers.set(connection, added);
      this.#count(added, bytes);
      return;
    }
    this.#count(reader, bytes - reader.bytes);
    if (bytes !== reader.bytes || left !== reader.left) {
      this.#readers.delete(connection);
      this.#readers.set(connection, { ...reader, bytes, left, movedMs: now });
    }
  }

  #count({ client }: Reader, change: number): void {
    this.#bytes += change;
    if (client === undefined) return;
    const bytes = (this.#bytesOf.get(client) ?? 0) + change;
    if (bytes === 0) this.#bytesOf.delete(client);
    else this.#bytesOf.set(client, bytes);
    if (bytes > this.#limits.unreadAnswersBytesPerClientMax) this.#over.add(client);
    else this.#over.delete(client);
  }

  #makeRoom(): void {
    for (const [connection, { client }] of this.#readers) {
      if (this.#over.size === 0) break;
      if (client !== undefined && this.#over.has(client)) this.#giveUp(connection);
    }
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
