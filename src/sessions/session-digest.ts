/**
 * An order-independent digest of the session table: each row is hashed into two 32-bit lanes and the
 * lanes are summed, so that adding and removing a row cost the same and leave no trace of the order.
 * It detects divergence between honest replicas; it is no defence against forgery.
 */
import type { SessionRow } from './session-rows.ts';

const TWO_32 = 4_294_967_296;
const FIRST_SEED = 0x9e3779b9 | 0;
const SECOND_SEED = 0x85ebca6b | 0;

export class SessionDigest {
  #first = 0;
  #second = 0;

  add(row: SessionRow): void {
    this.#first = (this.#first + hashRow(row, FIRST_SEED)) | 0;
    this.#second = (this.#second + hashRow(row, SECOND_SEED)) | 0;
  }

  remove(row: SessionRow): void {
    this.#first = (this.#first - hashRow(row, FIRST_SEED)) | 0;
    this.#second = (this.#second - hashRow(row, SECOND_SEED)) | 0;
  }

  /** Both lanes as unsigned integers. */
  lanes(): readonly [number, number] {
    return [this.#first >>> 0, this.#second >>> 0];
  }
}

function hashRow(row: SessionRow, seed: number): number {
  let hash = mix(seed, row.id % TWO_32);
  hash = mix(hash, Math.floor(row.id / TWO_32));
  hash = mix(hash, row.timeoutMs % TWO_32);
  hash = mix(hash, Math.floor(row.timeoutMs / TWO_32));
  hash = mix(hash, row.generation % TWO_32);
  hash = mix(hash, Math.floor(row.generation / TWO_32));
  const { secretHash } = row;
  for (let index = 0; index < secretHash.length; index += 4) {
    hash = mix(hash, wordAt(secretHash, index));
  }
  return finish(hash);
}

function wordAt(bytes: Uint8Array, index: number): number {
  const low = (bytes[index] ?? 0) | ((bytes[index + 1] ?? 0) << 8);
  return low | ((bytes[index + 2] ?? 0) << 16) | ((bytes[index + 3] ?? 0) << 24);
}

/** One step of MurmurHash3 (x86, 32 bit). */
function mix(hash: number, word: number): number {
  let scrambled = Math.imul(word | 0, 0xcc9e2d51 | 0);
  scrambled = (scrambled << 15) | (scrambled >>> 17);
  const next = hash ^ Math.imul(scrambled, 0x1b873593);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

/** Its finaliser: every input bit reaches every output bit. */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
