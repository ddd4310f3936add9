/** Results of the coordinator as answers: headers, entity tags, bodies. */
import type { Stat } from '../../protocol/model.ts';
import type { WriteResult } from '../../protocol/operations.ts';
import type { ResultAnswer } from '../coordinator.ts';
import type { GatewaySettings } from '../settings.ts';
import { namesTag } from '../common/preconditions.ts';
import type { EntityTags } from '../common/preconditions.ts';
import { writtenText } from '../common/results.ts';
import { dataTag, statHeader } from '../common/stat.ts';
import type { Answer } from './answer.ts';

type Envelope = Pick<ResultAnswer, 'zxid' | 'expiresInMs' | 'readOnly'>;

/** What every answer of a coordination route carries. */
export function envelopeHeaders(settings: GatewaySettings, answer: Envelope): string[] {
  const headers = ['Zk-Zxid', String(answer.zxid), 'Zk-Server', String(settings.serverId)];
  if (answer.expiresInMs !== undefined) {
    headers.push('Zk-Session-Expires-In', String(wholeMs(answer.expiresInMs)));
  }
  if (answer.readOnly === true) headers.push('Zk-Read-Only', '1');
  return headers;
}

/** Rounded down: what is promised must be kept. */
export function wholeMs(ms: number): number {
  return Math.max(0, Math.floor(ms));
}

export function emptyAnswer(settings: GatewaySettings, answer: Envelope): Answer {
  return { status: 204, headers: envelopeHeaders(settings, answer) };
}

export function jsonAnswer(headers: string[], value: object, status = 200): Answer {
  headers.push('Content-Type', 'application/json');
  return { status, headers, body: JSON.stringify(value) };
}

/** One representation of a znode that a GET shows. */
export interface Representation {
  readonly stat: Stat;
  readonly tag: string | undefined;
  readonly type: 'application/octet-stream' | 'application/json';
  /** Made only where it is sent. */
  readonly body: () => string | Uint8Array;
  readonly bodyLength?: number;
  readonly varies?: boolean;
}

/** 200 with the representation, or 304 when the client has it. */
export function representationAnswer(
  settings: GatewaySettings,
  envelope: Envelope,
  shown: { readonly what: Representation; readonly known: EntityTags | undefined },
): Answer {
  const { what, known } = shown;
  const headers = envelopeHeaders(settings, envelope);
  if (what.varies === true) headers.push('Vary', 'Accept');
  if (what.tag !== undefined) {
    headers.push('ETag', what.tag);
    if (known !== undefined && namesTag(known, what.tag)) return { status: 304, headers };
  }
  headers.push('Zk-Version', String(what.stat.version), 'Zk-Stat', statHeader(what.stat));
  headers.push('Content-Type', what.type);
  if (what.bodyLength !== undefined) {
    return { status: 200, headers, bodyLength: what.bodyLength };
  }
  return { status: 200, headers, body: what.body() };
}

/** What a write made of a znode: 201 with its place where it is new, else 200. */
export function writtenAnswer(
  settings: GatewaySettings,
  answer: ResultAnswer,
  minimal: boolean,
): Answer {
  const result = answer.result as WriteResult;
  const { stat } = result;
  const headers = envelopeHeaders(settings, answer);
  headers.push('ETag', dataTag(stat), 'Zk-Version', String(stat.version));
  headers.push('Zk-Stat', statHeader(stat));
  if (result.created) headers.push('Location', `/znodes${encodePath(result.path)}`);
  if (minimal) return minimalAnswer(headers);
  headers.push('Content-Type', 'application/json');
  const status = result.created ? 201 : 200;
  return { status, headers, body: writtenText(result, answer.zxid) };
}

/**
 * Of a write with `Prefer: return=minimal` (RFC 7240): the headers alone. Always 204, also of a creation,
 * as OData has it: a 200 or 201 promises the JSON that the document declares, and clients would parse it.
 */
export function minimalAnswer(headers: string[]): Answer {
  headers.push('Preference-Applied', 'return=minimal');
  return { status: 204, headers };
}

const plainPath = /^[A-Za-z0-9\-._~/]*$/;

/** A znode path as part of a URL: header values are Latin-1 at best. */
export function encodePath(path: string): string {
  return plainPath.test(path) ? path : path.split('/').map(encodeURIComponent).join('/');
}
