/**
 * How much clients hold of what belongs to all: each client of a share, and all of them together, up to
 * limits with names. An entry of the ledger lives as long as its client holds something, so that it is never
 * larger than what it counts.
 */
import { assert } from '../../protocol/assert.ts';
import { CoordinationError } from '../../protocol/errors.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from './clients.ts';

export interface ShareOptions {
  /** What is counted, in the plural: `open streams`. */
  readonly what: string;
  readonly max: number;
  readonly maxName: keyof Limits;
  readonly clientMax: number;
  readonly clientMaxName: keyof Limits;
}

export class Share {
  readonly #options: ShareOptions;
  readonly #held = new Map<Client, number>();
  #total = 0;
  #refused = 0;

  constructor(options: ShareOptions) {
    this.#options = options;
  }

  /** Held by all clients. */
  get total(): number {
    return this.#total;
  }

  /** Clients that hold something. */
  get clients(): number {
    return this.#held.size;
  }

  /** Refusals, ever. */
  get refused(): number {
    return this.#refused;
  }

  heldBy(client: Client): number {
    return this.#held.get(client) ?? 0;
  }

  /**
   * Takes `amount` for a caller who is all of `clients`; where none is given only the sum is bounded.
   * @returns the refusal, THROTTLEDOP, where it is too much; nothing is taken then
   */
  take(
    clients: readonly Client[],
    amount = 1,
    max = this.#options.max,
  ): CoordinationError | undefined {
    for (const client of clients) {
      if (this.heldBy(client) + amount > this.#options.clientMax) return this.#refuseOne(client);
    }
    if (this.#total + amount > max) return this.#refuseAll(max);
    this.#total += amount;
    for (const client of clients) this.#held.set(client, this.heldBy(client) + amount);
    return undefined;
  }

  /** What has been taken is given back, by the same clients. */
  give(clients: readonly Client[], amount = 1): void {
    this.#total -= amount;
    for (const client of clients) {
      const left = this.heldBy(client) - amount;
      assert(left >= 0, 'a client gives back what it has taken');
      if (left === 0) this.#held.delete(client);
      else this.#held.set(client, left);
    }
  }

  #refuseOne(client: Client): CoordinationError {
    this.#refused++;
    const { what, clientMax, clientMaxName } = this.#options;
    // The hash of a password is shown to nobody, not even to its sender.
    const shown = client.startsWith('digest:') ? 'this identity' : client;
    const detail = `${shown} has ${this.heldBy(client)} ${what}, the limit of one client is ${clientMax} (limit ${clientMaxName})`;
    return new CoordinationError('THROTTLEDOP', detail);
  }

  #refuseAll(max: number): CoordinationError {
    this.#refused++;
    const { what, maxName } = this.#options;
    const detail = `this node has ${this.#total} ${what}, the limit is ${max} (limit ${maxName})`;
    return new CoordinationError('THROTTLEDOP', detail);
  }
}

/** The shares of a node's front doors. */
export interface Shares {
  readonly connections: Share;
  readonly streams: Share;
  readonly uploads: Share;
  readonly uploadBytes: Share;
}

export function sharesOf(limits: Limits): Shares {
  const share = (what: string, maxName: keyof Limits, clientMaxName: keyof Limits): Share => {
    const [max, clientMax] = [limits[maxName], limits[clientMaxName]];
    return new Share({ what, max, maxName, clientMax, clientMaxName });
  };
  return {
    connections: share('connections', 'connectionsMax', 'connectionsPerClientMax'),
    streams: share('open streams', 'streamsMax', 'streamsPerClientMax'),
    uploads: share('bodies under way', 'uploadsMax', 'uploadsPerClientMax'),
    uploadBytes: share('bytes of bodies under way', 'uploadBytesMax', 'uploadBytesPerClientMax'),
  };
}
