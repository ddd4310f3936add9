/** A write's result as the bytes that an idempotency entry keeps. Results of writes hold no data bytes. */
import type { Result } from '../protocol/operations.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeResult(result: Result): Uint8Array {
  return encoder.encode(JSON.stringify(result));
}

/** @param bytes what `encodeResult` made */
export function decodeResult(bytes: Uint8Array): Result {
  return JSON.parse(decoder.decode(bytes)) as Result;
}
