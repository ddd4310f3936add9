/** Operations out of their JSON form, the same for bodies of REST and messages of a WebSocket. */
import type { Static } from '@sinclair/typebox';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import { ttlMaxMs } from '../../protocol/limits.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { NodeKind, ZnodePath } from '../../protocol/model.ts';
import type {
  CheckOperation,
  CreateOperation,
  DeleteOperation,
  MultiMember,
  MultiOperation,
  MultiReadOperation,
  SetOperation,
  VersionCondition,
} from '../../protocol/operations.ts';
import { parsePath, parseSequentialPrefix } from '../../protocol/path.ts';
import {
  CheckMemberSchema,
  CreateMemberSchema,
  DeleteMemberSchema,
  MultiReadMemberSchema,
  SetMemberSchema,
} from '../../protocol/schemas.ts';
import type { WireMultiReadMember } from '../../protocol/schemas.ts';
import { fromWireAcl } from './acl.ts';
import type { WireAclEntry } from './acl.ts';
import { checkDataSize, decodeData } from './data.ts';
import type { DataEncoding } from './data.ts';
import { conditionOfTags, conditionOfVersion, parseEntityTags } from './preconditions.ts';
import type { Facet } from './preconditions.ts';
import { suggestedPath } from './suggestions.ts';
import { validatorOf } from './validation.ts';

/** What to call a path in an error, and what to put before one that is suggested. */
interface PathContext {
  readonly field?: string;
  /** Of a URL, `/znodes` for example; absent in JSON. */
  readonly route?: string;
}

/** @throws CoordinationError BADARGUMENTS when the path breaks a rule or is too long */
export function znodePath(text: string, limits: Limits, context: PathContext = {}): ZnodePath {
  checkPathLength(text.length, limits, context.field);
  return suggesting(text, context, () => parsePath(text));
}

/** Ten digits follow a sequential prefix, so they count. @throws CoordinationError BADARGUMENTS */
export function createPath(
  text: string,
  sequential: boolean,
  { limits, ...context }: PathContext & { readonly limits: Limits },
): string {
  if (!sequential) return znodePath(text, limits, context);
  checkPathLength(text.length + sequenceDigits, limits);
  return suggesting(text, context, () => parseSequentialPrefix(text));
}

/** Adds to a refusal what may have been meant. */
function suggesting<T>(text: string, { route }: PathContext, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const meant = suggestedPath(text);
    if (!(error instanceof CoordinationError) || meant === undefined) throw error;
    const shown = route === undefined ? JSON.stringify(meant) : route + meant;
    const detail = `${error.message}; did you mean ${shown.slice(0, 200)}?`;
    throw new CoordinationError(error.code, detail, error.fields);
  }
}

const sequenceDigits = 10;

/** The options of a create, as JSON fields or as query flags. */
export interface CreateOptions {
  readonly ephemeral?: boolean | undefined;
  readonly sequential?: boolean | undefined;
  readonly container?: boolean | undefined;
  readonly ttlMs?: number | undefined;
}

export interface CreateKind {
  readonly kind: NodeKind;
  readonly sequential: boolean;
  readonly ttlMs?: number;
}

/** @throws CoordinationError BADARGUMENTS for options that exclude one another and a TTL out of range */
export function createKind(options: CreateOptions, where = ''): CreateKind {
  const { sequential = false, ttlMs } = options;
  const kinds = specialKinds(options);
  if (kinds.length > 1) throw badArgument(`${where}${kinds.join(' and ')} exclude one another`);
  const kind = kinds[0] ?? 'persistent';
  if (kind === 'container' && sequential) {
    throw badArgument(`${where}container and sequential exclude one another`);
  }
  if (ttlMs === undefined) return { kind, sequential };
  if (ttlMs < 1 || ttlMs > ttlMaxMs) {
    throw badArgument(`${where}ttl: ${ttlMs} ms is not between 1 and ${ttlMaxMs} ms`);
  }
  return { kind, sequential, ttlMs };
}

function specialKinds({ ephemeral, container, ttlMs }: CreateOptions): NodeKind[] {
  const kinds: NodeKind[] = [];
  if (ephemeral === true) kinds.push('ephemeral');
  if (container === true) kinds.push('container');
  if (ttlMs !== undefined) kinds.push('ttl');
  return kinds;
}

export interface CreateFields extends CreateOptions {
  readonly data?: string | undefined;
  readonly encoding?: DataEncoding | undefined;
  readonly acl?: readonly WireAclEntry[] | undefined;
  readonly parents?: boolean | undefined;
  readonly inheritAcl?: boolean | undefined;
}

export interface DecodeContext {
  readonly limits: Limits;
  /** Put before field names in errors, for example `operations[3].`. */
  readonly where?: string;
  /** Put before a path that is suggested, for example `/znodes`. */
  readonly route?: string;
}

/** @throws CoordinationError BADARGUMENTS, INVALIDACL, TOOLARGE */
export function createOperation(
  path: string,
  fields: CreateFields,
  context: DecodeContext,
): CreateOperation {
  const { limits, where = '' } = context;
  const kind = createKind(fields, where);
  const { acl, parents, inheritAcl } = fields;
  if (acl !== undefined && inheritAcl === true) {
    throw badArgument(`${where}acl and ${where}inheritAcl exclude one another`);
  }
  return {
    type: 'create',
    path: createPath(path, kind.sequential, context),
    data: dataOf(fields, context),
    ...kind,
    ...(parents === true && { parents }),
    ...(acl !== undefined && { acl: fromWireAcl(acl, limits) }),
    ...(inheritAcl === true && { inheritAcl }),
  };
}

/**
 * @param name what to call the parameter in an error
 * @throws CoordinationError BADARGUMENTS for an encoding where no data is asked for
 */
export function checkEncodingUse(
  encoding: DataEncoding | undefined,
  added: 'stat' | 'data' | undefined,
  name = 'query parameter "encoding"',
): void {
  if (encoding === undefined || added === 'data') return;
  throw badArgument(`${name}: has no effect without data, ask for it with "with": data`);
}

interface CountingFields {
  readonly depth?: number | undefined;
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
  readonly count?: boolean | undefined;
}

/** @throws CoordinationError BADARGUMENTS for a page of a number */
export function checkCounting({ depth, limit, after, count }: CountingFields, name = 'count') {
  if (count !== true || (depth ?? limit ?? after) === undefined) return;
  throw badArgument(`${name}: excludes depth, limit and after, it counts all`);
}

export interface ConditionFields {
  readonly version?: number | undefined;
  readonly ifMatch?: string | undefined;
}

/** @throws CoordinationError BADARGUMENTS when both are given or the tag is unparsable */
export function conditionOf(
  fields: ConditionFields,
  where = '',
  facet: Facet = 'data',
): VersionCondition {
  const { version, ifMatch } = fields;
  if (version !== undefined && ifMatch !== undefined) {
    throw badArgument(`${where}version and ${where}ifMatch exclude one another`);
  }
  if (version !== undefined) return conditionOfVersion(version);
  if (ifMatch === undefined) return undefined;
  const name = `${where}ifMatch`;
  return conditionOfTags(parseEntityTags(ifMatch, name), name, facet);
}

/**
 * @throws CoordinationError BADARGUMENTS naming the member, INVALIDACL, TOOLARGE
 */
export function multiOperation(members: readonly unknown[], limits: Limits): MultiOperation {
  checkCount(members.length, limits);
  const operations = members.map((member, index) => multiMember(member, index, limits));
  const bytes = operations.reduce((sum, operation) => sum + bytesOf(operation), 0);
  if (bytes > limits.transactionBytesMax) {
    const detail = `operations: ${bytes} bytes of data and paths exceed ${limitText(limits, 'transactionBytesMax')}`;
    throw new CoordinationError('TOOLARGE', detail);
  }
  return { type: 'multi', operations };
}

/** The members, and beside each how its data is to be shown. */
export interface DecodedMultiRead {
  readonly operation: MultiReadOperation;
  readonly encodings: readonly (DataEncoding | undefined)[];
}

/** @throws CoordinationError BADARGUMENTS naming the member */
export function multiReadOperation(members: readonly unknown[], limits: Limits): DecodedMultiRead {
  checkCount(members.length, limits);
  const wire = members.map((member, index) => checkRead(member, `operations[${index}]`));
  for (const [index, { op, encoding }] of wire.entries()) {
    if (encoding === undefined || op === 'get') continue;
    throw badArgument(`operations[${index}].encoding: has no effect on ${op}, which shows no data`);
  }
  return {
    operation: {
      type: 'multiRead',
      operations: wire.map((member, index) => ({
        type: member.op,
        path: memberPath(member, `operations[${index}].`, limits),
      })),
    },
    encodings: wire.map(({ encoding }) => encoding),
  };
}

const checkCreate = validatorOf(CreateMemberSchema);
const checkSet = validatorOf(SetMemberSchema);
const checkDelete = validatorOf(DeleteMemberSchema);
const checkCheck = validatorOf(CheckMemberSchema);
const checkRead = validatorOf(MultiReadMemberSchema);

function multiMember(member: unknown, index: number, limits: Limits): MultiMember {
  const name = `operations[${index}]`;
  const context: DecodeContext = { limits, where: `${name}.` };
  switch (opOf(member)) {
    case 'create': {
      const { path, ...fields } = checkCreate(member, name);
      return naming(name, () => createOperation(path, fields, context));
    }
    case 'set':
      return setMember(checkSet(member, name), context);
    case 'delete':
      return deleteMember(checkDelete(member, name), context);
    case 'check':
      return checkMember(checkCheck(member, name), context);
    default:
      throw badArgument(`${name}.op: must be one of "create", "set", "delete", "check"`);
  }
}

function opOf(member: unknown): unknown {
  return typeof member === 'object' && member !== null && 'op' in member ? member.op : undefined;
}

function setMember(member: Static<typeof SetMemberSchema>, context: DecodeContext): SetOperation {
  const { limits, where = '' } = context;
  return {
    type: 'set',
    path: memberPath(member, where, limits),
    data: dataOf(member, context),
    ...withCondition(member, where),
  };
}

function deleteMember(
  member: Static<typeof DeleteMemberSchema>,
  { limits, where = '' }: DecodeContext,
): DeleteOperation {
  return {
    type: 'delete',
    path: memberPath(member, where, limits),
    ...withCondition(member, where),
  };
}

function checkMember(
  member: Static<typeof CheckMemberSchema>,
  { limits, where = '' }: DecodeContext,
): CheckOperation {
  const path = memberPath(member, where, limits);
  const condition = withCondition(member, where);
  if (member.exists !== false) return { type: 'check', path, ...condition };
  if ('condition' in condition) {
    throw badArgument(`${where}exists: false excludes a version`);
  }
  return { type: 'check', path, exists: false };
}

function withCondition(
  fields: ConditionFields,
  where: string,
): { condition?: Exclude<VersionCondition, undefined> } {
  const condition = conditionOf(fields, where);
  return condition === undefined ? {} : { condition };
}

function memberPath(
  { path }: Pick<WireMultiReadMember, 'path'>,
  where: string,
  limits: Limits,
): ZnodePath {
  return naming(where.slice(0, -1), () => znodePath(path, limits));
}

/** Says which member a fault is in. */
function naming<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof CoordinationError) || error.message.startsWith(name)) throw error;
    throw new CoordinationError(error.code, `${name}: ${error.message}`, error.fields);
  }
}

function dataOf(
  fields: { readonly data?: string | undefined; readonly encoding?: DataEncoding | undefined },
  { limits, where = '' }: DecodeContext,
): Uint8Array {
  const field = `${where}data`;
  return checkDataSize(decodeData(fields, field), limits, field);
}

function bytesOf(operation: MultiMember): number {
  return operation.path.length + ('data' in operation ? operation.data.length : 0);
}

function checkCount(count: number, limits: Limits): void {
  if (count > limits.multiOperationsMax) {
    const detail = `operations: ${count} operations exceed ${limitText(limits, 'multiOperationsMax')}`;
    throw new CoordinationError('TOOLARGE', detail);
  }
}

function checkPathLength(length: number, limits: Limits, field = 'path'): void {
  if (length > limits.pathLengthMax) {
    throw badArgument(
      `${field}: ${length} characters exceed ${limitText(limits, 'pathLengthMax')}`,
    );
  }
}

function badArgument(detail: string): CoordinationError {
  return new CoordinationError('BADARGUMENTS', detail);
}
