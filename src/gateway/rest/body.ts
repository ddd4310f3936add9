/**
 * Request bodies. The doors read them themselves: znode data is raw bytes whatever its content type says,
 * and each limit names both numbers.
 */
import type { IncomingMessage } from 'node:http';
import { CoordinationError } from '../../protocol/errors.ts';
import type { Limits } from '../../protocol/limits.ts';
import { JsonFault, parseJsonBytes } from '../common/json-bytes.ts';
import { requestHeaders } from '../../protocol/rest/headers.ts';
import { connectionOf } from '../connections/index.ts';

const nothing = Buffer.alloc(0);

/** How much of bodies is being received, by all requests together: many slow ones must not fill the memory. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns the refusal, THROTTLEDOP, where it is too much; nothing is taken then */
  take(bytes: number): CoordinationError | undefined {
    if (this.#bytes + bytes > this.#bytesMax) {
      const detail = `bodies under way would exceed the limit of ${this.#bytesMax} bytes`;
      return new CoordinationError('THROTTLEDOP', detail);
    }
    this.#bytes += bytes;
    return undefined;
  }

  /** What has been taken is no longer there, or is somebody else's to count. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** A request whose body is to be read. */
export interface BodyRequest {
  readonly raw: IncomingMessage;
  readonly context: {
    readonly bodies: BodyBudget;
    readonly settings: { readonly limits: Limits };
  };
}

/**
 * The whole body.
 * @throws CoordinationError TOOLARGE, THROTTLEDOP, UNSUPPORTEDMEDIATYPE for an encoded body
 */
export function readBody(
  { raw: request, context }: BodyRequest,
  bytesMax: number,
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
  if (declared !== undefined && declared > bytesMax) throw tooLarge(String(declared), bytesMax);
  return collect(request, bytesMax, context.bodies);
}

/**
 * A JSON body, decoded; undefined when there is none, which `null` is not.
 * @throws CoordinationError UNSUPPORTEDMEDIATYPE, TOOLARGE, BADARGUMENTS when it is no JSON, no UTF-8 or too deep
 */
export async function readJson(request: BodyRequest, bytesMax: number): Promise<unknown> {
  const bytes = await readBody(request, bytesMax);
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

function collect(request: IncomingMessage, bytesMax: number, budget: BodyBudget): Promise<Buffer> {
  const connection = connectionOf(request.socket);
  if (connection?.isBroken === true && !request.complete) throw bodyCutOff();
  if (connection !== undefined) connection.receivesBody = true;
  return new Promise((resolve, reject) => {
    const received = (): void => {
      if (connection !== undefined) connection.receivesBody = false;
    };
    const chunks: Buffer[] = [];
    let bytes = 0;
    const release = (): void => {
      budget.give(bytes);
      bytes = 0;
    };
    const onData = (chunk: Buffer): void => {
      const sum = bytes + chunk.length;
      const refusal =
        sum > bytesMax ? tooLarge(`at least ${sum}`, bytesMax) : budget.take(chunk.length);
      if (refusal === undefined) {
        bytes = sum;
        chunks.push(chunk);
        return;
      }
      // The stream flows on without a listener: what still comes is thrown away, not kept.
      request.removeListener('data', onData);
      chunks.length = 0;
      release();
      received();
      reject(refusal);
    };
    request.on('data', onData);
    request.on('end', () => {
      const body = join(chunks, bytes);
      release();
      received();
      const trailer = unreadTrailer(request);
      if (trailer === undefined) resolve(body);
      else reject(trailer);
    });
    request.on('error', () => {
      release();
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

function tooLarge(bytes: string, bytesMax: number): CoordinationError {
  const detail = `a body of ${bytes} bytes exceeds the limit of ${bytesMax} bytes`;
  return new CoordinationError('TOOLARGE', detail);
}

/** Nobody is left to read it, but the request must come to an end. */
function bodyCutOff(): CoordinationError {
  return new CoordinationError('MARSHALLINGERROR', 'the connection ended inside the body');
}
