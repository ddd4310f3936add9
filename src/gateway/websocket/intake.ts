/** Frames of a client into messages that have not been looked at yet. */
import { isUtf8 } from 'node:buffer';
import type { ErrorBody } from '../../protocol/errors.ts';
import type { Limits } from '../../protocol/limits.ts';

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
  readonly bytes: number;
}

/** Decodes a frame, text or binary; what cannot be decoded is a frame with one fault. */
export function readFrame(data: Buffer, limits: Limits): Frame {
  return { messages: messagesOf(data, limits), next: 0, bytes: data.length };
}

function messagesOf(data: Buffer, { frameMessagesMax }: Limits): readonly unknown[] {
  if (!isUtf8(data)) return [new Fault('the frame is not UTF-8')];
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [new Fault(`the frame is not JSON: ${error.message.slice(0, 200)}`)];
  }
  if (!Array.isArray(value)) return [value];
  if (value.length <= frameMessagesMax) return value as unknown[];
  return [new Fault(`the frame holds ${value.length} messages, the limit is ${frameMessagesMax}`)];
}
