/** Results in their JSON form, the same for REST and WebSocket. */
import type { Stat, ZnodePath, Zxid } from '../../protocol/model.ts';
import type {
  AclResult,
  ChildEntry,
  ChildrenResult,
  DataResult,
  MultiReadMemberResult,
  MultiReadResult,
  MultiResult,
  WriteResult,
} from '../../protocol/operations.ts';
import { nameOf } from '../../protocol/path.ts';
import { toWireAcl } from './acl.ts';
import type { WireAclEntry } from './acl.ts';
import { encodeData } from './data.ts';
import type { DataEncoding } from './data.ts';

/**
 * What a write made of a znode, as JSON text. Put together by hand, since every write passes here and
 * `JSON.stringify` costs as much as the rest of the answer. `name` is what recipes compare.
 */
export function writtenText(result: WriteResult, zxid: Zxid): string {
  const { path, created, sequence, stat } = result;
  const count = sequence === undefined ? '' : `"sequence":${sequence},`;
  return (
    `{"path":${JSON.stringify(path)},"name":${JSON.stringify(nameOf(path))},${count}` +
    `"created":${created ? 'true' : 'false'},"stat":${statText(stat)},"zxid":${zxid}}`
  );
}

/** A stat as JSON text. */
export function statText(stat: Stat): string {
  const ttl = stat.ttlMs === undefined ? '' : `,"ttlMs":${stat.ttlMs}`;
  return (
    `{"czxid":${stat.czxid},"mzxid":${stat.mzxid},"pzxid":${stat.pzxid},"ctime":${stat.ctime},` +
    `"mtime":${stat.mtime},"version":${stat.version},"cversion":${stat.cversion},` +
    `"aversion":${stat.aversion},"ephemeralOwner":${stat.ephemeralOwner},` +
    `"dataLength":${stat.dataLength},"numChildren":${stat.numChildren},"kind":"${stat.kind}"${ttl}}`
  );
}

export function wireData(result: DataResult, asked?: DataEncoding): object {
  return { path: result.path, ...encodeData(result.data, asked), stat: result.stat };
}

/** Names alone, or with `detailed` an object a child. */
export function wireChildren(
  result: ChildrenResult,
  options: { readonly detailed: boolean; readonly encoding?: DataEncoding | undefined },
): object {
  const { path, children, stat, next } = result;
  return {
    path,
    children: options.detailed
      ? children.map((child) => wireChild(child, options.encoding))
      : children.map(({ name }) => name),
    stat,
    ...(next !== undefined && { next }),
  };
}

function wireChild({ name, stat, data }: ChildEntry, asked?: DataEncoding): object {
  return {
    name,
    ...(stat !== undefined && { stat }),
    ...(data !== undefined && encodeData(data, asked)),
  };
}

export function wireAcl(result: AclResult): {
  readonly path: ZnodePath;
  readonly acl: WireAclEntry[];
  readonly stat: Stat;
} {
  return { path: result.path, acl: toWireAcl(result.acl), stat: result.stat };
}

export function wireMultiResults({ results }: MultiResult): object[] {
  return results.map(({ op, path, sequence, stat }) => ({
    op,
    path,
    ...(sequence !== undefined && { sequence }),
    ...(stat !== undefined && { stat }),
    code: 'OK',
  }));
}

export function wireMultiReadResults(
  { results }: MultiReadResult,
  encodings: readonly (DataEncoding | undefined)[],
): object[] {
  return results.map((member, index) => wireReadMember(member, encodings[index]));
}

function wireReadMember(member: MultiReadMemberResult, encoding?: DataEncoding): object {
  if (!('result' in member)) return { op: member.op, path: member.path, code: member.code };
  const { op, code } = member;
  switch (op) {
    case 'get':
      return { op, code, ...wireData(member.result, encoding) };
    case 'exists':
      return { op, code, path: member.result.path, stat: member.result.stat };
    case 'children':
      return { op, code, ...wireChildren(member.result, { detailed: false }) };
    case 'acl':
      return { op, code, ...wireAcl(member.result) };
  }
}
