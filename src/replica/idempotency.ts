/**
 * Remembered answers by idempotency key: replicated state, since the entries stand in the transactions.
 * Bounded by count and bytes, oldest out first; only successes are remembered.
 */
import type { Zxid } from '../protocol/model.ts';
import type { IdempotencyRecord } from '../tree/index.ts';

export interface IdempotencyLimits {
  readonly idempotencyKeysMax: number;
  readonly idempotencyBytesMax: number;
}

export interface RememberedAnswer {
  readonly fingerprint: string;
  readonly zxid: Zxid;
  readonly result: Uint8Array;
}

/** Rough cost of an entry beside its texts and bytes. */
const ENTRY_BYTES = 160;

export class IdempotencyTable {
  readonly #limits: IdempotencyLimits;
  /** Insertion order is age. */
  readonly #entries = new Map<string, RememberedAnswer>();
  #bytes = 0;

  constructor(limits: IdempotencyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): RememberedAnswer | undefined {
    return this.#entries.get(key);
  }

  /** Remembers the answer of the transaction at `zxid`. Deterministic: the same on every node. */
  remember(zxid: Zxid, record: IdempotencyRecord): void {
    const { key, fingerprint, result } = record;
    this.#forget(key);
    this.#entries.set(key, { fingerprint, zxid, result });
    this.#bytes += costOf(key, { result });
    for (const oldest of this.#entries.keys()) {
      const full =
        this.#entries.size > this.#limits.idempotencyKeysMax ||
        this.#bytes > this.#limits.idempotencyBytesMax;
      if (!full) break;
      this.#forget(oldest);
    }
  }

  /** The entries, oldest first, as they are now: entries are immutable, so the list is a snapshot. */
  entries(): (readonly [string, RememberedAnswer])[] {
    return [...this.#entries];
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= costOf(key, entry);
  }
}

/** About as many bytes as an entry takes in memory. */
export function costOf(key: string, { result }: { readonly result: Uint8Array }): number {
  return ENTRY_BYTES + key.length * 2 + result.length;
}
