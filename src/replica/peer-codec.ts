/**
 * A frame between replicas as bytes: the length of the JSON (32 bits, little endian), the JSON, then the
 * bytes of all data in the order in which the JSON names their lengths.
 */
import { isUtf8 } from 'node:buffer';
import { assert } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import { nestsDeeper } from '../protocol/json.ts';
import type { MultiMember, WriteOperation } from '../protocol/operations.ts';
import { parsePath, parseSequentialPrefix } from '../protocol/path.ts';
import type { PeerFrame, PeerMessage, WriteMessage } from './peer-messages.ts';
import { frameProblem } from './peer-schemas.ts';

/** A peer has sent what none may send: the link is dropped, and nothing else happens. */
export class PeerFormatError extends Error {
  constructor(detail: string) {
    super(`replica frame: ${detail}`);
    this.name = 'PeerFormatError';
  }
}

const LENGTH_BYTES = 4;

/** Levels of arrays and objects; no message has half as many. */
const DEPTH_MAX = 32;

/** The bytes are new and belong to the caller; data is copied. */
export function encodeFrame(frame: PeerFrame): Uint8Array {
  const tail: Uint8Array[] = [];
  const messages = frame.messages.map((message) =>
    message.type === 'write' ? withLengths(message, tail) : message,
  );
  const json = JSON.stringify({ epoch: frame.epoch, applied: frame.applied, messages });
  const jsonBytes = Buffer.byteLength(json);
  let end = LENGTH_BYTES + jsonBytes;
  const bytes = Buffer.allocUnsafe(tail.reduce((sum, part) => sum + part.length, end));
  bytes.writeUInt32LE(jsonBytes);
  bytes.write(json, LENGTH_BYTES);
  for (const part of tail) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}

/**
 * @param bytes a frame; data in the result are views of it
 * @throws PeerFormatError for anything but a frame
 */
export function decodeFrame(bytes: Uint8Array): PeerFrame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < LENGTH_BYTES) throw new PeerFormatError('too short');
  const end = LENGTH_BYTES + buffer.readUInt32LE();
  if (end > buffer.length) throw new PeerFormatError('its JSON is cut off');
  const frame = parse(buffer.subarray(LENGTH_BYTES, end));
  // Plain views, also where the frame came as a Buffer.
  const tail = new Tail(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), end);
  for (const message of frame.messages) {
    if (message.type === 'write') fillIn(message, tail);
  }
  tail.finish();
  return frame;
}

/** About as many bytes as the message takes in a frame: what is under way is bounded by it. */
export function messageBytes(message: PeerMessage): number {
  const base = 256;
  if (message.type === 'touch' || message.type === 'register') {
    return base + message.sessions.length * 64;
  }
  if (message.type !== 'write') return base;
  const { operation } = message;
  if (operation.type !== 'multi') return base + operationBytes(operation);
  return operation.operations.reduce((sum, member) => sum + 64 + operationBytes(member), base);
}

function operationBytes(operation: WriteOperation | MultiMember): number {
  const data = 'data' in operation ? operation.data.length : 0;
  const path = 'path' in operation ? operation.path.length : 0;
  const acl = 'acl' in operation ? operation.acl.length * 64 : 0;
  return data + path + acl;
}

function withLengths(message: WriteMessage, tail: Uint8Array[]): object {
  const { operation } = message;
  switch (operation.type) {
    case 'multi': {
      const operations = operation.operations.map((member) => {
        if (!('data' in member)) return member;
        tail.push(member.data);
        return { ...member, data: member.data.length };
      });
      return { ...message, operation: { ...operation, operations } };
    }
    case 'create':
    case 'put':
    case 'set':
      tail.push(operation.data);
      return { ...message, operation: { ...operation, data: operation.data.length } };
    case 'createSession': {
      const { secretHash } = operation;
      tail.push(secretHash);
      return { ...message, operation: { ...operation, secretHash: secretHash.length } };
    }
    case 'reap':
    case 'attachSession':
      assert(false, 'only the leader reaps, and makes the record of an attachment');
      return message;
    default:
      return message;
  }
}

function parse(json: Buffer): PeerFrame {
  // A lenient decoder would make another path or ACL of what is no text.
  if (!isUtf8(json)) throw new PeerFormatError('its JSON is no UTF-8');
  if (nestsDeeper(json, DEPTH_MAX)) throw new PeerFormatError('its JSON nests too deep');
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch (error) {
    throw new PeerFormatError(String(error));
  }
  const problem = frameProblem(value);
  if (problem !== undefined) throw new PeerFormatError(problem);
  return value as PeerFrame;
}

/** The bytes behind the JSON. */
class Tail {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  /** In place of its length, the bytes themselves. */
  take(length: unknown): Uint8Array {
    const start = this.#offset;
    this.#offset += Number(length);
    if (this.#offset > this.#bytes.length) throw new PeerFormatError('its data is cut off');
    return this.#bytes.subarray(start, this.#offset);
  }

  finish(): void {
    if (this.#offset !== this.#bytes.length) throw new PeerFormatError('bytes are left over');
  }
}

/** An operation whose data has not been filled in. */
interface Mutable {
  data?: unknown;
  secretHash?: unknown;
}

function fillIn({ operation }: WriteMessage, tail: Tail): void {
  switch (operation.type) {
    case 'multi':
      for (const member of operation.operations) {
        checkPath(member);
        if ('data' in member) fillData(member, tail);
      }
      return;
    case 'createSession':
      (operation as Mutable).secretHash = tail.take(operation.secretHash);
      return;
    case 'closeSession':
    case 'attachSession':
    case 'reap':
      return;
    default:
      checkPath(operation);
      if ('data' in operation) fillData(operation, tail);
  }
}

function fillData(operation: { readonly data: Uint8Array }, tail: Tail): void {
  (operation as Mutable).data = tail.take(operation.data);
}

function checkPath(operation: MultiMember | Exclude<WriteOperation, { readonly type: 'multi' }>) {
  if (!('path' in operation)) return;
  try {
    const isPrefix = operation.type === 'create' && operation.sequential;
    if (isPrefix) parseSequentialPrefix(operation.path);
    else parsePath(operation.path);
  } catch (error) {
    if (!(error instanceof CoordinationError)) throw error;
    throw new PeerFormatError(error.message);
  }
}
