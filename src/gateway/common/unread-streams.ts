/**
 * What the readers of WebSockets and event streams have not taken: counted for each client and for the node.
 * A client that holds more than its share has every stream written to only as far as its reader takes it;
 * the rest of its events waits in the ring. Of its WebSockets with a socketful of unread answers, which no
 * ring keeps, those that have not moved for the longest are cut off until what is left fits.
 */
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from './clients.ts';
import { WriteTurns } from './write-turns.ts';

/** The way out of one stream, as the ledger sees it. */
export interface StreamReader {
  readonly clients: readonly Client[];
  /** Bytes that its reader has not taken. */
  readonly unreadBytes: number;
  /** So much is unread that it may be cut off, since that does not end by waiting. */
  readonly isCuttable: boolean;
  cutOff(): void;
  /** What made it wait may be over. */
  recheck(): void;
}

type UnreadLimits = Pick<Limits, 'unreadStreamsBytesMax' | 'unreadStreamsBytesPerClientMax'>;

/** Milliseconds between two looks at who has read something. */
const LOOK_MS = 100;

export class UnreadStreams {
  readonly turns = new WriteTurns();
  readonly #limits: UnreadLimits;
  /** What has been counted of each reader, above 0. */
  readonly #counted = new Map<StreamReader, number>();
  /** Above 0. */
  readonly #bytesOf = new Map<Client, number>();
  /** Those that may be cut off; the one that moved last stands at the end. */
  readonly #cuttable = new Set<StreamReader>();
  /** Those that wait for a look. */
  readonly #waiting = new Set<StreamReader>();
  #bytes = 0;
  #cutOff = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: UnreadLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Clients that have not taken something. */
  get clients(): number {
    return this.#bytesOf.size;
  }

  /** Readers that were cut off, ever. */
  get cutOff(): number {
    return this.#cutOff;
  }

  /** The node, or a client that the reader belongs to, holds more than it may. */
  isCrowded({ clients }: StreamReader): boolean {
    const { unreadStreamsBytesMax, unreadStreamsBytesPerClientMax } = this.#limits;
    if (this.#bytes > unreadStreamsBytesMax) return true;
    return clients.some(
      (client) => (this.#bytesOf.get(client) ?? 0) > unreadStreamsBytesPerClientMax,
    );
  }

  /** Something was written to the reader, or it has taken something. */
  measure(reader: StreamReader): void {
    this.#count(reader);
    if (this.#cuttable.has(reader) && this.isCrowded(reader)) this.#makeRoom();
  }

  /** Calls the reader's `recheck` at every look, as long as it waits. */
  wait(reader: StreamReader): void {
    this.#waiting.add(reader);
    this.#look();
  }

  /** The reader is gone. */
  forget(reader: StreamReader): void {
    const before = this.#counted.get(reader) ?? 0;
    this.#counted.delete(reader);
    this.#cuttable.delete(reader);
    this.#waiting.delete(reader);
    this.#add(reader, -before);
  }

  #count(reader: StreamReader): void {
    const before = this.#counted.get(reader) ?? 0;
    const bytes = reader.unreadBytes;
    if (bytes === 0) this.#counted.delete(reader);
    else this.#counted.set(reader, bytes);
    if (!reader.isCuttable || bytes < before) this.#cuttable.delete(reader);
    if (reader.isCuttable) this.#cuttable.add(reader);
    this.#add(reader, bytes - before);
    if (bytes > 0) this.#look();
  }

  #add({ clients }: StreamReader, change: number): void {
    if (change === 0) return;
    this.#bytes += change;
    for (const client of clients) {
      const bytes = (this.#bytesOf.get(client) ?? 0) + change;
      if (bytes === 0) this.#bytesOf.delete(client);
      else this.#bytesOf.set(client, bytes);
    }
  }

  #makeRoom(): void {
    for (const reader of this.#cuttable) {
      if (!this.isCrowded(reader)) continue;
      this.#cutOff++;
      this.forget(reader);
      reader.cutOff();
    }
  }

  /** A reader that takes something says so only when its socket was full. One timer, while there is something. */
  #look(): void {
    this.#timer ??= setInterval(() => {
      for (const reader of this.#counted.keys()) this.#count(reader);
      for (const reader of this.#waiting) {
        if (reader.unreadBytes > 0 && this.isCrowded(reader)) continue;
        this.#waiting.delete(reader);
        reader.recheck();
      }
      if (this.#counted.size > 0 || this.#waiting.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, LOOK_MS).unref();
  }
}
