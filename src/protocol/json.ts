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

/**
 * Well-formed sequences of more than one byte (Unicode 15, table 3-7): the ranges of the first and of the
 * second byte, and the length. The second keeps out overlong forms, surrogates and what is beyond U+10FFFF.
 */
const sequences: readonly (readonly [number, number, number, number, number])[] = [
  [0xc2, 0xdf, 0x80, 0xbf, 2],
  [0xe0, 0xe0, 0xa0, 0xbf, 3],
  [0xe1, 0xec, 0x80, 0xbf, 3],
  [0xed, 0xed, 0x80, 0x9f, 3],
  [0xee, 0xef, 0x80, 0xbf, 3],
  [0xf0, 0xf0, 0x90, 0xbf, 4],
  [0xf1, 0xf3, 0x80, 0xbf, 4],
  [0xf4, 0xf4, 0x80, 0x8f, 4],
];

/** Of the sequence that begins at `index`; 0 = it is none. */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index] ?? 0;
  if (first < 0x80) return 1;
  const sequence = sequences.find(([from, to]) => first >= from && first <= to);
  if (sequence === undefined) return 0;
  const [, , from, to, length] = sequence;
  for (let offset = 1; offset < length; offset++) {
    const byte = bytes[index + offset] ?? 0;
    if (byte < (offset === 1 ? from : 0x80) || byte > (offset === 1 ? to : 0xbf)) return 0;
  }
  return length;
}
