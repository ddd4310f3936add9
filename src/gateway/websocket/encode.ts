/** Results as JSON text: for each type of request, the fields behind `type`, `id` and `zxid`. */
import { nameOf } from '../../protocol/path.ts';
import type {
  AclResult,
  ChildrenResult,
  CountResult,
  DataResult,
  EphemeralsResult,
  IdentifyResult,
  MultiReadResult,
  MultiResult,
  Result,
  StatResult,
  TreeResult,
  WhoamiResult,
  WriteResult,
} from '../../protocol/operations.ts';
import { encodeData } from '../common/data.ts';
import type { DataEncoding } from '../common/data.ts';
import {
  wireAcl,
  wireChildren,
  wireMultiReadResults,
  wireMultiResults,
} from '../common/results.ts';
import { quoted, statText } from './json.ts';

/**
 * The fields of one result, each with a comma before it. The coordinator answers an operation with that
 * operation's result, so that an encoder is only ever given its own.
 */
export type Encoder = (result: never) => string;

/** Runs an encoder on the result of its own operation. */
export function encodeWith(encoder: Encoder, result: Result): string {
  return encoder(result as never);
}

export function encodeNothing(): string {
  return '';
}

export function encodeCreated({ path, created, sequence, stat }: WriteResult): string {
  const number = sequence === undefined ? '' : `,"sequence":${sequence}`;
  return `,"path":${quoted(path)},"name":${quoted(nameOf(path))}${number},"created":${String(created)},"stat":${statText(stat)}`;
}

export function encodePut({ path, created, stat }: WriteResult): string {
  return `,"path":${quoted(path)},"created":${String(created)},"stat":${statText(stat)}`;
}

/** Of set, setAcl and exists. */
export function encodeStat({ path, stat }: StatResult): string {
  return `,"path":${quoted(path)},"stat":${statText(stat)}`;
}

export function encodeGet({ path, data, stat }: DataResult): string {
  const shown = encodeData(data);
  const text = shown.encoding === 'utf8' ? quoted(shown.data) : `"${shown.data}"`;
  return `,"path":${quoted(path)},"data":${text},"encoding":"${shown.encoding}","stat":${statText(stat)}`;
}

export function encodeGetBase64({ path, data, stat }: DataResult): string {
  const shown = encodeData(data, 'base64');
  return `,"path":${quoted(path)},"data":"${shown.data}","encoding":"base64","stat":${statText(stat)}`;
}

/** A listing of names alone. */
export function encodeChildNames({ path, children, stat, next }: ChildrenResult): string {
  const names = children.map(({ name }) => quoted(name)).join(',');
  const more = next === undefined ? '' : `,"next":${quoted(next)}`;
  return `,"path":${quoted(path)},"children":[${names}],"stat":${statText(stat)}${more}`;
}

/** For a listing with stat or data. */
export function childEntriesEncoder(encoding: DataEncoding | undefined): Encoder {
  return (result: ChildrenResult) => fieldsOf(wireChildren(result, { detailed: true, encoding }));
}

export function encodeTree(result: TreeResult | CountResult): string {
  return fieldsOf(result);
}

export function encodeAcl(result: AclResult): string {
  return fieldsOf(wireAcl(result));
}

export function encodeMulti(result: MultiResult): string {
  return fieldsOf({ results: wireMultiResults(result) });
}

export function multiReadEncoder(encodings: readonly (DataEncoding | undefined)[]): Encoder {
  return (result: MultiReadResult) =>
    fieldsOf({ results: wireMultiReadResults(result, encodings) });
}

export function encodeIdentities({ identities }: IdentifyResult): string {
  return fieldsOf({ identities });
}

export function encodeWhoami({ identities, session }: WhoamiResult): string {
  return fieldsOf({ identities, session });
}

export function encodeEphemerals({ paths }: EphemeralsResult): string {
  return fieldsOf({ paths });
}

/** The fields of an object that has at least one, ready to stand behind others. */
function fieldsOf(value: object): string {
  return `,${JSON.stringify(value).slice(1, -1)}`;
}
