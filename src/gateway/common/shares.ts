/**
 * How much clients hold of what belongs to all: each client of a share, and all of them together, up to
 * limits with names. An entry of the ledger lives as long as its client holds something, so that it is never
 * larger than what it counts.
 */
import { assert } from '../../protocol/assert.ts';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitWithAdvice } from '../../protocol/limit-texts.ts';
import type { RefusingLimit } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from './clients.ts';

export interface ShareOptions {
  /** What is counted, in the plural: `open streams`. */
  readonly what: string;
  readonly limits: Limits;
  /** Of all clients together. */
  readonly max: RefusingLimit;
  readonly clientMax: RefusingLimit;
  /** The part of `max` that some takers leave to the others. */
  readonly reserve?: keyof Limits;
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
   * @param leavesReserve what is taken must leave the reserve to others
   * @returns the refusal, THROTTLEDOP, where it is too much; nothing is taken then
   */
  take(
    clients: readonly Client[],
    amount = 1,
    leavesReserve = false,
  ): CoordinationError | undefined {
    const { limits, max, clientMax } = this.#options;
    for (const client of clients) {
      if (this.heldBy(client) + amount > limits[clientMax]) return this.#refuseOne(client);
    }
    const kept = leavesReserve ? this.#reserved : 0;
    if (this.#total + amount > limits[max] - kept) return this.#refuseAll(kept);
    this.#total += amount;
    for (const client of clients) this.#held.set(client, this.heldBy(client) + amount);
    return undefined;
  }

  get #reserved(): number {
    const { limits, reserve } = this.#options;
    return reserve === undefined ? 0 : limits[reserve];
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
    const { what, limits, clientMax } = this.#options;
    // The hash of a password is shown to nobody, not even to its sender.
    const shown = client.startsWith('digest:') ? 'this identity' : client;
    const allowed = limitWithAdvice(limits, clientMax);
    const detail = `${shown} has ${this.heldBy(client)} ${what}, the limit of one client is ${allowed}`;
    return new CoordinationError('THROTTLEDOP', detail);
  }

  #refuseAll(kept: number): CoordinationError {
    this.#refused++;
    const { what, limits, max, reserve = '' } = this.#options;
    const others = kept === 0 ? '' : ` (${kept} more are kept for small ones, limit ${reserve})`;
    const allowed = limitWithAdvice(limits, max);
    const detail = `this node has ${this.#total} ${what}${others}, the limit is ${allowed}`;
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
  const share = (options: Omit<ShareOptions, 'limits'>): Share => new Share({ limits, ...options });
  return {
    connections: share({
      ...{ what: 'connections', max: 'connectionsMax', clientMax: 'connectionsPerClientMax' },
    }),
    streams: share({ what: 'open streams', max: 'streamsMax', clientMax: 'streamsPerClientMax' }),
    uploads: share({
      ...{ what: 'bodies under way', max: 'uploadsMax', clientMax: 'uploadsPerClientMax' },
    }),
    uploadBytes: share({
      ...{ what: 'bytes of bodies under way', reserve: 'uploadReserveBytes' },
      ...{ max: 'uploadBytesMax', clientMax: 'uploadBytesPerClientMax' },
    }),
  };
}
