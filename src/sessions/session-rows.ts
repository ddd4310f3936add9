/**
 * A session as bytes, little endian: id (low 32 bits, high 21 bits), timeout in milliseconds (32 bits),
 * hash of the secret (32 bytes). A chunk of a snapshot is a plain run of such rows.
 */
import { assert } from '../protocol/assert.ts';
import type { SessionId } from '../protocol/model.ts';

export interface SessionRow {
  readonly id: SessionId;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** SHA-256 of the secret's text, 32 bytes. */
  readonly secretHash: Uint8Array;
}

export const encodedRowBytes = 44;

const TWO_32 = 4_294_967_296;

export function encodeRow(target: Uint8Array, offset: number, row: SessionRow): void {
  const view = new DataView(target.buffer, target.byteOffset + offset, encodedRowBytes);
  view.setUint32(0, row.id % TWO_32, true);
  view.setUint32(4, Math.floor(row.id / TWO_32), true);
  view.setUint32(8, row.timeoutMs, true);
  target.set(row.secretHash, offset + 12);
}

export function* decodeRows(chunk: Uint8Array): Generator<SessionRow> {
  assert(chunk.length % encodedRowBytes === 0, 'a chunk of sessions holds whole rows');
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let offset = 0; offset < chunk.length; offset += encodedRowBytes) {
    yield {
      id: view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32,
      timeoutMs: view.getUint32(offset + 8, true),
      secretHash: chunk.subarray(offset + 12, offset + encodedRowBytes),
    };
  }
}
