/**
 * A map that grows without a stop: JavaScript's `Map` copies itself when it doubles, which takes 50 ms
 * for a million entries. This one is a plain `Map` while it is small and then sixty-four of them.
 */
const SHARDS = 64;
const UNSHARDED_MAX = 8192;

export class ShardedMap<Key, Value> {
  readonly #hash: (key: Key) => number;
  #shards: Map<Key, Value>[] = [new Map<Key, Value>()];
  #size = 0;

  /** @param hash any integer; equal keys have equal ones, and others mostly do not */
  constructor(hash: (key: Key) => number) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  get(key: Key): Value | undefined {
    return this.#shardOf(key)?.get(key);
  }

  has(key: Key): boolean {
    return this.#shardOf(key)?.has(key) ?? false;
  }

  set(key: Key, value: Value): void {
    const shard = this.#shardOf(key);
    if (shard === undefined) return;
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
    if (this.#size > UNSHARDED_MAX && this.#shards.length === 1) this.#split(shard);
  }

  delete(key: Key): boolean {
    const found = this.#shardOf(key)?.delete(key) ?? false;
    if (found) this.#size -= 1;
    return found;
  }

  clear(): void {
    this.#shards = [new Map<Key, Value>()];
    this.#size = 0;
  }

  *keys(): Generator<Key> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  #shardOf(key: Key): Map<Key, Value> | undefined {
    return this.#shards[this.#shards.length === 1 ? 0 : this.#hash(key) & (SHARDS - 1)];
  }

  #split(all: Map<Key, Value>): void {
    const shards = Array.from({ length: SHARDS }, () => new Map<Key, Value>());
    for (const [key, value] of all) shards[this.#hash(key) & (SHARDS - 1)]?.set(key, value);
    this.#shards = shards;
  }
}

/** Samples at most sixteen characters, evenly, and always the last: enough to choose a shard. */
export function pathHash(path: string): number {
  const step = (path.length >>> 4) + 1;
  let hash = path.length;
  for (let index = path.length - 1; index >= 0; index -= step) {
    hash = (Math.imul(hash, 31) + path.charCodeAt(index)) | 0;
  }
  return hash ^ (hash >>> 15);
}
