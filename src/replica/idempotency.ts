/**
 * Remembered answers by idempotency key: replicated state, since the entries stand in the transactions, and each
 * names its owner. Only successes are remembered. Bounded by count and bytes: an owner over its own share loses its
 * oldest, and where all together are too much, the owner that takes the most bytes does. So nobody pushes out the
 * keys of others who have fewer. It is not part of the state's digest, since the limits are each node's settings.
 */
import { assert } from '../protocol/assert.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Zxid } from '../protocol/model.ts';
import type { IdempotencyRecord } from '../tree/index.ts';
import { LargestFirst } from './largest-first.ts';

export interface IdempotencyLimits {
  readonly idempotencyKeysMax: number;
  readonly idempotencyKeysPerOwnerMax: number;
  readonly idempotencyBytesMax: number;
}

export interface RememberedAnswer {
  readonly fingerprint: string;
  readonly zxid: Zxid;
  readonly result: Uint8Array;
  readonly owner: string;
}

/** Rough cost of an entry beside its texts and bytes. */
const ENTRY_BYTES = 192;

interface Entry extends RememberedAnswer {
  readonly key: string;
  gone: boolean;
}

/** What one owner has. */
class Share {
  readonly owner: string;
  /** By age; entries that are gone stay in it until they are the oldest. */
  readonly #entries = new Fifo<Entry>();
  count = 0;
  bytes = 0;
  /** Where it stands among the others; see `LargestFirst`. */
  place = -1;

  constructor(owner: string) {
    this.owner = owner;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.count += 1;
    this.bytes += costOf(entry.key, entry);
  }

  /** Takes an entry out, wherever it stands. */
  drop(entry: Entry): void {
    entry.gone = true;
    this.count -= 1;
    this.bytes -= costOf(entry.key, entry);
    while (this.#entries.peek()?.gone === true) this.#entries.shift();
  }

  get oldest(): Entry {
    const entry = this.#entries.peek();
    assert(entry !== undefined, 'a share is never empty');
    return entry;
  }

  /** Every node must choose the same, whatever it has loaded and when: by what no two shares have in common. */
  isLargerThan(other: Share): boolean {
    if (this.bytes !== other.bytes) return this.bytes > other.bytes;
    return this.oldest.zxid < other.oldest.zxid;
  }
}

export class IdempotencyTable {
  readonly #limits: IdempotencyLimits;
  /** Insertion order is age. */
  readonly #entries = new Map<string, Entry>();
  readonly #shares = new Map<string, Share>();
  readonly #largest = new LargestFirst<Share>();
  #bytes = 0;

  constructor(limits: IdempotencyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Those who have any. */
  get owners(): number {
    return this.#shares.size;
  }

  /** Keys of the owner that takes the most bytes. */
  get largestShare(): number {
    return this.#largest.first?.count ?? 0;
  }

  get(key: string): RememberedAnswer | undefined {
    return this.#entries.get(key);
  }

  /** Remembers the answer of the transaction at `zxid`. Deterministic: the same on every node of equal limits. */
  remember(zxid: Zxid, { key, owner, fingerprint, result }: IdempotencyRecord): void {
    const { idempotencyKeysMax, idempotencyKeysPerOwnerMax, idempotencyBytesMax } = this.#limits;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#forget(before);
    const share = this.#add({ key, owner, fingerprint, result, zxid, gone: false });
    while (share.count > idempotencyKeysPerOwnerMax) this.#forget(share.oldest);
    while (this.size > idempotencyKeysMax || this.#bytes > idempotencyBytesMax) {
      const largest = this.#largest.first;
      if (largest === undefined) return;
      this.#forget(largest.oldest);
    }
  }

  /** The entries, oldest first, as they are now: entries are immutable, so the list is a snapshot. */
  entries(): (readonly [string, RememberedAnswer])[] {
    return [...this.#entries];
  }

  #add(entry: Entry): Share {
    const { key, owner } = entry;
    const share = this.#shares.get(owner) ?? new Share(owner);
    this.#shares.set(owner, share);
    share.add(entry);
    this.#largest.place(share);
    this.#entries.set(key, entry);
    this.#bytes += costOf(key, entry);
    return share;
  }

  #forget(entry: Entry): void {
    const { key, owner } = entry;
    const share = this.#shares.get(owner);
    assert(share !== undefined, 'an entry has a share');
    this.#entries.delete(key);
    this.#bytes -= costOf(key, entry);
    if (share.count === 1) {
      this.#shares.delete(owner);
      this.#largest.remove(share);
      return;
    }
    share.drop(entry);
    this.#largest.place(share);
  }
}

/** About as many bytes as an entry takes in memory. */
export function costOf(key: string, answer: Pick<RememberedAnswer, 'result' | 'owner'>): number {
  return ENTRY_BYTES + (key.length + answer.owner.length) * 2 + answer.result.length;
}
