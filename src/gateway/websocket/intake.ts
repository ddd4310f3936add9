/** Frames of a client into messages that have not been looked at yet. */
import type { ErrorBody } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import { JsonFault, parseJsonBytes } from '../common/json-bytes.ts';

/** Stands in a frame's messages where there should be one: the connection ends there. */
export class Fault {
  readonly error: ErrorBody;

  constructor(detail: string) {
    this.error = { code: 'MARSHALLINGERROR', detail };
  }
}

/** What is left of a frame while its messages are taken one by one. */
export interface Frame {
  readonly messages: readonly unknown[];
  next: number;
  /** What it counts for among the bytes in flight. */
  readonly bytes: number;
}

/** The least that a message counts for, bytes: about what a request takes while it is under way. */
const MESSAGE_BYTES = 256;

/** Decodes a frame, text or binary; what cannot be decoded is a frame with one fault. */
export function readFrame(data: Buffer, limits: Limits): Frame {
  const messages = messagesOf(data, limits);
  return { messages, next: 0, bytes: Math.max(data.length, messages.length * MESSAGE_BYTES) };
}

function messagesOf(data: Buffer, limits: Limits): readonly unknown[] {
  let value: unknown;
  try {
    value = parseJsonBytes(data, limits);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return [new Fault(`the frame: ${error.message}`)];
  }
  if (!Array.isArray(value)) return [value];
  if (value.length <= limits.frameMessagesMax) return value as unknown[];
  const allowed = limitText(limits, 'frameMessagesMax');
  return [new Fault(`the frame: ${value.length} messages exceed ${allowed}`)];
}
