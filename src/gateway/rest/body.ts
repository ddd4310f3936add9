/**
 * Request bodies. The doors read them themselves: znode data is raw bytes whatever its content type says,
 * and each limit names both numbers.
 */
import type { IncomingMessage } from 'node:http';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { RefusingLimit } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Client } from '../common/clients.ts';
import { JsonFault, parseJsonBytes } from '../common/json-bytes.ts';
import { requestHeaders } from '../../protocol/rest/headers.ts';
import { connectionOf } from '../connections/index.ts';
import type { Uploads } from './uploads.ts';

const nothing = Buffer.alloc(0);

/** A request whose body is to be read. */
export interface BodyRequest {
  readonly raw: IncomingMessage;
  readonly context: {
    readonly uploads: Uploads;
    readonly settings: { readonly limits: Limits };
  };
  /** Whose shares it takes. */
  readonly clients: readonly Client[];
}

/** How large a body may be, and how a refusal says it. */
export interface BodyLimit {
  readonly bytesMax: number;
  readonly text: () => string;
}

/** Of a body that is what the limit counts. */
export function rawLimit<N extends RefusingLimit>(
  limits: Pick<Limits, N>,
  name: N,
  instead?: string,
): BodyLimit {
  return { bytesMax: limits[name], text: () => limitText(limits, name, instead) };
}

/** Of a JSON body, which may take `factor` times the bytes of what it carries and `extra` beside. */
export function jsonLimit<N extends RefusingLimit>(
  limits: Pick<Limits, N>,
  name: N,
  { factor, extra = 0 }: { readonly factor: number; readonly extra?: number },
): BodyLimit {
  const bytesMax = limits[name] * factor + extra;
  return {
    bytesMax,
    text: () => `the ${bytesMax} bytes of JSON that go with ${limitText(limits, name)}`,
  };
}

/**
 * The whole body.
 * @throws CoordinationError TOOLARGE, THROTTLEDOP, UNSUPPORTEDMEDIATYPE for an encoded body; also by rejection,
 * as UploadTooSlow is
 */
export function readBody(
  { raw: request, context, clients }: BodyRequest,
  bodyLimit: BodyLimit,
): Promise<Buffer> | Buffer {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const detail = `Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not supported, send the body as it is`;
    throw new CoordinationError('UNSUPPORTEDMEDIATYPE', detail);
  }
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    const detail = `Transfer-Encoding ${JSON.stringify(coding.slice(0, 40))} is not supported, only "chunked" is`;
    throw new CoordinationError('UNSUPPORTEDMEDIATYPE', detail);
  }
  const declared = declaredLength(request);
  if (declared === 0) return nothing;
  if (declared !== undefined && declared > bodyLimit.bytesMax) {
    throw tooLarge(String(declared), bodyLimit);
  }
  return collect(request, bodyLimit, { uploads: context.uploads, clients, declared });
}

/**
 * A JSON body, decoded; undefined when there is none, which `null` is not.
 * @throws CoordinationError UNSUPPORTEDMEDIATYPE, TOOLARGE, BADARGUMENTS when it is no JSON, no UTF-8 or too deep
 */
export async function readJson(request: BodyRequest, bodyLimit: BodyLimit): Promise<unknown> {
  const bytes = await readBody(request, bodyLimit);
  const type = request.raw.headers['content-type'];
  if (bytes.length === 0 && type === undefined) return undefined;
  checkJsonType(type, request.raw);
  if (bytes.length === 0) return undefined;
  return parseJson(bytes, request.context.settings.limits);
}

/** Bytes of body that have been declared; undefined for a chunked one. */
export function declaredLength(request: IncomingMessage): number | undefined {
  const length = request.headers['content-length'];
  if (length !== undefined) return Number(length);
  return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

interface Collecting {
  readonly uploads: Uploads;
  readonly clients: readonly Client[];
  readonly declared: number | undefined;
}

function collect(
  request: IncomingMessage,
  bodyLimit: BodyLimit,
  { uploads, clients, declared }: Collecting,
): Promise<Buffer> {
  const connection = connectionOf(request.socket);
  if (connection?.isBroken === true && !request.complete) throw bodyCutOff();
  if (connection !== undefined) connection.receivesBody = true;
  return new Promise((resolve, reject) => {
    const received = (): void => {
      if (connection !== undefined) connection.receivesBody = false;
    };
    const chunks: Buffer[] = [];
    let bytes = 0;
    // The stream flows on without a listener: what still comes is thrown away, not kept.
    const refuse = (error: Error): void => {
      request.removeListener('data', onData);
      chunks.length = 0;
      uploads.end(upload);
      received();
      reject(error);
    };
    const upload = uploads.begin({ clients, declared, giveUp: refuse });
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      // What is whole with the first read of its socket is in memory anyway, and leaves it at once.
      const isWhole = bytes === declared && chunks.length === 0;
      if (bytes > bodyLimit.bytesMax) {
        refuse(tooLarge(`at least ${bytes}`, bodyLimit));
        return;
      }
      const refusal = isWhole ? undefined : uploads.grow(upload, chunk.length);
      if (refusal === undefined) chunks.push(chunk);
      else refuse(refusal);
    };
    request.on('data', onData);
    request.on('end', () => {
      uploads.end(upload);
      received();
      const trailer = unreadTrailer(request);
      if (trailer === undefined) resolve(join(chunks, bytes));
      else reject(trailer);
    });
    request.on('error', () => {
      uploads.end(upload);
      reject(bodyCutOff());
    });
  });
}

/** What a request depends on must not be lost because it stands behind the body, where nothing reads it. */
function unreadTrailer({ rawTrailers }: IncomingMessage): CoordinationError | undefined {
  const name = rawTrailers.find(
    (text, index) => index % 2 === 0 && readHeaders.has(text.toLowerCase()),
  );
  if (name === undefined) return undefined;
  const detail = `${name}: is not read behind the body, send it in the header`;
  return new CoordinationError('BADARGUMENTS', detail);
}

const readHeaders: ReadonlySet<string> = new Set(
  [...Object.keys(requestHeaders), 'Authorization', 'Content-Type', 'Content-Encoding'].map(
    (name) => name.toLowerCase(),
  ),
);

function join(chunks: readonly Buffer[], bytes: number): Buffer {
  const [first] = chunks;
  if (first === undefined) return nothing;
  return chunks.length === 1 ? first : Buffer.concat(chunks, bytes);
}

function parseJson(bytes: Buffer, limits: Limits): unknown {
  try {
    return parseJsonBytes(bytes, limits);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw new CoordinationError('BADARGUMENTS', `body: ${error.message}`);
  }
}

/** `application/json` and the types built on it (`application/merge-patch+json`). */
function checkJsonType(type: string | undefined, { url = '' }: IncomingMessage): void {
  const [essence = ''] = (type ?? '').toLowerCase().split(';', 1);
  if (/^application\/(?:[\w.-]+\+)?json$/.test(essence.trim())) {
    checkCharset(type ?? '');
    return;
  }
  const given = type === undefined ? 'no Content-Type' : JSON.stringify(type.slice(0, 80));
  const hint = essence.includes('x-www-form-urlencoded') ? ' (curl -d sends that by default)' : '';
  // What curl -d makes of the wish to write bytes.
  const other = url.startsWith('/znodes')
    ? '; to write the bytes of the body as they are, use PUT (curl -X PUT -d)'
    : '';
  const detail = `the body must come with Content-Type: application/json, not ${given}${hint}${other}`;
  throw new CoordinationError('UNSUPPORTEDMEDIATYPE', detail);
}

/** JSON is UTF-8 (RFC 8259, 8.1): bytes that are said to be another encoding would be read as other text. */
function checkCharset(type: string): void {
  const [, charset] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type) ?? [];
  if (charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)) return;
  const detail = `charset ${JSON.stringify(charset.slice(0, 40))} is not supported, JSON must be UTF-8`;
  throw new CoordinationError('UNSUPPORTEDMEDIATYPE', detail);
}

function tooLarge(bytes: string, { text }: BodyLimit): CoordinationError {
  const detail = `a body of ${bytes} bytes exceeds ${text()}`;
  return new CoordinationError('TOOLARGE', detail);
}

/** Nobody is left to read it, but the request must come to an end. */
function bodyCutOff(): CoordinationError {
  return new CoordinationError('MARSHALLINGERROR', 'the connection ended inside the body');
}
