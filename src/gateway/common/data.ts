/** Znode data inside JSON: text where it is text, else base64. */
import { isUtf8 } from 'node:buffer';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';

export type DataEncoding = 'utf8' | 'base64';

export interface EncodedData {
  readonly data: string;
  readonly encoding: DataEncoding;
}

const notBase64 = /[^A-Za-z0-9+/]/;
const loneSurrogate = /\p{Surrogate}/u;
const nothing = new Uint8Array(0);

/** `utf8` when the bytes are valid UTF-8, unless base64 is asked. */
export function encodeData(bytes: Uint8Array, asked?: DataEncoding): EncodedData {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const encoding = asked !== 'base64' && isUtf8(buffer) ? 'utf8' : 'base64';
  return { data: buffer.toString(encoding), encoding };
}

export interface DataFields {
  readonly data?: string | undefined;
  readonly encoding?: DataEncoding | undefined;
}

/**
 * @param field what to call the value in an error, for example `operations[3].data`
 * @throws CoordinationError BADARGUMENTS when the text is not what its encoding says, or there is no text for it
 */
export function decodeData({ data, encoding }: DataFields, field = 'data'): Uint8Array {
  if (data === undefined && encoding !== undefined) {
    const name = field.replace(/data$/, 'encoding');
    throw new CoordinationError('BADARGUMENTS', `${name}: has no effect without data, give both`);
  }
  if (data === undefined || data === '') return nothing;
  if (encoding === 'base64') {
    if (isBase64(data)) return Buffer.from(data, 'base64');
    throw new CoordinationError('BADARGUMENTS', `${field}: not valid base64`);
  }
  if (loneSurrogate.test(data)) {
    throw new CoordinationError('BADARGUMENTS', `${field}: holds half of a surrogate pair`);
  }
  return Buffer.from(data, 'utf8');
}

/**
 * The padding may be left out, but not be wrong. Searched and not matched: a pattern that may give back
 * what it took needs stack for every character, and megabytes of text exceed it.
 */
function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  if (text.search(notBase64) !== (padding === 0 ? -1 : digits)) return false;
  return padding === 0 ? digits % 4 !== 1 : text.length % 4 === 0;
}

/** @throws CoordinationError TOOLARGE naming both numbers */
export function checkDataSize(
  bytes: Uint8Array,
  limits: Pick<Limits, 'znodeDataBytesMax'>,
  field = 'data',
): Uint8Array {
  if (bytes.length <= limits.znodeDataBytesMax) return bytes;
  const detail = `${field}: ${bytes.length} bytes exceed ${limitText(limits, 'znodeDataBytesMax')}`;
  throw new CoordinationError('TOOLARGE', detail);
}
