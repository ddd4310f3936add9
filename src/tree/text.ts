/**
 * UTF-8 for short names and paths. They are nearly always ASCII, and for texts of this length a loop
 * beats the encoder's call; what is not ASCII goes through the platform's encoder.
 */

const encoder = new TextEncoder();
// A byte order mark is a legal character of a name, so it must not be swallowed.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Up to here a loop is faster than the decoder's call. */
const LOOP_LENGTH = 16;

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** The UTF-8 bytes of `text`. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Length of `text` in UTF-8, bytes; `text` holds no surrogates, since paths refuse them. */
export function textBytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
  }
  return bytes;
}

/**
 * Reads UTF-8.
 * @throws TypeError when the bytes are no UTF-8
 */
export function decodeText(bytes: Uint8Array, start: number, length: number): string {
  if (length > LOOP_LENGTH) return decoder.decode(bytes.subarray(start, start + length));
  const end = start + length;
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at] ?? 0;
    const b = bytes[at + 1] ?? 0;
    const c = bytes[at + 2] ?? 0;
    const d = bytes[at + 3] ?? 0;
    if ((a | b | c | d) > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const a = bytes[at] ?? 0;
    if (a > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(a);
  }
  return text;
}
