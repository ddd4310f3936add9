/** JSON out of the bytes of a body or a frame: UTF-8, of bounded depth, or refused with what is wrong. */
import { isUtf8 } from 'node:buffer';
import { firstInvalidUtf8, nestsDeeper } from '../../protocol/json.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';

/** What is wrong with the bytes, to stand behind the name of the body or frame. */
export class JsonFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonFault';
  }
}

/**
 * A byte order mark before the text is passed over, as RFC 8259, 8.1 allows: editors put it there.
 * @throws JsonFault
 */
export function parseJsonBytes(bytes: Buffer, limits: Pick<Limits, 'jsonDepthMax'>) {
  if (!isUtf8(bytes)) {
    const offset = firstInvalidUtf8(bytes) ?? 0;
    const shown = (bytes[offset] ?? 0).toString(16).padStart(2, '0');
    throw new JsonFault(`not UTF-8: the byte 0x${shown} at offset ${offset} begins no character`);
  }
  if (nestsDeeper(bytes, limits.jsonDepthMax)) {
    const allowed = limitText(limits, 'jsonDepthMax');
    throw new JsonFault(`arrays and objects nest, in levels, deeper than ${allowed}`);
  }
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  try {
    return JSON.parse(bytes.toString('utf8', start)) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new JsonFault(`no valid JSON: ${error.message.slice(0, 200)}`);
  }
}
