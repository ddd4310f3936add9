/**
 * How many watches each client has, over all its streams. An entry lives as long as its stream is open or its
 * client has a watch, so that the ledger is never larger than what it counts.
 */
import { assert } from '../protocol/assert.ts';

const nobody: readonly string[] = [];

export class WatchClients {
  /** Of each open stream that belongs to somebody. */
  readonly #clients = new Map<number, readonly string[]>();
  /** Above 0. */
  readonly #held = new Map<string, number>();

  /** Clients that have a watch. */
  get size(): number {
    return this.#held.size;
  }

  heldBy(client: string): number {
    return this.#held.get(client) ?? 0;
  }

  /** Those that the watches of a stream belong to, each wholly. */
  clientsOf(stream: number): readonly string[] {
    return this.#clients.get(stream) ?? nobody;
  }

  opened(stream: number, clients: readonly string[]): void {
    if (clients.length > 0) this.#clients.set(stream, clients);
  }

  /** @param watches that the stream still had */
  ended(stream: number, watches: number): void {
    this.count(stream, -watches);
    this.#clients.delete(stream);
  }

  /** @param change of the number of watches of the stream */
  count(stream: number, change: number): void {
    if (change === 0) return;
    for (const client of this.clientsOf(stream)) {
      const held = this.heldBy(client) + change;
      assert(held >= 0, 'a client loses no watch that it has not');
      if (held === 0) this.#held.delete(client);
      else this.#held.set(client, held);
    }
  }
}
