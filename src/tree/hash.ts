/**
 * Hashes of the tree: of paths (for the index and the digest) and of data (for the digest). They must
 * give the same number on every node, so nothing here is seeded.
 */

/** Hash of the empty text, and so of the root, whose children's paths continue it with "/name". */
export const rootHash = 0x811c9dc5 | 0;

const FNV_PRIME = 0x01000193;
const SLASH = 0x2f;

/** One step of FNV-1a over UTF-16 code units: the hash of a path continues its parent's. */
export function hashUnit(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, FNV_PRIME);
}

/** Continues `hash` with the code units of `text` from `start` up to `end`. */
export function hashText(
  hash: number,
  text: string,
  range: { readonly start: number; readonly end: number },
): number {
  let result = hash;
  for (let index = range.start; index < range.end; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), FNV_PRIME);
  }
  return result;
}

/** Hash of a whole path; the root has the hash of the empty text. */
export function hashPath(path: string): number {
  if (path.length === 1) return rootHash;
  let hash = rootHash;
  for (let index = 0; index < path.length; index++) {
    hash = Math.imul(hash ^ path.charCodeAt(index), FNV_PRIME);
  }
  return hash;
}

/** The hash of the child `name` of a node with the hash `parent`. */
export function hashChild(parent: number, name: string): number {
  return hashText(hashUnit(parent, SLASH), name, { start: 0, end: name.length });
}

/** Spreads a hash over all its bits (the finish of MurmurHash3). */
export function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export interface WordRange {
  /** Index of the first word. */
  readonly word: number;
  /** Index of the same place in bytes. */
  readonly byte: number;
  /** Length, bytes; need not be whole words. */
  readonly length: number;
}

/** MurmurHash3 (32 bits) of a byte string that starts at a whole word. */
export function hashBytes(words: Int32Array, bytes: Uint8Array, range: WordRange): number {
  let hash = range.length;
  const wholeWords = range.length >>> 2;
  const end = range.word + wholeWords;
  for (let index = range.word; index < end; index++) {
    hash = hashWord(hash, words[index] ?? 0);
  }
  let tail = 0;
  const last = range.byte + range.length;
  for (let index = range.byte + wholeWords * 4; index < last; index++) {
    tail = (tail << 8) | (bytes[index] ?? 0);
  }
  return mix(hashWord(hash, tail));
}

function hashWord(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
