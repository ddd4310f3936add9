/** Zoogate's JSON answers as observations: what WebSocket and REST have in common. */
import { errorTable, type ErrorCode } from '../../src/protocol/errors.ts';
import { Perms, type AclEntry } from '../../src/protocol/model.ts';
import type { BasePath, Observation, ObservedMember, ObservedStat } from './observation.ts';
import { bytesOf, type Member, type Step } from './program.ts';

export type Json = Readonly<Record<string, unknown>>;

const letters = [
  ['c', Perms.CREATE],
  ['d', Perms.DELETE],
  ['r', Perms.READ],
  ['w', Perms.WRITE],
  ['a', Perms.ADMIN],
] as const;

export function aclToJson(acl: readonly AclEntry[]): Json[] {
  return acl.map(({ scheme, id, perms }) => ({
    scheme,
    id,
    perms: letters.flatMap(([letter, bit]) => ((perms & bit) === 0 ? [] : [letter])).join(''),
  }));
}

/** Data in JSON: as text where it is text. */
export function dataToJson(data: string): Json {
  if (data === '') return {};
  return data.startsWith('base64:')
    ? { data: bytesOf(data).toString('base64'), encoding: 'base64' }
    : { data };
}

/** An absent version is any. */
export const versionToJson = (version: number): Json => (version === -1 ? {} : { version });

/** The fields of a create, set, delete or check, beside its type and path. */
export function memberFields(member: Member): Json {
  switch (member.type) {
    case 'create':
      return {
        ...dataToJson(member.data),
        ...(member.kind === 'ephemeral' ? { ephemeral: true } : {}),
        ...(member.kind === 'container' ? { container: true } : {}),
        ...(member.kind === 'ttl' ? { ttlMs: member.ttlMs } : {}),
        ...(member.sequential ? { sequential: true } : {}),
        ...(member.acl === undefined ? {} : { acl: aclToJson(member.acl) }),
      };
    case 'set':
      return { ...dataToJson(member.data), ...versionToJson(member.version) };
    case 'delete':
    case 'check':
      return versionToJson(member.version);
  }
}

/** ZooKeeper's number for a code; one that ZooKeeper does not have keeps its name, as NaN would lose it. */
export function codeNumber(code: string): number {
  if (code === 'OK') return 0;
  const spec = code in errorTable ? errorTable[code as ErrorCode] : undefined;
  if (spec?.zkCode === undefined || spec.zkCode === null) {
    throw new Error(`Zoogate answered ${code}, which ZooKeeper does not have`);
  }
  return spec.zkCode;
}

export function readStat(json: unknown): ObservedStat {
  const stat = json as Record<string, number>;
  const field = (name: string): number => {
    const value = stat[name];
    if (typeof value !== 'number') throw new Error(`stat without ${name}: ${JSON.stringify(json)}`);
    return value;
  };
  return {
    czxid: field('czxid'),
    mzxid: field('mzxid'),
    pzxid: field('pzxid'),
    ctime: field('ctime'),
    mtime: field('mtime'),
    version: field('version'),
    cversion: field('cversion'),
    aversion: field('aversion'),
    ephemeralOwner: String(field('ephemeralOwner')),
    dataLength: field('dataLength'),
    numChildren: field('numChildren'),
    kind: String((json as Json)['kind']),
  };
}

/** A failed multi tells its members; any other problem only its number. */
export function problemToObservation(problem: Json): Observation {
  const code = codeNumber(String(problem['code']));
  if (problem['zkCode'] !== code) {
    throw new Error(`code and zkCode disagree: ${JSON.stringify(problem)}`);
  }
  const results = problem['results'] as readonly Json[] | undefined;
  if (results === undefined) return { code };
  return { code, members: results.map((member) => ({ code: codeNumber(String(member['code'])) })) };
}

function readData(json: Json): string {
  const encoding = json['encoding'] === 'base64' ? 'base64' : 'utf8';
  return Buffer.from(String(json['data']), encoding).toString('base64');
}

function readAcl(json: unknown): string[] {
  return (json as readonly Json[]).map(({ scheme, id, perms }) => {
    const bits = letters.reduce(
      (sum, [letter, bit]) => sum + (String(perms).includes(letter) ? bit : 0),
      0,
    );
    return `${String(scheme)}:${String(id)}:${bits}`;
  });
}

/** ZooKeeper's whoAmI tells users without their hashes. */
function readIdentities(json: unknown): string[] {
  return (json as readonly Json[])
    .map(({ scheme, id }) => `${String(scheme)}:${String(id).split(':')[0] ?? ''}`)
    .sort();
}

const readNames = (json: unknown): string[] =>
  (json as readonly (string | Json)[]).map((child) =>
    typeof child === 'string' ? child : String(child['name']),
  );

/** The result of a successful step. */
export function resultToObservation(step: Step, json: Json, paths: BasePath): Observation {
  const zxid = Number(json['zxid']);
  switch (step.type) {
    case 'create':
      return { code: 0, zxid, path: paths.relative(String(json['path'])), stat: statOf(json) };
    case 'set':
    case 'setAcl':
      return { code: 0, zxid, stat: statOf(json) };
    case 'delete':
      return { code: 0, zxid };
    case 'multi':
      return { code: 0, zxid, members: multiMembers(step.members, json, paths) };
    case 'multiRead':
      return { code: 0, members: readMembers(json) };
    default:
      return { code: 0, ...readResult(step, json, paths) };
  }
}

const statOf = (json: Json): ObservedStat => readStat(json['stat']);

function readResult(step: Step, json: Json, paths: BasePath): Partial<Observation> {
  switch (step.type) {
    case 'get':
      return { data: readData(json), stat: statOf(json) };
    case 'exists':
      return { stat: statOf(json) };
    case 'children':
      return { children: readNames(json['children']), stat: statOf(json) };
    case 'acl':
      return { acl: readAcl(json['acl']), stat: statOf(json) };
    case 'count':
      return { count: Number(json['descendants']) };
    case 'ephemerals': {
      const found = json['paths'] as readonly string[];
      return { paths: found.map((path) => paths.relative(path)).sort() };
    }
    case 'whoami':
      return { identities: readIdentities(json['identities']) };
    default:
      return {};
  }
}

function multiMembers(members: readonly Member[], json: Json, paths: BasePath): ObservedMember[] {
  const results = json['results'] as readonly Json[];
  return results.map((result, index) => {
    const type = members[index]?.type;
    return {
      code: codeNumber(String(result['code'])),
      ...(type === 'create' ? { path: paths.relative(String(result['path'])) } : {}),
      ...(type === 'create' || type === 'set' ? { stat: statOf(result) } : {}),
    };
  });
}

function readMembers(json: Json): ObservedMember[] {
  return (json['results'] as readonly Json[]).map((result) => {
    const code = codeNumber(String(result['code']));
    if (code !== 0) return { code };
    return result['op'] === 'get'
      ? { code, data: readData(result), stat: statOf(result) }
      : { code, children: readNames(result['children']) };
  });
}
