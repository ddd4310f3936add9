/**
 * A session as bytes, little endian: id (low 32 bits, high 21 bits), timeout in milliseconds (like the id),
 * generation (like the id), hash of the secret (32 bytes). A chunk of a snapshot is a plain run of such rows.
 */
import { assert } from '../protocol/assert.ts';
import type { SessionId, Zxid } from '../protocol/model.ts';

export interface SessionRow {
  readonly id: SessionId;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Of its newest attachment: the zxid of that transaction, at first of the one that made it. */
  readonly generation: Zxid;
  /** SHA-256 of the secret's text, 32 bytes. */
  readonly secretHash: Uint8Array;
}

export const encodedRowBytes = 56;

const TIMEOUT_OFFSET = 8;
const GENERATION_OFFSET = 16;
const HASH_OFFSET = 24;
const TWO_32 = 4_294_967_296;

export function encodeRow(target: Uint8Array, offset: number, row: SessionRow): void {
  const view = new DataView(target.buffer, target.byteOffset + offset, encodedRowBytes);
  writeWide(view, 0, row.id);
  writeWide(view, TIMEOUT_OFFSET, row.timeoutMs);
  writeWide(view, GENERATION_OFFSET, row.generation);
  target.set(row.secretHash, offset + HASH_OFFSET);
}

export function* decodeRows(chunk: Uint8Array): Generator<SessionRow> {
  assert(chunk.length % encodedRowBytes === 0, 'a chunk of sessions holds whole rows');
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let offset = 0; offset < chunk.length; offset += encodedRowBytes) {
    yield {
      id: readWide(view, offset),
      timeoutMs: readWide(view, offset + TIMEOUT_OFFSET),
      generation: readWide(view, offset + GENERATION_OFFSET),
      secretHash: chunk.subarray(offset + HASH_OFFSET, offset + encodedRowBytes),
    };
  }
}

function writeWide(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

function readWide(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
}
