/**
 * JSON of strangers, looked at before it is parsed. `JSON.parse` takes time and memory far beyond the length
 * of a text that nests deeply, and a decoder silently replaces what is no UTF-8: both are judged by the bytes.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Bytes of a string that are looked at one by one before its end is searched for natively. */
const STRING_PROBE = 64;

/**
 * Whether arrays and objects nest deeper than `depthMax`, in time proportional to the bytes and without a
 * stack. The text may be anything: only where it is JSON does the answer mean its depth.
 */
export function nestsDeeper(bytes: Uint8Array, depthMax: number): boolean {
  // Each level takes a byte.
  if (bytes.length <= depthMax) return false;
  let depth = 0;
  for (let index = 0; index < bytes.length; index++) {
    switch (bytes[index]) {
      case 0x5b: // [
      case 0x7b: // {
        depth++;
        if (depth > depthMax) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case QUOTE:
        index = endOfString(bytes, index + 1);
        break;
      default:
    }
  }
  return false;
}

/** @returns the index of the closing quote, or the length of the text where there is none */
function endOfString(bytes: Uint8Array, start: number): number {
  let index = start;
  let probed = index + STRING_PROBE;
  // The next quote, escaped or not: kept while it lies ahead, so that no byte is searched through twice.
  let quote = -1;
  while (index < bytes.length) {
    const byte = bytes[index];
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH) {
      index += 2;
    } else if (index < probed) {
      index++;
    } else {
      if (quote < index) quote = bytes.indexOf(QUOTE, index);
      if (quote < 0) return bytes.length;
      const escape = bytes.subarray(index, quote).indexOf(BACKSLASH);
      if (escape < 0) return quote;
      index += escape;
      probed = index + STRING_PROBE;
    }
  }
  return bytes.length;
}

/** Where the bytes stop being UTF-8 (RFC 3629): the first byte of the first sequence that is none. */
export function firstInvalidUtf8(bytes: Uint8Array): number | undefined {
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index);
    if (length === 0) return index;
    index += length;
  }
  return undefined;
}

/** Of the sequence that begins at `index`; 0 = it is none. */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index] ?? 0;
  if (first < 0x80) return 1;
  const second = bytes[index + 1] ?? 0;
  const continues = (offset: number): boolean => ((bytes[index + offset] ?? 0) & 0xc0) === 0x80;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // Neither an overlong form nor half of a surrogate pair.
    const inRange = (first !== 0xe0 || second >= 0xa0) && (first !== 0xed || second <= 0x9f);
    return inRange && continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const inRange = (first !== 0xf0 || second >= 0x90) && (first !== 0xf4 || second <= 0x8f);
    return inRange && continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}
