/**
 * Short-lived copies of small byte strings, cut from common memory: an allocation of its own for each
 * would cost more than the copying. A copy keeps its 64 KiB alive, so nothing that stays is made here.
 */

const SLAB_BYTES = 64 * 1024;
/** What is longer gets memory of its own. */
const SHARED_MAX = 2048;

let slab = new Uint8Array(SLAB_BYTES);
let used = 0;

/** A copy of `length` bytes of `source` from `start` on; a view of its own, perhaps of shared memory. */
export function copyBytes(source: Uint8Array, start: number, length: number): Uint8Array {
  if (length > SHARED_MAX) return source.slice(start, start + length);
  if (used + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const from = used;
  used += length;
  if (length > 64) {
    slab.set(source.subarray(start, start + length), from);
  } else {
    for (let index = 0; index < length; index++) slab[from + index] = source[start + index] ?? 0;
  }
  return slab.subarray(from, from + length);
}
